"""The hello server of the talk.

    python examples/talk/hello_server.py

Then run client.py beside it, or open http://localhost:8080/. Ctrl-C stops it.
"""

from quinde import web


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, world")


app = web.Application()
app.add_routes([web.get("/", hello)])

if __name__ == "__main__":
    web.run_app(app)
