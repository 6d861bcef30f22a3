from __future__ import annotations

import getpass
import os
import platform
from typing import TYPE_CHECKING

from quinde.cli.page import machine as module

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_says_what_figures_depend_on() -> None:
    facts = dict(module.machine())
    assert list(facts) == ["Processor", "Cores", "Memory", "Python", "System"]
    assert int(facts["Cores"]) >= 1
    assert facts["Python"] == f"CPython {platform.python_version()}"
    assert platform.system() in facts["System"]
    assert facts["Memory"].endswith(" GiB")


def test_it_tells_nothing_of_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-41-of-my-company")
    text = " ".join(value for _, value in module.machine())
    for private in ("of-my-company", platform.node(), os.path.expanduser("~")):
        assert private not in text
    assert getpass.getuser() not in text.split()


def test_the_processor_is_named_by_the_system_or_its_kind(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A fast one @ 3 GHz\nmodel name\t: A fast one\n")
    assert module._processor(cpuinfo) == "A fast one @ 3 GHz"
    cpuinfo.write_text("processor\t: 0\n")
    assert module._processor(cpuinfo) == platform.machine()
    assert module._processor(tmp_path / "missing") == platform.machine()
