"""`quinde race your_program.py`: somebody's own program, unedited, on aiohttp and on quinde.

`turns` runs it on both in turns, `timekeeper` runs and measures once, `outcome` holds the figures, `verdict`
says what they say, `report` and `page` show them.
"""
