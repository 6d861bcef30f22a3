"""uvicorn with its fast parts, httptools and uvloop, under a bare ASGI application."""

import uvicorn
from asgi import app
from options import make_parser

if __name__ == "__main__":
    chosen = make_parser("uvloop").parse_args()
    certificate, key = chosen.tls or (None, None)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=chosen.port,
        loop=chosen.loop,
        http="httptools",
        lifespan="off",
        log_level="error",
        access_log=False,
        # Its default of 5 s would close the idle connections whose memory is measured.
        timeout_keep_alive=3600,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
