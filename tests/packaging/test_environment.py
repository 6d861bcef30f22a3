"""What tests the wheel needs pytest and what it installs itself: nothing else is in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.packaging.environment import ROOT, TAG

if TYPE_CHECKING:
    from pathlib import Path

# Names of what the tests of the package have beside them, as `import` of each finds it.
_ALONE = """\
import sys
import pytest
for name in "aiohttp click httpx multidict quinde requests rich trustme uvloop yaml yarl".split():
    sys.modules[name] = None
sys.exit(pytest.main([
    "tests/packaging/test_wheel.py", "--collect-only", "--quiet", "-p", "no:cacheprovider", "-p", "no:xdist",
]))
"""


def test_the_tests_of_the_wheel_are_found_where_only_pytest_is(tmp_path: Path) -> None:
    wheel = tmp_path / f"quinde-1-{TAG}-{TAG}-any.whl"
    wheel.touch()
    ended = subprocess.run(
        [sys.executable, "-c", _ALONE],
        cwd=ROOT,
        env=os.environ | {"QUINDE_WHEEL": str(wheel)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "test_the_samples_of_the_readme" in ended.stdout
