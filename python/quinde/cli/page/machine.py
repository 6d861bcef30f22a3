"""The machine of a race, as far as a reader of figures wants to know it and its owner wants to tell it.

No name of a host or a user, no address, no path.
"""

import os
import platform
from pathlib import Path

__all__ = ("machine",)


def machine() -> tuple[tuple[str, str], ...]:
    """Return names and values: processor, cores, memory, Python, system."""
    facts = (
        ("Processor", _processor()),
        ("Cores", str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())),
        ("Memory", _memory()),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("System", _system()),
    )
    return tuple((name, value) for name, value in facts if value)


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, OSError, ValueError):
        return ""


def _system() -> str:
    try:
        distribution = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, LookupError):
        distribution = ""
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{distribution}, {kernel}" if distribution else kernel
