"""The life of requests as plain values: what a waterfall and `quinde trace` draw.

An `Exchange` is one request with its answer, cut into phases. Times are seconds since an origin that all
exchanges of one drawing share. Both cross to other processes as JSON. Knows no clock, no client and no way of
drawing.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

__all__ = ("PHASES", "Exchange", "Phase", "PhaseName")

PhaseName = Literal["queue", "dns", "connect", "tls", "send", "wait", "read"]
"""What a request can be doing."""

PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
"""All phases, in the order in which a request goes through them.

queue: waits for its turn · dns: the host's name is looked up · connect: TCP's handshake · tls: TLS's · send:
its head and body leave · wait: until the head of the answer has come · read: until its body has.
"""


@dataclass(frozen=True)
class Phase:
    """One part of a request's life.

    Attributes:
        name: What it is doing.
        start: When that began, in seconds since the origin.
        end: When it was over, in seconds since the origin.
    """

    name: PhaseName
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class Exchange:
    """One request and what became of it.

    Attributes:
        label: What to call it.
        url: What was asked for; of a redirected request, where it began.
        status: The answer's status; None if none came.
        error: Why it failed, in one line; None if it did not.
        reused: Whether it went over a connection that was there already.
        phases: Its life, by start; a phase that it did not go through is absent, and after a redirect or a
            second attempt names come again.
    """

    label: str
    url: str
    status: int | None
    error: str | None
    reused: bool
    phases: tuple[Phase, ...]

    @property
    def start(self) -> float:
        """When it began, in seconds since the origin; 0 without phases."""
        return min((phase.start for phase in self.phases), default=0.0)

    @property
    def end(self) -> float:
        """When it was over, in seconds since the origin; 0 without phases."""
        return max((phase.end for phase in self.phases), default=0.0)

    def seconds_of(self, name: PhaseName) -> float:
        """Return how long a phase took, all times that it came together; 0 if it did not."""
        return sum(phase.seconds for phase in self.phases if phase.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return a value that `json.dumps` takes, times to the microsecond."""
        return {
            "label": self.label,
            "url": self.url,
            "status": self.status,
            "error": self.error,
            "reused": self.reused,
            "phases": [
                {"name": phase.name, "start": round(phase.start, 6), "end": round(phase.end, 6)}
                for phase in self.phases
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the exchange that `to_json` gave.

        Raises:
            ValueError: A phase has a name that is none.
        """
        phases = tuple(Phase(**phase) for phase in value["phases"])
        unknown = {phase.name for phase in phases} - set(PHASES)
        if unknown:
            raise ValueError(f"no phases of a request: {', '.join(sorted(unknown))}")
        return cls(**{**value, "phases": phases})
