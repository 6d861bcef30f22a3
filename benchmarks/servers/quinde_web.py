"""quinde's server, used exactly as aiohttp's; QUINDE_IO in the environment chooses the I/O backend."""

from application import serve

from quinde import web

if __name__ == "__main__":
    serve(web)
