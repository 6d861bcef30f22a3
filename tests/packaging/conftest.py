"""What users get, as they get it. What builds or installs it is slow and has a make target of its own."""

from __future__ import annotations

import os

collect_ignore = [
    *(["test_wheel.py"] if "QUINDE_WHEEL" not in os.environ else []),  # make test-wheel
    *(["test_sdist_build.py"] if "QUINDE_TEST_BUILDS" not in os.environ else []),  # make test-sdist
]
