"""103 Early Hints (RFC 8297): name the style sheet while the page is still being made.

    python examples/early_hints.py

A browser fetches what a hint names without waiting for the page. Clients that want only the final answer
pass over the hint, so this program looks at the connection's own bytes to show both.
"""

import asyncio

from quinde import web


async def page(request: web.Request) -> web.Response:
    await request.send_informational(103, {"Link": "</style.css>; rel=preload; as=style"})
    body = await make_page()
    return web.Response(text=body, content_type="text/html")


async def make_page() -> str:
    await asyncio.sleep(0.05)  # a database, another service
    return '<link rel="stylesheet" href="/style.css"><h1>Hello</h1>\n'


async def show(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    for _ in range(2):
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.decode().splitlines():
            if line.startswith(("HTTP/", "Link:", "Content-Type:")):
                print(line)
    print((await reader.read()).decode(), end="")
    writer.close()
    await writer.wait_closed()


async def main() -> None:
    app = web.Application()
    app.add_routes([web.get("/", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await show(runner.addresses[0][1])
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
