"""One small file a client; each opens itself by `connect(origin, in_flight, authority)` and gives a `Fetch`.

`fetch(path)` asks by GET, `fetch(path, body)` by POST; both give the size of the body that came. `authority`
is a PEM file to verify the origin against, None for http. drive.py runs any of them:
`python clients/drive.py --client NAME --origin URL --loop asyncio`.
"""
