"""A page in Spanish shows what the English one shows: the same blocks, as many headings, the same links."""

from __future__ import annotations

import os.path
import re

import pytest

from tests.shape.package import ROOT

PAIRS = [("README.md", "README.es.md"), ("docs/index.md", "docs/es/index.md")]
OF_SPANISH_ONLY = {"docs/es/index.md", "examples/talk"}
"""Where only the Spanish pages lead: to each other, and to the talk, which was given in Medellín."""

_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+(?= )", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s#:]+)")


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def links(document: str) -> set[str]:
    """Where a document leads, from the root of the repository."""
    folder = os.path.dirname(document)
    return {os.path.normpath(os.path.join(folder, path)) for path in _LINK.findall(read(document))}


@pytest.mark.parametrize(("english", "spanish"), PAIRS)
def test_the_blocks_are_the_same(english: str, spanish: str) -> None:
    blocks = _BLOCK.findall(read(english))
    assert len(blocks) >= 3
    assert _BLOCK.findall(read(spanish)) == blocks


@pytest.mark.parametrize(("english", "spanish"), PAIRS)
def test_the_headings_go_together(english: str, spanish: str) -> None:
    pages = [_BLOCK.sub("", read(document)) for document in (english, spanish)]
    first, second = (_HEADING.findall(page) for page in pages)
    assert first == second


@pytest.mark.parametrize(("english", "spanish"), PAIRS)
def test_they_lead_to_the_same_places_and_to_each_other(english: str, spanish: str) -> None:
    assert links(english) - {spanish} == links(spanish) - {english} - OF_SPANISH_ONLY
    assert spanish in links(english)
    assert english in links(spanish)
