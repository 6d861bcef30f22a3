"""What the figures of a program's race say, in sentences; also when that is little.

Knows outcomes; measures nothing.
"""

from typing import Literal

from quinde.cli.script.outcome import Outcome

__all__ = ("verdict",)

_MOSTLY = 0.85
"""From this share of waiting on, a client that cost nothing would make a run not even 1.2 times faster."""
_LARGELY = 0.5
_NOTEWORTHY = 1.05
"""A ratio below it is not called a difference, however steady it is."""


def verdict(outcome: Outcome) -> list[str]:
    """Return the sentences, the most important first; none if a side has no figures."""
    if outcome.ratio("seconds") is None:
        return []
    if not outcome.asked:
        return [f"{outcome.program} never imported aiohttp: both sides ran the same code."]
    return [
        _of_waiting(outcome.sides[0].waiting or 0.0),
        _of_difference(
            outcome, "seconds", "It is {} times faster on quinde.", "It is {} times slower on quinde."
        ),
        _of_difference(
            outcome, "cpu_seconds", "It takes {} times less CPU time.", "It takes {} times more CPU time."
        ),
    ]


def _of_waiting(share: float) -> str:
    if share >= _MOSTLY:
        return (
            f"{_percent(share)} of its time is waiting: no client will help, only to wait for more at once."
        )
    if share >= _LARGELY:
        most = f"a client that cost nothing would make it {1 / share:.1f} times faster"
        return f"{_percent(share)} of its time is waiting: {most}, no more."
    return f"{_percent(1 - share)} of its time is computing, Python's start and the imports included."


def _of_difference(outcome: Outcome, name: Literal["seconds", "cpu_seconds"], less: str, more: str) -> str:
    aiohttp, quinde = (getattr(side, name) for side in outcome.sides)
    ratio = outcome.ratio(name)
    what = "time" if name == "seconds" else "CPU time"
    if ratio is None or not aiohttp.is_apart_from(quinde):
        return f"No difference in {what} to be seen: the runs of one side differ by as much as the sides do."
    if max(ratio, 1 / ratio) < _NOTEWORTHY:
        return f"No difference in {what} worth the name."
    return less.format(_times(ratio)) if ratio > 1 else more.format(_times(1 / ratio))


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
