"""The page in a real browser: what is to be seen, on a wide and a narrow screen, in dark and light."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from quinde.cli.page.document import to_html
from tests.cli.page.sample import FEW, SECONDS, page
from tests.support.browser import Browser, browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCREENS = [(width, dark) for width in (1280, 400) for dark in (False, True)]

UNREADABLE = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    throw "no background";
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    if (["title", "STYLE"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const a = light(numbers(element.closest("svg") ? style.fill : style.color));
    const b = light(ground(element));
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) found.push([element.outerHTML.slice(0, 90), contrast]);
  }
  return found;
})()
"""
OVERFLOWING = """
[...document.querySelectorAll("body *")]
  .filter(e => !e.closest(".wide *") && e.getBoundingClientRect().right > innerWidth + .5)
  .map(e => e.outerHTML.slice(0, 90))
  .concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])
"""
UNSEEN = """
[...document.querySelectorAll("h1, h2, h3, section > p, figcaption, .figures tbody th, .figures td, "
    + ".bars li > *, .legend li, .lines, summary, dt, dd, pre, code")]
  .filter(e => { const r = e.getBoundingClientRect(); return !(r.width > 1 && r.height > 1); })
  .map(e => e.outerHTML.slice(0, 90))
"""
BARS = """
[...document.querySelectorAll(".bars")].map(list => [...list.querySelectorAll(".bar")].map(
  bar => [bar.getBoundingClientRect().width, bar.parentElement.getBoundingClientRect().width]))
"""
LINES = """
[...document.querySelectorAll(".lines")].map(svg => ({
  width: svg.getBoundingClientRect().width,
  lines: [...svg.querySelectorAll(".exchange")].map(line => ({
    title: line.querySelector("title").textContent,
    phases: [...line.querySelectorAll("rect:not(.strip)")].map(rect => [
      rect.getAttribute("class"),
      rect.getBoundingClientRect().left - svg.getBoundingClientRect().left,
      rect.getBoundingClientRect().width,
      getComputedStyle(rect).fill,
    ]),
  })),
}))
"""
OVERLAPPING_MARKS = """
[...document.querySelectorAll(".lines")].flatMap(svg => {
  const texts = [...svg.querySelectorAll(".axis text")];
  const boxes = texts.map(t => t.getBoundingClientRect()).filter(r => r.width);
  return boxes.slice(1).filter((box, i) => box.left < boxes[i].right + 4).map(box => box.left);
})
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "race.html"
    path.write_text(to_html(page()), encoding="utf-8")
    return path


# As a text


def test_it_loads_nothing_and_runs_nothing() -> None:
    text = to_html(page())
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert not re.search(r"<(?:script|img|iframe|object|embed|form|base)\b|@import|url\(", text)
    assert re.findall(r"<link [^>]*>", text) == ['<link rel="icon" href="data:,">']
    assert "default-src &#x27;none&#x27;" in text


def test_each_element_that_begins_ends() -> None:
    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in {"meta", "link"}:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    balance = Balance()
    balance.feed(to_html(page()))
    assert balance.open == []


def test_it_says_where_with_what_when_and_how() -> None:
    text = to_html(page())
    for said in (
        "An invented processor",
        "aiohttp",
        "3.14.5",
        "2026-11-26 14:05 UTC",
        "quinde race --html race.html",
    ):
        assert said in text


# In a browser


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_all_is_seen_and_readable_and_nothing_is_loaded(
    chromium: Browser, written: Path, width: int, dark: bool
) -> None:
    chromium.show(written, width=width, dark=dark)
    assert chromium.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert chromium.evaluate("innerWidth") == width
    assert chromium.evaluate(UNSEEN) == []
    assert chromium.evaluate(OVERLAPPING_MARKS) == []
    assert chromium.evaluate(OVERFLOWING) == []
    assert chromium.evaluate(UNREADABLE) == []
    chromium.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert chromium.evaluate(OVERFLOWING) == []
    assert chromium.evaluate(UNREADABLE) == []
    assert chromium.evaluate("document.title") == "151 Pokémon, four ways"
    assert chromium.evaluate("document.querySelectorAll('script, img').length") == 0
    assert chromium.complaints == []
    assert chromium.requests == [written.as_uri(), "data:,"] or chromium.requests == [written.as_uri()]


@pytest.mark.parametrize("width", [1280, 400])
def test_bars_are_in_proportion(chromium: Browser, written: Path, width: int) -> None:
    chromium.show(written, width=width)
    values = list(SECONDS.values())
    for drawn, expected in zip(chromium.evaluate(BARS), (values, values[1:]), strict=True):
        for (bar, track), value in zip(drawn, expected, strict=True):
            assert track > 100
            assert bar == pytest.approx(max(track * value / max(expected), 2), abs=1)


@pytest.mark.parametrize("width", [1280, 400])
def test_each_request_has_its_line_and_each_phase_its_place(
    chromium: Browser, written: Path, width: int
) -> None:
    chromium.show(written, width=width)
    for drawn, waterfall in zip(chromium.evaluate(LINES), page().parts[0].waterfalls, strict=True):
        exchanges = sorted(waterfall.exchanges, key=lambda each: each.start)
        begun, ended = exchanges[0].start, max(each.end for each in exchanges)
        assert len(drawn["lines"]) == len(exchanges)
        for number, (line, exchange) in enumerate(zip(drawn["lines"], exchanges, strict=True), 1):
            assert line["title"].startswith(f"{number} ")
            assert len(line["phases"]) == len(exchange.phases)
            for (name, left, wide, _), phase in zip(line["phases"], exchange.phases, strict=True):
                scale = drawn["width"] / (ended - begun)
                assert name == phase.name
                assert left == pytest.approx((phase.start - begun) * scale, abs=2)
                assert wide == pytest.approx(phase.seconds * scale, abs=2)


@pytest.mark.parametrize("dark", [False, True])
def test_phases_have_colours_of_their_own(chromium: Browser, written: Path, dark: bool) -> None:
    chromium.show(written, width=1280, dark=dark)
    colours = {
        (phase[0], phase[3])
        for drawn in chromium.evaluate(LINES)
        for line in drawn["lines"]
        for phase in line["phases"]
    }
    names, fills = zip(*colours, strict=True)
    assert set(names) == {"queue", "dns", "connect", "tls", "send", "wait", "read"}
    assert len(set(fills)) == len(fills) == 7


def test_what_is_pointed_at_stands_out(chromium: Browser, written: Path) -> None:
    chromium.show(written, width=1280)
    place = chromium.evaluate(
        "(() => { const e = document.querySelectorAll('.lines')[1]; e.scrollIntoView({block: 'center'});"
        " const r = e.querySelector('.strip').getBoundingClientRect();"
        " return [r.right - 5, r.top + r.height / 2]; })()"
    )
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    fill = "getComputedStyle(document.querySelector('.exchange:hover .strip')).fillOpacity"
    assert chromium.evaluate(fill) == "0.12"
    assert len(FEW) == chromium.evaluate(
        "document.querySelectorAll('.lines')[1].querySelectorAll('g > title').length"
    )


def test_it_can_be_printed(chromium: Browser, written: Path) -> None:
    chromium.show(written, width=1280)
    printed = chromium.call("Page.printToPDF", printBackground=False)["data"]
    assert printed.startswith("JVBERi")  # %PDF
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.evaluate("getComputedStyle(document.querySelector('details')).display") == "none"
    assert chromium.evaluate(OVERFLOWING) == []
    chromium.call("Emulation.setEmulatedMedia", media="")
