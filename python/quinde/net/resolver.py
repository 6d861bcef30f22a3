"""Host names to addresses: the resolver interface, the one that asks the system, and a bounded cache before
any.

Knows the loop's `getaddrinfo` and nothing of HTTP. The names are aiohttp's (`quinde.abc` re-exports the
interface).
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = (
    "AbstractResolver",
    "CachedResolver",
    "DefaultResolver",
    "LookupWatcher",
    "ResolveResult",
    "ThreadedResolver",
    "is_canonical_ipv4",
    "is_ip_address",
)

_NUMERIC_HOST = re.compile(r"\.*\d[\d.]*")
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class ResolveResult(TypedDict):
    """Describe one address of a host."""

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int


class AbstractResolver(ABC):
    """Turn host names into addresses. Subclass it to ask somebody else than the system."""

    @abstractmethod
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look a host up.

        Args:
            host: its name.
            port: copied into the results.
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.

        Raises:
            OSError: the name does not resolve.
        """

    @abstractmethod
    async def close(self) -> None:
        """Release what the resolver holds."""


class ThreadedResolver(AbstractResolver):
    """Ask the operating system, in the loop's default executor."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look a host up by getaddrinfo.

        Raises:
            socket.gaierror: the name does not resolve.
        """
        infos = await self._loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        results: list[ResolveResult] = []
        for found, _, proto, _, address in infos:
            numeric: str = str(address[0])
            if found == socket.AF_INET6:
                if len(address) < 4:
                    continue  # a Python that was built without IPv6
                if address[3]:
                    # A link-local address is of no use without its zone, which only getnameinfo spells out.
                    flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
                    numeric, _ = await self._loop.getnameinfo(address, flags)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=numeric,
                    port=int(address[1]),
                    family=found,
                    proto=proto,
                    flags=_NUMERIC,
                )
            )
        return results

    async def close(self) -> None:
        """Do nothing: the executor is the loop's."""


DefaultResolver = ThreadedResolver


class LookupWatcher(Protocol):
    """Who is told how a host was looked up."""

    async def known(self, host: str) -> None:
        """Hear that the answer is remembered, or on its way because somebody else asked."""

    async def unknown(self, host: str) -> None:
        """Hear that the resolver is asked."""

    async def found(self, host: str) -> None:
        """Hear that it has answered."""


class CachedResolver:
    """Remember what a resolver says, for a while and for so many hosts; ask it once for all who wait.

    A lookup runs in a task of its own: cancelling one of those who wait for it leaves it to the others. Its
    answer is rotated by one address at each use, so that connections spread over a host's addresses.

    Args:
        resolver: who is asked.
        ttl: seconds for which an answer holds; None for ever.
        max_size: hosts remembered; the least recently used one goes first.
    """

    def __init__(self, resolver: AbstractResolver, *, ttl: float | None = 10, max_size: int = 1000) -> None:
        self._resolver = resolver
        self._ttl = ttl
        self._max_size = max_size
        self._answers: OrderedDict[tuple[str, int], tuple[list[ResolveResult], float]] = OrderedDict()
        self._lookups: dict[tuple[str, int], asyncio.Task[list[ResolveResult]]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, key: tuple[str, int]) -> bool:
        return key in self._answers

    def cached(self, host: str, port: int) -> list[ResolveResult] | None:
        """Give what is remembered of a host, None if that is nothing or too old."""
        key = (host, port)
        answer = self._answers.get(key)
        if answer is None:
            return None
        addresses, expires = answer
        if self._ttl is not None and time.monotonic() > expires:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        result = addresses.copy()
        addresses.append(addresses.pop(0))
        return result

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily, watcher: LookupWatcher | None = None
    ) -> list[ResolveResult]:
        """Look a host up, from memory if it is there.

        Args:
            host: its name.
            port: copied into the results.
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.
            watcher: is told where the answer comes from.

        Raises:
            OSError: the name does not resolve. Failures are not remembered, but all who wait get them.
        """
        known = self.cached(host, port)
        if known is not None:
            if watcher is not None:
                await watcher.known(host)
            return known
        key = (host, port)
        lookup = self._lookups.get(key)
        asked = lookup is None
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(key, family), name=f"resolve {host}")
            self._lookups[key] = lookup
            lookup.add_done_callback(functools.partial(self._end_lookup, key))
        if watcher is not None:
            await (watcher.unknown(host) if asked else watcher.known(host))
        await asyncio.shield(lookup)
        if watcher is not None and asked:
            await watcher.found(host)
        remembered = self.cached(host, port)
        return lookup.result() if remembered is None else remembered

    async def _look_up(self, key: tuple[str, int], family: socket.AddressFamily) -> list[ResolveResult]:
        addresses = list(await self._resolver.resolve(*key, family=family))
        if addresses:
            self._remember(key, addresses)
        return addresses.copy()

    def _end_lookup(self, key: tuple[str, int], lookup: asyncio.Task[list[ResolveResult]]) -> None:
        del self._lookups[key]
        if not lookup.cancelled():
            lookup.exception()  # everybody who wanted it may have been cancelled: mark it as seen

    def _remember(self, key: tuple[str, int], addresses: list[ResolveResult]) -> None:
        self._answers[key] = (addresses, time.monotonic() + (self._ttl or 0))
        self._answers.move_to_end(key)
        while len(self._answers) > self._max_size:
            self._answers.popitem(last=False)

    def forget(self, host: str, port: int) -> None:
        """Forget one host."""
        self._answers.pop((host, port), None)

    def clear(self) -> None:
        """Forget all hosts."""
        self._answers.clear()

    def cancel(self) -> Sequence[asyncio.Task[list[ResolveResult]]]:
        """Cancel the lookups under way, and give their tasks to wait for."""
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        return lookups


def is_ip_address(host: str) -> bool:
    """Tell whether a host is an address already: IPv6, or digits and dots, which no name server knows."""
    return bool(host) and (":" in host or _NUMERIC_HOST.fullmatch(host) is not None)


def is_canonical_ipv4(host: str) -> bool:
    """Tell whether an address is four decimal numbers.

    The system takes other spellings too (`127.1`, `2130706433`) and would lead past a rule that only reads
    the host.
    """
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host)) == host
    except OSError:
        return False
