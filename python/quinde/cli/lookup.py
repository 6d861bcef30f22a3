"""A resolver for programs that must be able to end at any time.

The system's resolver blocks, for half a minute where name servers are silent, and the executor of an event
loop is waited for at the end. Here each look-up has a thread that nobody waits for.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

from quinde.net.resolver import ThreadedResolver

__all__ = ("ImpatientResolver",)


class ImpatientResolver(ThreadedResolver):
    """Ask the operating system, in threads that end with the process at the latest."""

    def __init__(self) -> None:
        super().__init__(cast(asyncio.AbstractEventLoop, _LoopsNames()))


class _LoopsNames:
    """The two methods of an event loop that speak of names, without its executor."""

    async def getaddrinfo(self, host: str, port: int, **options: Any) -> Any:
        return await _in_thread(socket.getaddrinfo, host, port, **options)

    async def getnameinfo(self, address: Any, flags: int) -> Any:
        return await _in_thread(socket.getnameinfo, address, flags)


async def _in_thread(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if answer.done():
            return  # cancelled
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def work() -> None:
        result, failure = None, None
        try:
            result = function(*arguments, **options)
        except Exception as error:  # whatever it is, it is for who waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, name="look-up", daemon=True).start()
    return await answer
