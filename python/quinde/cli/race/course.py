"""The course of a race: which addresses are fetched, how many, how many at once, and how long to wait.

A plain value that every contestant gets and that crosses to its process as JSON. Knows no library and no
server.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Self

from quinde.cli.address import check_url

__all__ = ("PLACE", "Course", "check_template")

PLACE = "{n}"
"""What stands in an address template for the number."""


def check_template(template: str) -> str | None:
    """Return what is wrong with an address template, or None if it is good."""
    if PLACE not in template:
        return f"needs {PLACE} where the number goes, as in http://localhost:8080/api/v2/pokemon/{PLACE}"
    return check_url(template.replace(PLACE, "1"))


@dataclass(frozen=True, kw_only=True)
class Course:
    """What every contestant has to fetch.

    Attributes:
        template: The address, with `{n}` where the number goes.
        count: How many requests.
        concurrency: How many of them at once, for contestants that can.
        timeout: How long one request may take, in seconds.
        numbers: How many different numbers the server knows; beyond it they start again at 1. None: no end.
        authority: A file with the certificate that the server's is signed by; None: the system knows it.
        limit: Seconds after which no further request is begun; None: all are made.
    """

    template: str
    count: int
    concurrency: int
    timeout: float
    numbers: int | None = None
    authority: str | None = None
    limit: float | None = None

    def stops(self) -> Iterator[tuple[int, str]]:
        """Yield the number and the address of every request, in order, until the limit is reached.

        The clock of the limit starts with the first one.
        """
        end = None if self.limit is None else time.perf_counter() + self.limit
        for index in range(self.count):
            if end is not None and time.perf_counter() >= end:
                return
            number = 1 + (index if self.numbers is None else index % self.numbers)
            yield number, self.template.replace(PLACE, str(number))

    def to_json(self) -> str:
        """Return the course as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the course that `to_json` wrote."""
        return cls(**json.loads(text))
