"""Names to addresses: the system's resolver through a loop that is asked, and the cache before it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from quinde.net import resolver as module
from quinde.net.resolver import (
    AbstractResolver,
    CachedResolver,
    DefaultResolver,
    ResolveResult,
    ThreadedResolver,
    is_canonical_ipv4,
    is_ip_address,
)


class Book(AbstractResolver):
    """A resolver that answers from a book, when it is allowed to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses or ("10.0.0.1",)
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        await self.gate.wait()
        if host == "nowhere":
            raise OSError("no such host")
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0)
            for ip in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


async def hosts(names: CachedResolver, host: str) -> list[str]:
    """Look up, and give the addresses alone."""
    return [result["host"] for result in await names.resolve(host, 80, socket.AF_INET)]


async def test_system_resolver() -> None:
    resolver = ThreadedResolver()
    results = await resolver.resolve("127.0.0.1", 80, socket.AF_INET)
    assert results == [
        {
            "hostname": "127.0.0.1",
            "host": "127.0.0.1",
            "port": 80,
            "family": socket.AF_INET,
            "proto": socket.IPPROTO_TCP,
            "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        }
    ]
    await resolver.close()
    assert DefaultResolver is ThreadedResolver


async def test_system_resolver_raises_what_the_system_says() -> None:
    with pytest.raises(socket.gaierror):
        await ThreadedResolver().resolve("no-such.invalid")


async def test_addresses_of_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loop:
        async def getaddrinfo(self, *_: Any, **__: Any) -> list[Any]:
            return [
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0)),
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 3)),
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (10, b"built without IPv6")),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.2.3.4", 80)),
            ]

        async def getnameinfo(self, address: Any, flags: int) -> tuple[str, str]:
            assert flags == socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
            return address[0] + "%eth0", str(address[1])

    resolver = ThreadedResolver(Loop())  # type: ignore[arg-type]
    assert [result["host"] for result in await resolver.resolve("h", 80)] == [
        "::1",
        "fe80::1%eth0",
        "1.2.3.4",
    ]


async def test_answers_are_remembered_for_a_while(clock: list[float]) -> None:
    book = Book()
    names = CachedResolver(book, ttl=10)
    for _ in range(3):
        await hosts(names, "a")
    assert book.asked == ["a"]
    assert ("a", 80) in names
    clock[0] += 10.1
    await hosts(names, "a")
    assert book.asked == ["a", "a"]


async def test_answers_may_hold_for_ever(clock: list[float]) -> None:
    book = Book()
    names = CachedResolver(book, ttl=None)
    await hosts(names, "a")
    clock[0] += 1e9
    await hosts(names, "a")
    assert book.asked == ["a"]


async def test_least_recently_used_host_goes_first() -> None:
    names = CachedResolver(Book(), max_size=2)
    for host in ("a", "b", "a", "c"):
        await hosts(names, host)
    assert [(host, 80) in names for host in "abc"] == [True, False, True]
    assert len(names) == 2


async def test_addresses_take_turns() -> None:
    names = CachedResolver(Book("1", "2", "3"))
    assert [(await hosts(names, "a"))[0] for _ in range(4)] == ["1", "2", "3", "1"]
    assert sorted(await hosts(names, "a")) == ["1", "2", "3"]


async def test_one_lookup_serves_all_who_wait() -> None:
    book = Book()
    book.gate.clear()
    names = CachedResolver(book)
    waiting = [asyncio.create_task(hosts(names, "a")) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[3].cancel()
    await asyncio.sleep(0)
    book.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [result for result in results if not isinstance(result, BaseException)] == [["10.0.0.1"]] * 3
    assert book.asked == ["a"]


async def test_failures_are_shared_and_not_remembered() -> None:
    book = Book()
    names = CachedResolver(book)
    results = await asyncio.gather(*(hosts(names, "nowhere") for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    assert book.asked == ["nowhere"]
    with pytest.raises(OSError, match="no such host"):
        await hosts(names, "nowhere")
    assert book.asked == ["nowhere", "nowhere"]


async def test_lookup_that_all_have_left_fails_silently() -> None:
    book = Book()
    book.gate.clear()
    names = CachedResolver(book)
    waiting = asyncio.create_task(hosts(names, "nowhere"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    book.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(names) == 0


async def test_forgetting() -> None:
    book = Book()
    names = CachedResolver(book)
    await hosts(names, "a")
    await hosts(names, "b")
    names.forget("a", 80)
    names.forget("never", 80)
    assert [("a", 80) in names, ("b", 80) in names] == [False, True]
    names.clear()
    assert len(names) == 0


class Watcher:
    """Keeps what it is told."""

    def __init__(self, fail: str | None = None) -> None:
        self.told: list[str] = []
        self.fail = fail

    def _tell(self, event: str, host: str) -> None:
        self.told.append(f"{event} {host}")
        if event == self.fail:
            raise ZeroDivisionError

    async def known(self, host: str) -> None:
        self._tell("known", host)

    async def unknown(self, host: str) -> None:
        self._tell("unknown", host)

    async def found(self, host: str) -> None:
        self._tell("found", host)


async def test_watcher_is_told_where_an_answer_comes_from() -> None:
    book = Book()
    names = CachedResolver(book)
    first, second, third, fourth = Watcher(), Watcher(), Watcher(), Watcher()
    book.gate.clear()
    asking = asyncio.create_task(names.resolve("host", 80, socket.AF_INET, first))
    joining = asyncio.create_task(names.resolve("host", 80, socket.AF_INET, second))
    await asyncio.sleep(0)
    assert (first.told, second.told) == (["unknown host"], ["known host"])
    book.gate.set()
    await asyncio.gather(asking, joining)
    await names.resolve("host", 80, socket.AF_INET, third)
    assert (first.told, second.told) == (["unknown host", "found host"], ["known host"])
    assert third.told == ["known host"]
    with pytest.raises(OSError, match="no such host"):
        await names.resolve("nowhere", 80, socket.AF_INET, fourth)
    assert fourth.told == ["unknown nowhere"]


@pytest.mark.parametrize("event", ["unknown", "found"])
async def test_watcher_that_fails_leaves_the_answer_to_others(event: str) -> None:
    book = Book()
    names = CachedResolver(book)
    with pytest.raises(ZeroDivisionError):
        await names.resolve("host", 80, socket.AF_INET, Watcher(fail=event))
    assert await hosts(names, "host") == ["10.0.0.1"]
    assert book.asked == ["host"]
    with pytest.raises(ZeroDivisionError):
        await names.resolve("host", 80, socket.AF_INET, Watcher(fail="known"))


async def test_cancelling_ends_the_lookups() -> None:
    book = Book()
    book.gate.clear()
    names = CachedResolver(book)
    waiting = asyncio.create_task(hosts(names, "a"))
    await asyncio.sleep(0)
    (lookup,) = names.cancel()
    await asyncio.gather(waiting, lookup, return_exceptions=True)
    assert waiting.cancelled()
    assert names.cancel() == []


@pytest.mark.parametrize(
    ("host", "is_address"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("fe80::1%1", True),
        ("127.1", True),
        ("1", True),
        ("a.b", False),
        ("1a", False),
        ("", False),
        ("...", False),
    ],
)
def test_is_ip_address(host: str, is_address: bool) -> None:
    assert is_ip_address(host) == is_address


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("127.0.0.1", True),
        ("255.255.255.255", True),
        ("127.1", False),
        ("2130706433", False),
        ("0177.0.0.1", False),
        ("1.2.3.256", False),
        ("\u0661.2.3.4", False),
        ("1.2.3.4.", False),
    ],
)
def test_is_canonical_ipv4(host: str, canonical: bool) -> None:
    assert is_canonical_ipv4(host) == canonical
