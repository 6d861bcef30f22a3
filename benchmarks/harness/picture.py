"""Draws a run as one SVG, by hand: CPU per request as bars, a panel for each work, quinde in its colour.

CPU per request, not req/s, as the load core cannot hold it back. Pure: numbers in, text out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from .goals import CPU, SPEED
from .peers import CLIENTS, SERVERS
from .works import CLIENT_WORKS, SERVER_WORKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .results import Cell, Results

WIDTH, PANEL_WIDTH, COLUMNS = 1080, 520, 2
BAR, GAP, NAME_WIDTH, NUMBER_WIDTH, TITLE_HEIGHT = 16, 6, 130, 120, 34
MARGIN = 20
OURS, PEER, SYSTEM, TEXT, FAINT = "#0b7a75", "#9aa5b1", "#00000040", "#1f2933", "#616e7c"


def draw(results: Results, heading: str) -> str:
    """Draw all panels that have a bar; `heading` stands above them."""
    panels = list(_panels(results))
    body: list[str] = []
    top = 64.0
    for start in range(0, len(panels), COLUMNS):
        row = panels[start : start + COLUMNS]
        for column, (title, bars) in enumerate(row):
            body.append(_panel(title, bars, MARGIN + column * (PANEL_WIDTH + MARGIN), top))
        top += max(_height(bars) for _, bars in row)
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + MARGIN}" height="{top + MARGIN:.0f}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="{MARGIN}" y="30" font-size="18" font-weight="600">'
        "CPU µs per request: less is better</text>"
        f'<text x="{MARGIN}" y="50" fill="{FAINT}">{escape(heading)}. Darker end: the kernel. '
        "· requests per second; * held back by the load core</text>"
    )
    return frame + "".join(body) + "</svg>\n"


def _panels(results: Results) -> Iterator[tuple[str, list[tuple[str, Cell]]]]:
    for kind, works, peers in (("server", SERVER_WORKS, SERVERS), ("client", CLIENT_WORKS, CLIENTS)):
        for work in works:
            found = [(peer.name, results.find(kind, peer.name, work.name)) for peer in peers]
            bars = [(name, cell) for name, cell in found if cell is not None]
            if bars:
                yield f"{kind}: {work.title}", sorted(bars, key=lambda bar: bar[1].median(CPU) or 0.0)


def _height(bars: list[tuple[str, Cell]]) -> float:
    return TITLE_HEIGHT + len(bars) * (BAR + GAP) + MARGIN


def _panel(title: str, bars: list[tuple[str, Cell]], left: float, top: float) -> str:
    longest = max(cell.median(CPU) or 0.0 for _, cell in bars) or 1.0
    scale = (PANEL_WIDTH - NAME_WIDTH - NUMBER_WIDTH) / longest
    parts = [f'<text x="{left}" y="{top + 18}" font-size="14" font-weight="600">{escape(title)}</text>']
    for index, (name, cell) in enumerate(bars):
        y = top + TITLE_HEIGHT + index * (BAR + GAP)
        parts.append(_bar(name, cell, left, y, scale))
    return "".join(parts)


def _bar(name: str, cell: Cell, left: float, y: float, scale: float) -> str:
    cpu, system, speed = (cell.median(metric) or 0.0 for metric in (CPU, "system_us", SPEED))
    start, width, kernel = left + NAME_WIDTH, cpu * scale, system * scale
    colour, weight = (OURS, 600) if name.startswith("quinde") else (PEER, 400)
    mark = "*" if cell.load_limited else ""
    line = y + BAR - 4
    return (
        f'<text x="{start - 8}" y="{line}" text-anchor="end" font-weight="{weight}">'
        f"{escape(name)}</text>"
        f'<rect x="{start}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'
        f'<rect x="{start + width - kernel:.1f}" y="{y}" width="{kernel:.1f}" height="{BAR}" '
        f'fill="{SYSTEM}"/>'
        f'<text x="{start + width + 6:.1f}" y="{line}">{cpu:.1f}'
        f'<tspan fill="{FAINT}"> · {speed:,.0f}{mark}/s</tspan></text>'
    )
