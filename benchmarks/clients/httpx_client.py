"""httpx's AsyncClient."""

import functools

import httpx
from async_client import open_client

connect = functools.partial(open_client, httpx)
