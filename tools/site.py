"""Hooks of MkDocs for the site of the documents (mkdocs.yml): what pages are there, and where links lead.

The documents at the root of the repository are pages of the site as they are: a link between two documents,
written so that it leads somewhere in the repository, leads to the page on the site. What is in the repository
and not on the site, a folder of examples or a licence, loses its link and keeps its words.
`<!-- names of quinde.hdrs -->` becomes a table of what the module exports, `<!-- help of quinde race -->` the
command's own help. At the end no page may ask another server for anything.
"""

from __future__ import annotations

import importlib
import logging
import os.path
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

OF_ROOT = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "NOTICES.md": "project/notices.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""Documents outside of docs/, and the pages that they are."""

SAME_PAGE = {"README.md": "index.md", "README.es.md": "es/index.md", "benchmarks": "project/benchmarks.md"}
"""What has a page that says the same."""

_log = logging.getLogger("mkdocs.hooks.site")

_FENCED = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[(?P<words>[^\[\]]+)\]\((?P<path>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")
_NAMES = re.compile(r"^<!-- names of (quinde(?:\.\w+)*) -->$", re.MULTILINE)
_HELP = re.compile(r"^<!-- help of quinde(?: (\w+))? -->$", re.MULTILINE)
_FETCHED = re.compile(
    r"<(?:script|img|iframe|link(?=[^>]*(?:stylesheet|icon)))\b[^>]*(?:src|href)=[\"']?(?:https?:)?//"
)


def on_startup(command: str, dirty: bool) -> None:
    """Let what pages ask the package for be imported where nothing is built."""
    # Not sooner: MkDocs takes back what a hook does to the path while it is loaded.
    sys.path.insert(0, str(ROOT / "python"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that stand outside of docs/."""
    for source, uri in OF_ROOT.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make a document of the repository a page of the site."""
    uri = page.file.src_uri
    source = next((outside for outside, inside in OF_ROOT.items() if inside == uri), f"docs/{uri}")
    parts = []
    end = 0
    for fence in _FENCED.finditer(markdown):
        parts += [_with_links_to_pages(markdown[end : fence.start()], source, uri), fence[0]]
        end = fence.end()
    parts.append(_with_links_to_pages(markdown[end:], source, uri))
    text = _HELP.sub(lambda match: f"```text\n{_help_of(match[1])}\n```", "".join(parts))
    return _NAMES.sub(lambda match: "\n".join(_table_of_names(match[1])), text)


def _with_links_to_pages(text: str, source: str, uri: str) -> str:
    """Turn the links of a document at `source` in the repository into those of the page at `uri`."""

    def turned(link: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(source), link["path"]))
        to = OF_ROOT.get(target) or SAME_PAGE.get(target)
        if to is None and target.startswith("docs/"):
            to = target.removeprefix("docs/")
        if to is not None:
            relative = os.path.relpath(to, os.path.dirname(uri) or ".")
            return f"[{link['words']}]({relative}{link['anchor'] or ''})"
        if not (ROOT / target).exists():
            _log.warning("%s links to %s, which is nowhere", source, link["path"])
        return link["words"]

    return _LINK.sub(turned, text)


def _table_of_names(module: str) -> Iterator[str]:
    loaded = importlib.import_module(module)
    yield "| name | value |"
    yield "|---|---|"
    for name in loaded.__all__:
        value = getattr(loaded, name)
        shown = ", ".join(sorted(value)) if isinstance(value, (set, frozenset)) else str(value)
        yield f"| `{name}` | `{shown}` |"


def _help_of(command: str | None) -> str:
    from quinde.cli.commands import cli

    context = cli.make_context("quinde", [], resilient_parsing=True, terminal_width=80)
    if command is None:
        return cli.get_help(context)
    chosen = cli.commands[command]
    return chosen.get_help(chosen.make_context(command, [], context, resilient_parsing=True))


def on_page_context(context: Any, page: Page, config: MkDocsConfig, nav: object) -> Any:
    """Let the theme speak the language of the page; it knows one for the whole site."""
    config.theme["language"] = "es" if page.file.src_uri.startswith("es/") else "en"
    return context


def on_post_build(config: MkDocsConfig) -> None:
    """See that a reader's browser asks nobody else."""
    for path in Path(config.site_dir).rglob("*.html"):
        for match in _FETCHED.finditer(path.read_text(encoding="utf-8")):
            _log.warning("%s fetches from elsewhere: %s", path.name, match[0])
