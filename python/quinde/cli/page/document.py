"""The whole page: head, parts, and at the end where, with what and how it was measured.

Complete in itself: style within, no script, nothing to load; a policy in its head forbids the browser to load
anything, should a label ever get around the escaping. Knows the model and how its pieces are drawn.
"""

from itertools import count
from pathlib import Path

from quinde.cli.page.charts import drawn_charts, drawn_table
from quinde.cli.page.markup import Markup, element
from quinde.cli.page.model import Page, Part
from quinde.cli.page.waterfall import drawn_waterfall

__all__ = ("to_html",)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def to_html(page: Page) -> str:
    """Return the page as the text of an HTML file."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    numbers = count(1)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", page.title),
        Markup(f"<style>{style}</style>"),
    )
    body = element(
        "body",
        element(
            "header",
            element("p", "quinde race", class_="mark"),
            element("h1", page.title),
            element("p", page.lead),
        ),
        element("main", *(_part(part, numbers) for part in page.parts)),
        _footer(page),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _part(part: Part, numbers: "count[int]") -> Markup:
    said = (
        element("p", sentence, class_="verdict" if number == 0 else "also")
        for number, sentence in enumerate(part.sentences)
    )
    return element(
        "section",
        element("h2", part.title),
        element("p", part.lead, class_="lead"),
        *said,
        drawn_table(part.table, part.lead),
        drawn_charts(part.charts),
        *(drawn_waterfall(waterfall, next(numbers)) for waterfall in part.waterfalls),
    )


def _footer(page: Page) -> Markup:
    return element(
        "footer",
        element("h2", "How it was measured"),
        element(
            "div",
            _facts("The machine", page.machine),
            _facts("The versions", page.versions),
            _facts("The day", (("Date", page.date),)),
            class_="facts",
        ),
        element("h3", "To repeat it"),
        element("pre", element("code", page.command), tabindex="0"),
    )


def _facts(title: str, facts: tuple[tuple[str, str], ...]) -> Markup:
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in facts)
    return element("section", element("h3", title), element("dl", *pairs))
