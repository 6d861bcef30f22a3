"""The waterfall of a page: a line for each request, cut into what it was doing, on one scale of time.

Drawn as SVG whose width is that of the screen: places along the time are percentages, so letters keep their
size. What the picture shows, a sentence and a table say too. Knows timelines and markup.
"""

import math
from collections.abc import Sequence
from statistics import median

from quinde.cli.page.markup import Markup, element, joined
from quinde.cli.page.model import Waterfall
from quinde.cli.timeline import PHASES, Exchange, Phase, PhaseName

__all__ = ("drawn_waterfall", "ticks", "together")

_MEANING: dict[PhaseName, tuple[str, str]] = {
    "queue": ("queueing", "waits for its turn"),
    "dns": ("name look-up", "the host's address is looked up"),
    "connect": ("connecting", "TCP's handshake"),
    "tls": ("TLS", "its handshake"),
    "send": ("sending", "the request leaves"),
    "wait": ("waiting", "until the answer begins"),
    "read": ("reading", "until the answer is complete"),
}
_SPACIOUS = 40
"""Up to so many requests each has its name beside it; more are drawn lower, and some are named."""
_LETTER = 14
"""The height of a name, in pixels."""
_AXIS = 22
_GUTTER = 124
_NAME_LIMIT = 17
_LEAST = 0.12
"""What a phase is wide at least, in percent: what happened is seen."""


def drawn_waterfall(waterfall: Waterfall, number: int) -> Markup:
    """Return a figure of the requests.

    Args:
        waterfall: What to draw.
        number: Which waterfall of its page it is.
    """
    exchanges = sorted(waterfall.exchanges, key=lambda exchange: exchange.start)
    begun = min((exchange.start for exchange in exchanges), default=0.0)
    lasted = max((exchange.end for exchange in exchanges), default=0.0) - begun
    summary = f"waterfall-{number}"
    return element(
        "figure",
        element("figcaption", waterfall.title),
        element("p", waterfall.note, class_="note") if waterfall.note else Markup(),
        element("p", _summary(exchanges, lasted), id=summary),
        _legend(exchanges),
        _picture(exchanges, begun, lasted or 1.0, summary),
        _details(exchanges, begun),
        class_="waterfall",
    )


def ticks(seconds: float) -> list[float]:
    """Return round numbers of seconds from 0 on, four to eight of them, none beyond `seconds`."""
    step = 10.0 ** math.floor(math.log10(seconds / 3))
    step *= next((factor for factor in (5, 2) if step * factor <= seconds / 3), 1)
    return [step * number for number in range(math.floor(seconds / step * (1 + 1e-9)) + 1)]


def together(exchanges: Sequence[Exchange]) -> int:
    """Return how many requests were under way at once at most, those that wait for their turn not counted."""
    changes = []
    for exchange in exchanges:
        begun = min((phase.start for phase in exchange.phases if phase.name != "queue"), default=None)
        if begun is not None:
            # To the microsecond: who begins when another one ends did not meet it.
            changes += [(round(begun, 6), 1), (round(exchange.end, 6), -1)]
    most = now = 0
    for _, change in sorted(changes):  # who ends at a moment makes room for who begins then
        now += change
        most = max(most, now)
    return most


def _summary(exchanges: Sequence[Exchange], lasted: float) -> str:
    answered = sum(exchange.error is None for exchange in exchanges)
    made = sum(not exchange.reused for exchange in exchanges)
    typical = ", ".join(
        f"{_MEANING[name][0]} {_time(middle)}"
        for name in PHASES
        if (middle := median([exchange.seconds_of(name) for exchange in exchanges] or [0.0])) >= 0.00005
    )
    failed = len(exchanges) - answered
    return (
        f"{_many(len(exchanges), 'request')} in {_time(lasted)} over {_many(made, 'new connection')}, "
        f"{together(exchanges)} under way at once at most"
        + (f", {failed} failed" if failed else "")
        + (f". In the median: {typical}." if typical else ".")
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _legend(exchanges: Sequence[Exchange]) -> Markup:
    seen = {phase.name for exchange in exchanges for phase in exchange.phases}
    return element(
        "ul",
        *(
            element(
                "li",
                element("span", class_=f"key {name}", aria_hidden="true"),
                element("span", element("b", _MEANING[name][0]), f" {_MEANING[name][1]}"),
            )
            for name in PHASES
            if name in seen
        ),
        class_="legend",
    )


def _picture(exchanges: Sequence[Exchange], begun: float, lasted: float, summary: str) -> Markup:
    pitch = 20 if len(exchanges) <= _SPACIOUS else 6
    height = _AXIS + pitch * len(exchanges) + 4
    named = 1 if pitch >= _LETTER else 5
    names = (
        element("text", _name(number, exchange), x=_GUTTER - 8, y=_AXIS + pitch * number - pitch / 2)
        for number, exchange in enumerate(exchanges, 1)
        if number % named == 0 or number == 1
    )
    marks = (
        element("g", _tick(moment, lasted, height), class_="odd" if number % 2 else None)
        for number, moment in enumerate(ticks(lasted))
    )
    lines = (_line(exchange, number, pitch, begun, lasted) for number, exchange in enumerate(exchanges, 1))
    return element(
        "div",
        element("svg", *names, class_="names", width=_GUTTER, height=height, aria_hidden="true"),
        element(
            "svg",
            element("g", *marks, class_="axis"),
            *lines,
            class_="lines",
            height=height,
            role="img",
            aria_label="A line for each request, cut into what it was doing",
            aria_describedby=summary,
        ),
        class_="plot",
    )


def _name(number: int, exchange: Exchange) -> str:
    name = f"{number} {exchange.label}"
    return name if len(name) <= _NAME_LIMIT else f"{name[: _NAME_LIMIT - 1]}…"


def _tick(moment: float, lasted: float, height: int) -> Markup:
    place = 100 * moment / lasted
    anchor = "start" if place < 5 else "end" if place > 95 else "middle"
    return joined(
        element("line", x1=f"{place:.3f}%", x2=f"{place:.3f}%", y1=_AXIS - 4, y2=height),
        element("text", _time(moment), x=f"{place:.3f}%", y=_AXIS - 9, text_anchor=anchor),
    )


def _line(exchange: Exchange, number: int, pitch: int, begun: float, lasted: float) -> Markup:
    top, gap = _AXIS + pitch * (number - 1), max(pitch * 3 // 10, 1)
    return element(
        "g",
        element("title", _told(exchange, number)),
        # A strip to point at: the phases may be narrow.
        element("rect", class_="strip", x="0", y=top, width="100%", height=pitch),
        *(_phase(phase, top + gap / 2, pitch - gap, begun, lasted) for phase in exchange.phases),
        class_="exchange" if exchange.error is None else "exchange failed",
    )


def _phase(phase: Phase, top: float, thickness: int, begun: float, lasted: float) -> Markup:
    start = 100 * (phase.start - begun) / lasted
    width = max(100 * phase.seconds / lasted, _LEAST)
    return element(
        "rect",
        class_=phase.name,
        x=f"{min(start, 100 - width):.3f}%",
        y=top,
        width=f"{width:.3f}%",
        height=thickness,
    )


def _told(exchange: Exchange, number: int) -> str:
    connection = "an open connection" if exchange.reused else "a new connection"
    came = exchange.error or f"status {exchange.status}"
    phases = (f"{_MEANING[phase.name][0]} {_time(phase.seconds)}" for phase in exchange.phases)
    whole = _time(exchange.end - exchange.start)
    return "\n".join([f"{number} {exchange.label}: {whole}", f"{came}, {connection}", *phases])


def _details(exchanges: Sequence[Exchange], begun: float) -> Markup:
    shown = [name for name in PHASES if any(exchange.seconds_of(name) for exchange in exchanges)]
    headings = ["", "status", "connection", "begins", *(_MEANING[name][0] for name in shown), "in all"]
    rows = (
        [
            f"{number} {exchange.label}",
            exchange.error or str(exchange.status),
            "open" if exchange.reused else "new",
            _time(exchange.start - begun),
            *(_time(exchange.seconds_of(name)) for name in shown),
            _time(exchange.end - exchange.start),
        ]
        for number, exchange in enumerate(exchanges, 1)
    )
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = (
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:]))
        for row in rows
    )
    return element(
        "details",
        element("summary", "Each request in figures"),
        element("div", element("table", element("thead", head), element("tbody", *body)), class_="wide"),
    )


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 or not seconds else f"{seconds * 1000:.1f} ms"
