"""A contestant's lane: the process in which it runs alone, and the parent's view of it.

Alone, because then its CPU time is its own, its library's threads and crashes stay in its process, and
drawing the progress bar is not counted as the contestant's work. `run_lane` is called by the race;
`_run_alone` is the child.
"""

import os
import sys
import time

from quinde.cli.errors import CommandError
from quinde.cli.process import Child, attach
from quinde.cli.race.contestants import CONTESTANTS, Arrived, Contestant
from quinde.cli.race.course import Course
from quinde.cli.race.result import Row

__all__ = ("run_lane",)


def run_lane(key: str, course: Course, arrived: Arrived) -> Row:
    """Let one contestant run the course in a process of its own.

    Args:
        key: The contestant's key in `CONTESTANTS`.
        course: What to fetch.
        arrived: Called with each answer's label as it arrives.

    Returns:
        The contestant's row; if it failed, one with `error` and without figures.
    """
    contestant = CONTESTANTS[key]
    result: dict[str, float | str] = {}
    answers = 0
    try:
        with Child("quinde.cli.race.lane", key, course.to_json()) as child:
            for message in child.messages():
                if "label" in message:
                    answers += 1
                    arrived(message["label"])
                else:
                    result |= message
    except CommandError as error:
        result["error"] = str(error)
    if "error" not in result and "seconds" not in result:
        result["error"] = f"{contestant.name}: ended without a result"
    return _row(contestant, course, answers, result)


def _row(contestant: type[Contestant], course: Course, answers: int, result: dict[str, float | str]) -> Row:
    failed = "error" in result
    return Row(
        name=contestant.name,
        library=contestant.library,
        version=str(result["version"]) if "version" in result else None,
        requests=answers,
        concurrency=min(course.concurrency, course.count) if contestant.concurrent else 1,
        seconds=None if failed else float(result["seconds"]),
        cpu_seconds=None if failed else float(result["cpu_seconds"]),
        error=str(result["error"]) if failed else None,
    )


def _run_alone() -> None:
    """Run the contestant that the command line names: its key, then the course as JSON."""
    speak = attach()
    # All contestants go straight to the server: some would obey a proxy of the environment, others not.
    os.environ["no_proxy"] = "*"
    key, course = sys.argv[1], Course.from_json(sys.argv[2])
    try:
        contestant = CONTESTANTS[key]()
        speak({"version": contestant.version})
        cpu, clock = time.process_time(), time.perf_counter()
        contestant.run(course, lambda label: speak({"label": label}))
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    except CommandError as error:
        speak({"error": str(error)})
    else:
        speak({"seconds": seconds, "cpu_seconds": cpu_seconds})


if __name__ == "__main__":
    _run_alone()
