"""httpx2's AsyncClient."""

import functools

import httpx2
from async_client import open_client

connect = functools.partial(open_client, httpx2)
