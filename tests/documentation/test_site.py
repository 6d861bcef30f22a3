"""tools/site.py, the hooks by which documents of the repository become pages of the site."""

from __future__ import annotations

import importlib.util
import logging
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from quinde.cli.commands import cli
from tests.shape.package import ROOT


def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "tools" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = hooks()


def turned(uri: str, text: str) -> str:
    """What a page at `uri` says for the text of its document."""
    page = SimpleNamespace(file=SimpleNamespace(src_uri=uri))
    return cast(str, SITE.on_page_markdown(text, page, None, None))


@pytest.mark.parametrize(
    ("uri", "link", "becomes"),
    [
        ("topics/operation.md", "[it](tracing.md)", "[it](tracing.md)"),
        ("project/support.md", "[it](../../SECURITY.md#limits)", "[it](security.md#limits)"),
        ("topics/operation.md", "[it](../../SECURITY.md)", "[it](../project/security.md)"),
        ("project/security.md", "[it](docs/project/support.md#pythons)", "[it](support.md#pythons)"),
        ("project/architecture.md", "[it](README.md)", "[it](../index.md)"),
        ("project/benchmarks.md", "[it](../CHANGELOG.md)", "[it](changelog.md)"),
        ("index.md", "[`it`](../examples)", "`it`"),
        ("index.md", "[it](https://example.com/a.md)", "[it](https://example.com/a.md)"),
        ("index.md", "[it](#install)", "[it](#install)"),
    ],
)
def test_a_link_within_the_repository_leads_to_the_page(uri: str, link: str, becomes: str) -> None:
    assert turned(uri, f"See {link}.") == f"See {becomes}."


def test_code_is_left_alone() -> None:
    code = "```python\nx = [it](../examples)\n```"
    assert turned("index.md", f"{code}\n[it](../examples)\n") == f"{code}\nit\n"


def test_a_link_to_nowhere_is_a_warning_and_thereby_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mkdocs.hooks.site"):
        assert turned("index.md", "[it](../nowhere.md)") == "it"
    assert [record.getMessage() for record in caplog.records] == [
        "docs/index.md links to ../nowhere.md, which is nowhere"
    ]


def test_a_comment_becomes_a_table_of_names() -> None:
    table = turned("reference/hdrs.md", "<!-- names of quinde.hdrs -->")
    assert "| `CONTENT_TYPE` | `Content-Type` |" in table.splitlines()


@pytest.mark.parametrize("command", list(cli.commands))
def test_each_command_says_of_itself_in_the_reference(command: str) -> None:
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert page.count(f"<!-- help of quinde {command} -->") == 1
    assert f"```text\nUsage: quinde {command} " in turned("reference/command-line.md", page)


@pytest.mark.parametrize(
    ("html", "complaints"),
    [
        ('<script src="https://elsewhere.example/a.js"></script>', 1),
        ('<link rel="stylesheet" href="//elsewhere.example/a.css">', 1),
        ('<img alt="" src=https://elsewhere.example/a.png>', 1),
        ('<script src="assets/a.js"></script><a href="https://elsewhere.example/">there</a>', 0),
    ],
)
def test_a_page_that_asks_another_server_is_found(
    html: str, complaints: int, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    with caplog.at_level(logging.WARNING, "mkdocs.hooks.site"):
        SITE.on_post_build(SimpleNamespace(site_dir=tmp_path))
    assert len(caplog.records) == complaints


def test_every_document_of_the_root_is_a_page_or_says_the_same_as_one() -> None:
    documents = {path.name for path in ROOT.glob("*.md")}
    assert documents <= {*SITE.OF_ROOT, *SITE.SAME_PAGE}
