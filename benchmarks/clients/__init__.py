"""One small file a client; each opens itself by `connect(origin, in_flight)` and gives `fetch(path) → size`.

drive.py runs any of them: `python clients/drive.py --client NAME --origin URL --loop asyncio`.
"""
