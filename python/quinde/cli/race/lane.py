"""A contestant's lane: the process in which it runs alone, and the parent's view of it.

Alone, because then its CPU time and its memory are its own, its library's threads and crashes stay in its
process, and drawing the progress bar is not counted as the contestant's work. `run_lane` is called by the
race; `_run_alone` is the child.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from quinde.cli.errors import CommandError, one_line
from quinde.cli.process import Child, Message, attach
from quinde.cli.race.contestants import CONTESTANTS
from quinde.cli.race.course import Course
from quinde.cli.race.result import Row

__all__ = ("Seen", "label", "run_lane")

Seen = Callable[[str, int], None]
"""Called with the last answer's label ("" if nobody asked for it) and how many came since last time."""

_LABEL_LIMIT = 40
_LABELLED = 2_000
"""With more requests than this the child counts and tells no names: telling costs as much as fetching."""
_REPORTS = 100


def label(body: bytes, number: int) -> str:
    """Return the `name` of a JSON answer, or `#number` for an answer without one."""
    try:
        name = json.loads(body)["name"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return f"#{number}"
    return one_line(name, _LABEL_LIMIT) if isinstance(name, str) and name.strip() else f"#{number}"


def run_lane(key: str, course: Course, seen: Seen) -> Row:
    """Let one contestant run the course in a process of its own.

    Args:
        key: The contestant's key in `CONTESTANTS`.
        course: What to fetch.
        seen: Called while answers arrive.

    Returns:
        The contestant's row; if it failed, one with `error` and without figures.
    """
    contestant = CONTESTANTS[key]
    result: dict[str, Any] = {}
    answers = 0
    try:
        with Child("quinde.cli.race.lane", key, course.to_json()) as child:
            for message in child.messages():
                if "answers" in message:
                    answers += message["answers"]
                    seen(message["label"], message["answers"])
                else:
                    result |= message
    except CommandError as error:
        result["error"] = str(error)
    if "error" not in result and "seconds" not in result:
        result["error"] = f"{contestant.name}: ended without a result"
    if "error" in result:
        result |= {"seconds": None, "cpu_seconds": None, "peak_bytes": None}
    return Row(
        key=key,
        name=contestant.name,
        library=contestant.library,
        version=result.get("version"),
        requests=answers,
        planned=course.count,
        concurrency=min(course.concurrency, course.count) if contestant.concurrent else 1,
        seconds=result["seconds"],
        cpu_seconds=result["cpu_seconds"],
        peak_bytes=result["peak_bytes"],
        error=result.get("error"),
    )


class _Reporter:
    """Tells the parent of answers, by name or by number."""

    def __init__(self, speak: Callable[[Message], None], course: Course) -> None:
        self._speak = speak
        self._labelled = course.count <= _LABELLED
        self._every = 1 if self._labelled else course.count // _REPORTS
        self._untold = 0

    def arrived(self, number: int, body: bytes) -> None:
        self._untold += 1
        if self._untold >= self._every:
            self._tell(label(body, number) if self._labelled else "")

    def finish(self) -> None:
        if self._untold:
            self._tell("")

    def _tell(self, name: str) -> None:
        self._speak({"label": name, "answers": self._untold})
        self._untold = 0


def _peak_bytes() -> int | None:
    """Return the most memory that this process has had; None where Linux's /proc does not tell.

    Not getrusage's figure: that one remembers the process from which this one was made.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _run_alone() -> None:
    """Run the contestant that the command line names: its key, then the course as JSON."""
    speak = attach()
    # All contestants go straight to the server: some would obey a proxy of the environment, others not.
    os.environ["no_proxy"] = "*"
    key, course = sys.argv[1], Course.from_json(sys.argv[2])
    reporter = _Reporter(speak, course)
    try:
        contestant = CONTESTANTS[key]()
        speak({"version": contestant.version})
        cpu, clock = time.process_time(), time.perf_counter()
        contestant.run(course, reporter.arrived)
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    except CommandError as error:
        speak({"error": str(error)})
    else:
        reporter.finish()
        speak({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": _peak_bytes()})


if __name__ == "__main__":
    _run_alone()
