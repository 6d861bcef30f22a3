from __future__ import annotations

import re
from pathlib import Path

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.page.file import check_writable, write_page
from tests.cli.page.sample import page


def write(path: Path, *arguments: str) -> str:
    write_page(
        path,
        title="T",
        lead=str(Path.home() / "x"),
        parts=page().parts,
        versions=[("quinde", "1")],
        arguments=arguments,
    )
    return path.read_text(encoding="utf-8")


def test_a_page_says_when_where_and_how_it_was_made(tmp_path: Path) -> None:
    text = write(tmp_path / "race.html", "race", "a b.py")
    assert re.search(r"<dd>20\d\d-\d\d-\d\d \d\d:\d\d UTC</dd>", text)
    assert "<dt>Processor</dt>" in text
    assert "quinde race &#x27;a b.py&#x27;" in text


def test_a_page_does_not_tell_whose_home_it_was_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/somewhere/anaconda")
    text = write(tmp_path / "race.html", "race", "/somewhere/anaconda/p.py")
    assert "anaconda" not in text
    assert "quinde race ~/p.py" in text
    assert "<p>~/x</p>" in text


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    assert check_writable(tmp_path / "new.html") is None
    (tmp_path / "old.html").touch()
    assert check_writable(tmp_path / "old.html") is None
    assert check_writable(Path("race.html")) is None
    assert check_writable(tmp_path) == f"{tmp_path} is a folder"
    assert check_writable(tmp_path / "none" / "x.html") == f"there is no folder {tmp_path / 'none'}"


def test_what_cannot_be_written_is_said_after(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot write .*: Is a directory"):
        write(tmp_path)
