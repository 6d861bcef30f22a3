"""Which connection a request gets: idle connections, limits, and the queues of those who wait.

Theory of operation. A *slot* is the right to use or open one connection; `limit` bounds the slots in use, and
`limit_per_host` those of one key. A slot is taken by `acquire` (or `take`), goes with the connection while a
request is on it, and comes back exactly once: by `recycle` (the connection is fit for more), `discard` (it is
not) or `give_back` (none was opened). A slot that comes back while somebody waits is handed over at that
moment: waiters never compete with new-comers, and a free slot means that nobody who could use it waits. Keys
with waiters take turns; within a key it is first come, first served. Every operation is O(1) but closing, and
the sweep of idle connections.

Idle connections take no slot. The one used last is used first, so that a burst's surplus grows old and is
closed.

The pool knows members only by what they can do (`Member`): it neither opens connections nor speaks HTTP.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from quinde.errors import ClientConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from quinde._core import Timer

__all__ = ("Host", "Member", "Pool", "QueueWatcher")


class Member(Protocol):
    """What the pool needs of a connection."""

    host: Host | None
    """The pool's entry that it is in use for, None when it is idle or out of the pool."""
    idle_since: float
    """When it became idle, by the monotonic clock."""

    def is_usable(self) -> bool:
        """Tell whether a request may be sent."""

    def close(self) -> None:
        """Close it."""

    def abort(self) -> None:
        """Close it without a word."""


class QueueWatcher(Protocol):
    """Who is told that somebody waits for a slot."""

    async def queued(self) -> None:
        """Hear that the wait begins."""

    async def served(self) -> None:
        """Hear that it is over."""


class Host:
    """One key's connections and waiters."""

    __slots__ = ("idle", "in_use", "key", "waiters")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.idle: dict[Member, None] = {}  # oldest first
        self.in_use = 0
        self.waiters: OrderedDict[asyncio.Future[Member | None], float | None] = (
            OrderedDict()
        )  # until when each


class Pool:
    """Hold connections for reuse and bound their number.

    Args:
        limit: connections in use at once; 0 is no limit.
        limit_per_host: the same for one key.
        keepalive_timeout: seconds after which an idle connection is closed; None for never.
        force_close: keep no connection.
        start_timer: calls back once after some seconds (the engine's `timer`).
    """

    def __init__(
        self,
        *,
        limit: int,
        limit_per_host: int,
        keepalive_timeout: float | None,
        force_close: bool,
        start_timer: Callable[[float, Callable[[], object]], Timer],
    ) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.keepalive_timeout = keepalive_timeout
        self.force_close = force_close
        self.closed = False
        self.in_use = 0
        self._hosts: dict[Hashable, Host] = {}
        self._turns: OrderedDict[Host, None] = (
            OrderedDict()
        )  # hosts whose first waiter only lacks a slot in `limit`
        self._active: set[Member] = set()
        self.closing: set[Member] = set()
        """Connections that are being closed and not yet known to be gone; they enter themselves."""
        self._start_timer = start_timer
        self._timer: Timer | None = None
        self._impatience: Timer | None = None
        self._impatient_at = 0.0

    # --- taking

    def host(self, key: Hashable) -> Host:
        """Give the entry of a key; an entry that nothing keeps is forgotten by the next `give_back`."""
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = Host(key)
        return host

    def has_room(self, host: Host) -> bool:
        """Tell whether a slot could be taken now."""
        return not (
            (self.limit and self.in_use >= self.limit)
            or (self.limit_per_host and host.in_use >= self.limit_per_host)
        )

    def take(self, host: Host, now: float) -> Member | None:
        """Take an idle connection with a slot for it; None when there is none of the two.

        Args:
            host: the key's entry.
            now: the monotonic clock.
        """
        idle = host.idle
        if not idle or (self.limit and self.in_use >= self.limit):
            return None
        if self.limit_per_host and host.in_use >= self.limit_per_host:
            return None
        timeout = self.keepalive_timeout
        while idle:
            member, _ = idle.popitem()
            if member.is_usable() and (timeout is None or now - member.idle_since <= timeout):
                host.in_use += 1
                self.in_use += 1
                member.host = host
                self._active.add(member)
                return member
            member.close()
        return None

    async def acquire(
        self, key: Hashable, until: float | None = None, watcher: QueueWatcher | None = None
    ) -> tuple[Host, Member | None]:
        """Wait for a slot.

        Args:
            key: what for.
            until: when to stop waiting, by the monotonic clock; None for never.
            watcher: is told of a wait; what it raises ends it.

        Returns:
            The key's entry, and an idle connection that has the slot now, or None: the caller has the slot,
            and must `adopt` a connection or `give_back` the slot.

        Raises:
            asyncio.CancelledError: the wait was cancelled; nothing is held.
            ClientConnectionError: the pool is closed.
            TimeoutError: it is too late; nothing is held.
        """
        first = True
        while not self.closed:
            host = self.host(key)
            if self.has_room(host):
                member = self.take(host, time.monotonic())
                if member is None:
                    host.in_use += 1
                    self.in_use += 1
                return host, member
            member = await self._wait(host, until, watcher, last=first)
            if member is None or member.host is host:
                return host, member
            first = False  # it was lost between being handed over and now: its slot has gone to somebody else
        raise ClientConnectionError("Connector is closed.")

    async def _wait(
        self, host: Host, until: float | None, watcher: QueueWatcher | None, *, last: bool
    ) -> Member | None:
        """Queue up, at the end or at the head, until a slot is handed over."""
        waiter: asyncio.Future[Member | None] = asyncio.get_running_loop().create_future()
        host.waiters[waiter] = until
        if until is not None and (self._impatience is None or until < self._impatient_at):
            self._arm_impatience(until)
        if not last:
            host.waiters.move_to_end(waiter, last=False)
        self._note_turn(host)
        try:
            if watcher is not None:
                await watcher.queued()
            member = await waiter
            if watcher is not None:
                await watcher.served()
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # The slot was handed over in the same turn in which the wait was cancelled, or the watcher
                # will not have it.
                member = waiter.result()
                if member is None:
                    self.give_back(host)
                else:
                    self.recycle(member)
            else:
                self._leave(host, waiter)
            raise
        else:
            return member

    def adopt(self, host: Host, member: Member) -> None:
        """Put a new connection on a slot that the caller holds."""
        member.host = host
        self._active.add(member)

    def reject(self, member: Member) -> Host:
        """Close a connection that `acquire` gave and that does not fit; its slot stays with the caller."""
        host = member.host
        assert host is not None
        member.host = None
        self._active.discard(member)
        member.close()
        return host

    # --- giving back

    def give_back(self, host: Host) -> None:
        """Give back a slot without a connection."""
        if not self.closed:
            self._free(host)

    def recycle(self, member: Member) -> None:
        """Give back a connection that is fit for another request."""
        host = member.host
        if host is None:
            return
        member.host = None
        self._active.discard(member)
        if self.closed or self.force_close or not member.is_usable():
            member.close()
            if not self.closed:
                self._free(host)
            return
        if host.waiters and self._hand_over(host, member):
            return
        member.idle_since = time.monotonic()
        host.idle[member] = None
        if self._timer is None and self.keepalive_timeout is not None:
            self._arm(self.keepalive_timeout)
        self._free(host)

    def discard(self, member: Member) -> None:
        """Give back the slot of a connection that is being closed; `lose` follows when it is gone."""
        host = member.host
        if host is not None:
            member.host = None
            self._active.discard(member)
            if not self.closed:
                self._free(host)

    def lose(self, member: Member, key: Hashable) -> None:
        """Note that a connection has gone, whatever it was doing."""
        if member.host is not None:
            self.discard(member)
        else:
            host = self._hosts.get(key)
            if host is not None and host.idle.pop(member, self) is None:
                self._forget(host)
        self.closing.discard(member)

    def _free(self, host: Host) -> None:
        """Free one slot of a host, and hand it to whoever waits."""
        host.in_use -= 1
        self.in_use -= 1
        self._note_turn(host)
        self._serve()
        self._forget(host)

    # --- waiting

    def _note_turn(self, host: Host) -> None:
        """Keep `_turns` true: a host is in it while it has waiters and room of its own."""
        if host.waiters and not (self.limit_per_host and host.in_use >= self.limit_per_host):
            if host not in self._turns:
                self._turns[host] = None
        else:
            self._turns.pop(host, None)

    def _serve(self) -> None:
        """Hand free slots to waiters, one host after the other."""
        while self._turns and not (self.limit and self.in_use >= self.limit):
            host, _ = self._turns.popitem(last=False)
            waiter = self._next_waiter(host)
            if waiter is not None:
                member = self.take(host, time.monotonic())
                if member is None:
                    host.in_use += 1
                    self.in_use += 1
                waiter.set_result(member)
            self._note_turn(host)
            self._forget(host)

    def _hand_over(self, host: Host, member: Member) -> bool:
        """Pass a connection with its slot to its own host's first waiter, unless another host is next."""
        if self._turns and next(iter(self._turns)) is not host:
            return False
        waiter = self._next_waiter(host)
        self._turns.pop(host, None)
        self._note_turn(host)
        if waiter is None:
            return False
        member.host = host
        self._active.add(member)
        waiter.set_result(member)
        return True

    @staticmethod
    def _next_waiter(host: Host) -> asyncio.Future[Member | None] | None:
        while host.waiters:
            waiter, _ = host.waiters.popitem(last=False)
            if not waiter.done():
                return waiter
        return None

    def _leave(self, host: Host, waiter: asyncio.Future[Member | None]) -> None:
        host.waiters.pop(waiter, None)
        self._note_turn(host)
        self._forget(host)

    def _forget(self, host: Host) -> None:
        if not (host.in_use or host.idle or host.waiters) and self._hosts.get(host.key) is host:
            del self._hosts[host.key]

    # --- patience ends

    def _arm_impatience(self, when: float) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
        self._impatient_at = when
        delay = max(0.0, when - time.monotonic())
        self._impatience = self._start_timer(delay, _weakly(self, Pool._dismiss))

    def _dismiss(self) -> None:
        """Fail those who have waited long enough, and look again when the next one will have."""
        self._impatience = None
        now = time.monotonic()
        soonest: float | None = None
        for host in self._hosts.values():
            for waiter, until in host.waiters.items():
                if until is None or waiter.done():
                    continue
                if until <= now:
                    waiter.set_exception(TimeoutError())
                elif soonest is None or until < soonest:
                    soonest = until
        if soonest is not None:
            self._arm_impatience(soonest)

    # --- idle connections grow old

    def _arm(self, delay: float) -> None:
        self._timer = self._start_timer(delay, _weakly(self, Pool._sweep))

    def _sweep(self) -> None:
        """Close what has been idle for too long, and look again when the next one will have been."""
        self._timer = None
        timeout = self.keepalive_timeout
        if timeout is None or self.closed:
            return
        now = time.monotonic()
        oldest: float | None = None
        for host in list(self._hosts.values()):
            idle = host.idle
            expired = [
                member for member in idle if now - member.idle_since >= timeout or not member.is_usable()
            ]
            for member in expired:
                idle.pop(member, None)
                member.close()
            if idle:
                since = next(iter(idle)).idle_since
                oldest = since if oldest is None else min(oldest, since)
            else:
                self._forget(host)
        if oldest is not None:
            self._arm(max(0.0, oldest + timeout - now))

    # --- the end

    def close(self) -> list[Member]:
        """Refuse everybody from now on.

        Returns:
            All connections, in use or idle, for the caller to close.
        """
        self.closed = True
        members = [*self._active, *self.idle_members()]
        for member in members:
            member.host = None
        waiters = [waiter for host in self._hosts.values() for waiter in host.waiters]
        self._active.clear()
        self._turns.clear()
        self._hosts.clear()
        self.in_use = 0
        for timer in (self._timer, self._impatience):
            if timer is not None:
                timer.cancel()
        self._timer = self._impatience = None
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(ClientConnectionError("Connector is closed."))
        return members

    # --- looking in

    def idle_members(self) -> Iterator[Member]:
        """Iterate over the idle connections."""
        for host in self._hosts.values():
            yield from host.idle

    def statistics(self) -> dict[str, int]:
        """Count connections in use, waiters, idle connections, slots taken and keys."""
        hosts = list(self._hosts.values())  # all at once: another thread may ask
        return {
            "requests_in_flight": len(self._active),
            "requests_waiting": sum(len(host.waiters) for host in hosts),
            "connections_idle": sum(len(host.idle) for host in hosts),
            "slots_in_use": self.in_use,
            "hosts": len(hosts),
        }

    def assert_consistent(self) -> None:
        """Check the invariants.

        Raises:
            AssertionError: the pool has lost count.
        """
        hosts = list(self._hosts.values())
        assert self.in_use == sum(host.in_use for host in hosts), "slots in use"
        assert len(self._active) <= self.in_use, "more connections than slots"
        assert not self.limit or self.in_use <= self.limit, "limit"
        for host in hosts:
            assert host.in_use or host.idle or host.waiters, "an empty host was kept"
            assert not self.limit_per_host or host.in_use <= self.limit_per_host, "limit per host"
            assert all(member.host is None for member in host.idle), "an idle connection is in use"
            waiting = [waiter for waiter in host.waiters if not waiter.done()]
            assert not (waiting and self.has_room(host)), "somebody waits beside a free slot"
            assert (host in self._turns) == (
                bool(host.waiters) and not (self.limit_per_host and host.in_use >= self.limit_per_host)
            ), "turns"
        assert all(member.host is not None for member in self._active), "an active connection without a host"
        assert all(self._hosts.get(host.key) is host for host in self._turns), "a turn of a forgotten host"


def _weakly(pool: Pool, method: Callable[[Pool], None]) -> Callable[[], None]:
    """Make a callback for a timer that does not keep the pool alive."""
    reference = weakref.ref(pool)

    def call() -> None:
        alive = reference()
        if alive is not None:
            method(alive)

    return call
