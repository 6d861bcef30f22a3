"""What a connector counts beside its pool: `BaseConnector.statistics()` says what each figure is.

The core counts what happens on connections (`Tally`), this what happens before there is one.
"""

from __future__ import annotations

from quinde._core import Tally

__all__ = ("Counts",)


class Counts:
    """Plain integers, for whoever sees a thing happen to add one."""

    __slots__ = (
        "connections", "connections_failed", "handshakes", "handshakes_failed", "retries", "tally",
        "timeouts_connect", "timeouts_handshake", "timeouts_pool", "timeouts_sock_connect", "timeouts_total",
    )  # fmt: skip

    def __init__(self) -> None:
        self.tally = Tally()
        self.connections = 0
        self.connections_failed = 0
        self.handshakes = 0
        self.handshakes_failed = 0
        self.retries = 0
        self.timeouts_handshake = 0
        self.timeouts_pool = 0
        self.timeouts_connect = 0
        self.timeouts_sock_connect = 0
        self.timeouts_total = 0  # within middlewares; the core has those of exchanges

    def statistics(self) -> dict[str, int]:
        """Give them by name, and the core's."""
        counted = self.tally.statistics()
        for name in self.__slots__:
            if name != "tally":
                counted[name] = counted.get(name, 0) + getattr(self, name)
        return counted
