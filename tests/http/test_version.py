"""HTTP versions."""

from __future__ import annotations

import re
import sys

from quinde.http.version import SERVER_SOFTWARE, HttpVersion, HttpVersion10, HttpVersion11


def test_versions_compare() -> None:
    assert HttpVersion10 < HttpVersion11 == HttpVersion(1, 1) == (1, 1)
    assert (HttpVersion11.major, HttpVersion10.minor) == (1, 0)


def test_software_names_python_and_quinde() -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert re.fullmatch(rf"Python/{re.escape(python)} quinde/\S+", SERVER_SOFTWARE)
