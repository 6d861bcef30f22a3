"""A server: two routes, one with a name in its path.

    python examples/hello_server.py [PORT]

Then open http://localhost:8080/quinde. Ctrl-C stops it after the requests under way are answered.
"""

import sys

from quinde import web

routes = web.RouteTableDef()


@routes.get("/")
async def index(request: web.Request) -> web.Response:
    return web.json_response({"routes": ["/", "/{name}"]})


@routes.get("/{name}")
async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"Hello, {request.match_info['name']}!")


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
