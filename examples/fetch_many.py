"""A client: fetch many addresses at once, at most ten under way, and survive the bad ones.

    python examples/fetch_many.py http://localhost:8080/uno http://localhost:8080/dos http://localhost:8080/tres

Prints a line for each address as its answer arrives, in any order.
"""

import asyncio
import sys

import quinde

AT_ONCE = 10


async def fetch(session: quinde.ClientSession, url: str) -> None:
    try:
        async with session.get(url) as response:
            body = await response.read()
    except (quinde.ClientError, TimeoutError) as error:
        print(f"{url}: {type(error).__name__}: {error}")
    else:
        print(f"{url}: {response.status}, {len(body)} bytes")


async def main(urls: list[str]) -> None:
    # One session for all: it keeps connections and uses them again, up to the connector's limit.
    connector = quinde.TCPConnector(limit=AT_ONCE)
    timeout = quinde.ClientTimeout(total=30)
    async with (
        quinde.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        for url in urls:
            group.create_task(fetch(session, url))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: fetch_many.py URL...")
    asyncio.run(main(sys.argv[1:]))
