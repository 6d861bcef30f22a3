"""What quinde must reach, as a table, and how a run compares.

Each goal is one ratio between two cells of the same run: a bound that it must keep and, where there is one,
the better value that is aimed at. A limit is the bound of a single figure. Knows nothing of how things are
measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .results import ratio

if TYPE_CHECKING:
    from .results import Results


@dataclass(frozen=True)
class Goal:
    """`peer` at `work` divided by `against` at `against_work` (the same work when None), by `metric`.

    `bound` is a minimum when `at_least`, else a maximum; `target` is the better value that is aimed at.
    """

    kind: str
    title: str
    peer: str
    work: str
    against: str
    metric: str
    bound: float
    at_least: bool = False
    target: float | None = None
    against_work: str | None = None


@dataclass(frozen=True)
class Limit:
    """What a figure of quinde must stay below; `kind` and `name` as in Results.figures."""

    kind: str
    name: str
    title: str
    unit: str
    bound: float

    def word(self, value: float) -> str:
        """`reached` or `missed`."""
        return "reached" if value < self.bound else "missed"


@dataclass(frozen=True)
class Verdict:
    """How one goal stands: `value` is None when the run could not measure it.

    `load_limited`: the generator or origin held a side of the ratio back.
    `cpu_value`: for goals in req/s, the same ratio by CPU per request, which the generator cannot hold back.
    """

    goal: Goal
    value: float | None
    load_limited: bool = False
    cpu_value: float | None = None

    @property
    def reached(self) -> bool | None:
        """The bound is kept; None when unmeasured."""
        if self.value is None:
            return None
        return self.value >= self.goal.bound if self.goal.at_least else self.value <= self.goal.bound

    @property
    def word(self) -> str:
        """`reached`, `reached, and its target`, `missed` or `not measured`."""
        if self.value is None:
            return "not measured"
        if not self.reached:
            return "missed"
        target = self.goal.target
        if target is not None and (self.value >= target if self.goal.at_least else self.value <= target):
            return "reached, target too"
        return "reached"


SPEED, CPU, P99 = "requests_per_second", "cpu_us", "p99_us"

TRANSPORT, UVLOOP, ASYNCIO = "quinde-transport", "aiohttp-uvloop", "aiohttp-asyncio"

GOALS = (
    Goal("server", "hello ÷ aiohttp on uvloop", "quinde", "hello", UVLOOP, SPEED, 2.6, True, 3.0),
    Goal("server", "hello ÷ granian RSGI", "quinde", "hello", "granian-rsgi", SPEED, 1.5, True),
    Goal("server", "hello ÷ nginx", "quinde", "hello", "nginx", CPU, 1.45, target=1.25),
    Goal("server", "JSON, path parameter ÷ aiohttp on uvloop", "quinde", "json", UVLOOP, SPEED, 2.5, True),
    Goal("server", "POST echo 1 KiB ÷ aiohttp on uvloop", "quinde", "echo", UVLOOP, SPEED, 2.7, True),
    Goal("server", "pipelined, 16 deep ÷ aiohttp on uvloop", "quinde", "pipeline", UVLOOP, SPEED, 4.0, True),
    Goal("server", "transport: hello ÷ aiohttp on asyncio", TRANSPORT, "hello", ASYNCIO, SPEED, 1.5, True),
    Goal("server", "512 connections ÷ aiohttp on uvloop", "quinde", "c512", UVLOOP, P99, 0.3),
    Goal("server", "Connection: close ÷ aiohttp on uvloop", "quinde", "churn", UVLOOP, SPEED, 2.0, True),
    Goal(
        "server",
        "Connection: close, two processes ÷ the same",
        "quinde",
        "churn-two",
        UVLOOP,
        SPEED,
        2.0,
        True,
    ),
    Goal("server", "TLS: hello ÷ aiohttp on uvloop", "quinde", "tls", UVLOOP, SPEED, 2.0, True),
    Goal(
        "server",
        "access log through logging ÷ none",
        "quinde",
        "logged",
        "quinde",
        SPEED,
        0.45,
        True,
        against_work="hello",
    ),
    Goal(
        "server",
        "access log in batches ÷ none",
        "quinde",
        "buffered",
        "quinde",
        SPEED,
        0.85,
        True,
        against_work="hello",
    ),
    Goal("client", "64 in flight ÷ aiohttp on uvloop", "quinde", "small-64", UVLOOP, CPU, 0.27, target=0.2),
    Goal("client", "64 in flight ÷ wreq", "quinde", "small-64", "wreq", CPU, 1.0),
    Goal(
        "client",
        "512 in flight ÷ itself at 64",
        "quinde",
        "small-512",
        "quinde",
        CPU,
        1.3,
        against_work="small-64",
    ),
    Goal("client", "64 KiB ÷ aiohttp on uvloop", "quinde", "64k", UVLOOP, CPU, 0.5),
    Goal("client", "1 MiB ÷ aiohttp on uvloop", "quinde", "1m", UVLOOP, CPU, 0.7),
    Goal("client", "TLS: 64 in flight ÷ aiohttp on uvloop", "quinde", "tls-small", UVLOOP, CPU, 0.5),
    Goal("client", "TLS: 1 MiB ÷ aiohttp on uvloop", "quinde", "tls-1m", UVLOOP, CPU, 0.8),
    Goal(
        "client",
        "transport: 64 in flight ÷ aiohttp on asyncio",
        TRANSPORT,
        "small-64",
        ASYNCIO,
        SPEED,
        1.5,
        True,
    ),
)

LIMITS = (
    Limit("import", "quinde", "import quinde", "ms", 40.0),
    Limit("idle", "quinde", "server: idle keep-alive connection", "KiB", 4.0),
)


def judge(results: Results) -> list[Verdict]:
    """Compare a run with every goal."""
    return [judge_one(goal, results) for goal in GOALS]


def judge_one(goal: Goal, results: Results) -> Verdict:
    """Compare a run with one goal."""
    ours = results.find(goal.kind, goal.peer, goal.work)
    theirs = results.find(goal.kind, goal.against, goal.against_work or goal.work)
    value = ratio(ours, theirs, goal.metric)
    if value is None or goal.metric != SPEED:
        return Verdict(goal, value)
    limited = any(cell is not None and cell.load_limited for cell in (ours, theirs))
    # Less CPU per request is more speed, so this ratio stands the other way round.
    return Verdict(goal, value, limited, ratio(theirs, ours, CPU))
