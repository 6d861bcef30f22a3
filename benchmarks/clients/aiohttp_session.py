"""aiohttp's ClientSession."""

import functools

import aiohttp
from session import open_session

connect = functools.partial(open_session, aiohttp)
