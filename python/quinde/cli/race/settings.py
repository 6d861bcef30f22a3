"""What can be chosen of a race, and the courses that follow from it."""

from dataclasses import dataclass

from quinde.cli.race.course import Course

__all__ = ("Settings",)

_FIRST_CONCURRENCY = 100
_SECOND_CONCURRENCY = 128
"""As many as pay: of 8, 16 … 256, quinde and wreq were fastest with these, aiohttp as fast as with any."""
_SECOND_FEWER = {"httpx-many": 8}
"""Who was fastest with fewer: httpx takes twice the CPU with 16 in flight, and three times with 32."""

_SECOND_LIMIT = 12.0
"""Seconds for a contestant of act 2: it is over in a minute, however slow they are."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What can be chosen.

    Attributes:
        count: How many requests act 1 has.
        requests: How many requests act 2 has.
        concurrency: How many under way at once; None: what suits the act.
        round_trip: Act 1's, in milliseconds.
        timeout: How long one request may take, in seconds.
    """

    count: int = 151
    requests: int = 50_000
    concurrency: int | None = None
    round_trip: float = 20.0
    timeout: float = 30.0

    def first_course(self, template: str) -> Course:
        """Return act 1's course, to an address."""
        concurrency = self.concurrency or _FIRST_CONCURRENCY
        return Course(template=template, count=self.count, concurrency=concurrency, timeout=self.timeout)

    def second_course(self, template: str, key: str = "") -> Course:
        """Return act 2's course, to an address, for a contestant."""
        return Course(
            template=template,
            count=self.requests,
            concurrency=self.concurrency or _SECOND_FEWER.get(key, _SECOND_CONCURRENCY),
            timeout=self.timeout,
            limit=_SECOND_LIMIT,
        )
