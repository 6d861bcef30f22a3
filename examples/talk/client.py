"""The client of the talk, in three steps: a session, a request, its text.

python examples/talk/hello_server.py    in one terminal
python examples/talk/client.py          in another one
"""

import asyncio

import quinde


async def main() -> None:
    async with quinde.ClientSession() as session:  # noqa: SIM117 -- three steps, one below the other
        async with session.get("http://localhost:8080/") as response:
            text = await response.text()
            print("status:", response.status)
            print("type:", response.headers["Content-Type"])
            print("body:", text)


if __name__ == "__main__":
    asyncio.run(main())
