"""quinde's ClientSession, used exactly as aiohttp's; QUINDE_IO in the environment chooses the I/O backend."""

import functools

from session import open_session

import quinde

connect = functools.partial(open_session, quinde)
