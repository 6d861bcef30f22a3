"""Three counters at once: each counts to two, a second apart, and all of it takes a second.

python examples/talk/countasync.py
"""

import asyncio
import time


async def count() -> None:
    print("One")
    await asyncio.sleep(1)
    print("Two")


async def main() -> None:
    await asyncio.gather(count(), count(), count())


if __name__ == "__main__":
    begun = time.perf_counter()
    asyncio.run(main())
    print(f"{time.perf_counter() - begun:.1f} s")
