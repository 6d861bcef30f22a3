"""`quinde.abc`: a face, loaded piece by piece."""

from __future__ import annotations

import subprocess
import sys

import pytest

from quinde import abc
from quinde.web.log import AbstractAccessLogger


def test_names_are_their_homes() -> None:
    assert abc.AbstractAccessLogger is AbstractAccessLogger
    assert set(abc.__all__) <= set(dir(abc))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        abc.nothing_of_the_kind  # noqa: B018


def test_importing_it_loads_neither_end() -> None:
    code = "import sys, quinde.abc; print([name for name in sys.modules if name.startswith('quinde.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "['quinde.abc']"
