"""One small file a server; each is started as `python servers/NAME.py --port N` and serves the same works.

GET / → `Hello, world!` · GET /users/{id} → `{"id": "42", "name": "quinde"}` · POST /echo → the body ·
GET /download → 100 KiB. More options: options.py.
"""
