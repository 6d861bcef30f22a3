"""Streams both ways: neither end ever holds a whole body.

    python examples/streaming.py

The client sends numbers as an async generator makes them; the server adds them up as they arrive and sends
each sum back at once, in a chunked answer that the client reads piece by piece.
"""

import asyncio
from collections.abc import AsyncIterator

import quinde
from quinde import web


async def running_sum(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    total, rest = 0, b""
    async for piece in request.content.iter_any():
        # Pieces end anywhere, so what follows the last line break is kept for the next one.
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            total += int(line)
            await response.write(f"{total}\n".encode())
    await response.write_eof()
    return response


async def numbers() -> AsyncIterator[bytes]:
    for number in range(1, 6):
        yield f"{number}\n".encode()
        await asyncio.sleep(0)  # a real program waits here for its source


async def main() -> None:
    app = web.Application()
    app.add_routes([web.post("/sum", running_sum)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with (
            quinde.ClientSession() as session,
            session.post(f"http://127.0.0.1:{port}/sum", data=numbers()) as response,
        ):
            text = b""
            async for piece in response.content.iter_chunked(1024):
                text += piece
            print("sums:", *text.decode().split())
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
