"""Handlers and routes: one with a name in its path, one for what is posted, and several added at once.

    python examples/talk/add_routes.py

Then open http://localhost:8080/hello/Medellín. Ctrl-C stops it.
"""

from quinde import web


async def index(request: web.Request) -> web.Response:
    return web.Response(text="say hello to somebody: /hello/NAME")


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"Hello, {request.match_info['name']}")


async def shout(request: web.Request) -> web.Response:
    return web.Response(text=(await request.text()).upper())


app = web.Application()
app.add_routes(
    [
        web.get("/", index),
        web.get("/hello/{name}", hello),
        web.post("/shout", shout),
    ]
)

if __name__ == "__main__":
    web.run_app(app)
