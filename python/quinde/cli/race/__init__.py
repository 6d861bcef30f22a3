"""`quinde race`: the same requests made in several ways, compared. The command is in `command`.

Imports nothing: the processes of a race run modules of this package, and pay for what they use.
"""
