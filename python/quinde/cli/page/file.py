"""Writing a page: whether that will work, before a race, and the file, after it."""

import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from quinde.cli.errors import CommandError
from quinde.cli.page.document import to_html
from quinde.cli.page.machine import machine
from quinde.cli.page.model import Page, Part

__all__ = ("check_writable", "write_page")


def check_writable(path: Path) -> str | None:
    """Return what is wrong with a file to be written, or None if nothing is: before a race, not after it."""
    folder = path.parent
    if path.is_dir():
        return f"{path} is a folder"
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not os.access(path if path.exists() else folder, os.W_OK):
        return f"{path} cannot be written"
    return None


def write_page(
    path: Path,
    *,
    title: str,
    lead: str,
    parts: Sequence[Part],
    versions: Sequence[tuple[str, str]],
    arguments: Sequence[str],
) -> None:
    """Write a page about a race that has just been run here.

    Args:
        path: The file.
        title: The page's heading.
        lead: A sentence under it.
        parts: What it shows.
        versions: Who raced, and in which version.
        arguments: Those of `quinde` that repeat it.

    Raises:
        CommandError: It cannot be written; the text says why.
    """
    page = Page(
        title=title,
        lead=lead,
        parts=tuple(parts),
        versions=tuple(versions),
        machine=machine(),
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        command=shlex.join(["quinde", *arguments]),
    )
    text = to_html(page)
    home = escape(str(Path.home()))
    if len(home) > 1:
        # Where somebody keeps a program is part of how to repeat the race, and often says who it is.
        text = text.replace(home, "~")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
