"""The first coroutine of the talk: it sleeps, and prints.

    python examples/talk/delayed_print.py

Awaited, one comes after the other; as tasks, they sleep at the same time.
"""

import asyncio
import time


async def delayedPrint(delay: float, text: str) -> None:  # noqa: N802 -- the talk's name
    await asyncio.sleep(delay)
    print(text)


async def main() -> None:
    begun = time.perf_counter()
    await delayedPrint(0.2, "hello")
    await delayedPrint(0.1, "world")
    print(f"awaited: {time.perf_counter() - begun:.1f} s")

    begun = time.perf_counter()
    hello = asyncio.create_task(delayedPrint(0.2, "hello"))
    world = asyncio.create_task(delayedPrint(0.1, "world"))
    await hello
    await world
    print(f"as tasks: {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    asyncio.run(main())
