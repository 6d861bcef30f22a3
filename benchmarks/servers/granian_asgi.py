"""granian on ASGI, with the same application as uvicorn."""

from granian.constants import Interfaces
from granian_server import serve

if __name__ == "__main__":
    serve("asgi:app", Interfaces.ASGI)
