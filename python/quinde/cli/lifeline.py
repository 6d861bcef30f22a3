"""How the life of a request is printed: bars under each other, and where its coroutine stepped aside.

Coloured on a terminal, plain in a pipe. Knows rich and what was traced; measures nothing.
"""

import math

from rich.console import Console
from rich.text import Text

from quinde.cli.console import stdout_console
from quinde.cli.errors import one_line
from quinde.cli.probe import Traced, phase_of
from quinde.cli.timeline import PhaseName

__all__ = ("print_traced",)

_SHOWN: dict[PhaseName, tuple[str, str]] = {
    "queue": ("queue", "bright_black"),
    "dns": ("look up name", "cyan"),
    "connect": ("connect", "blue"),
    "tls": ("TLS", "magenta"),
    "send": ("send", "green"),
    "wait": ("wait for head", "yellow"),
    "read": ("read body", "green"),
}
"""What each phase is called, and its colour."""

_NAME_WIDTH = max(len(name) for name, _ in _SHOWN.values())
_BAR_WIDTH = 48


def print_traced(traced: Traced) -> None:
    """Print one request that got an answer."""
    console = stdout_console()
    lines = [*_head(traced), Text(), *_bars(traced, console), Text(), *_suspensions(traced)]
    for line in lines:
        console.print(line, soft_wrap=True)


def _head(traced: Traced) -> list[Text]:
    exchange = traced.exchange
    facts = [f"{exchange.status} {traced.reason or ''}".rstrip(), f"HTTP/{traced.version}"]
    if traced.tls is not None:
        facts.append(f"{traced.tls[0]} ({traced.tls[1]})")
    facts.append("on a connection that was there" if exchange.reused else "on a new connection")
    sizes = (
        f"{traced.bytes_sent:,} bytes sent, {traced.bytes_received:,} received, body {traced.body_bytes:,}"
    )
    return [
        Text(f"{traced.method} {one_line(exchange.url)}", style="bold"),
        Text(", ".join(facts)),
        Text(sizes),
    ]


def _bars(traced: Traced, console: Console) -> list[Text]:
    exchange = traced.exchange
    start, length = exchange.start, max(exchange.end - exchange.start, 1e-9)
    width = min(_BAR_WIDTH, max(console.width - _NAME_WIDTH - 16, 8))
    block = "#" if console.options.ascii_only else "█"
    lines = []
    for phase in exchange.phases:
        name, colour = _SHOWN[phase.name]
        left = min(math.floor((phase.start - start) / length * width), width - 1)
        right = max(math.ceil((phase.end - start) / length * width), left + 1)
        bar = (" " * left + block * (right - left), colour)
        lines.append(Text.assemble(f"  {name:<{_NAME_WIDTH}}  {_ms(phase.seconds)}  ", bar))
    lines.append(Text(f"  {'in all':<{_NAME_WIDTH}}  {_ms(length)}"))
    return lines


def _suspensions(traced: Traced) -> list[Text]:
    times = len(traced.suspensions)
    counted = {0: "never", 1: "once"}.get(times, f"{times} times")
    whole = traced.exchange.end - traced.exchange.start
    lines = [
        Text(
            f"Its coroutine was suspended {counted}, {traced.suspended * 1000:.2f} of {whole * 1000:.2f} ms:"
            " that long the loop could do something else."
        )
    ]
    for number, suspension in enumerate(traced.suspensions, start=1):
        phase = phase_of(suspension, traced.exchange)
        name = _SHOWN[phase][0] if phase is not None else ""
        where = f"{suspension.function}, {suspension.file}:{suspension.line}"
        lines.append(Text(f"  {number}. {name:<{_NAME_WIDTH}}{_ms(suspension.seconds)}  {where}"))
    if not any(phase_of(each, traced.exchange) == "read" for each in traced.suspensions):
        lines.append(Text("  No need to wait for the body: it was there when it was asked for."))
    return lines


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:9.2f} ms"
