"""aiohttp's server, on asyncio or uvloop."""

from aiohttp import web
from application import serve

if __name__ == "__main__":
    serve(web)
