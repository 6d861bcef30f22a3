"""What all contestants of a race have in common: a library, a name for the table, and how failures sound.

Each runs in a process of its own (see `lane`), so a contestant is free to import its library, to block and
to fail. Libraries are imported by the constructor, never at the top: the program must list contestants that
are not installed, and the clock must not count imports.

A contestant fetches every stop of the course, reads each body whole, takes anything but 200 for a failure,
and hands on each body as it arrives. They differ in nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from quinde.cli.errors import CommandError
from quinde.cli.race.course import Course

__all__ = ("Arrived", "Contestant", "no_answer", "not_ok", "too_slow")

Arrived = Callable[[int, bytes], None]
"""Called with the number and the body of each answer."""


def not_ok(url: str, status: int, reason: str | None) -> CommandError:
    """Return the failure of an answer that is not 200."""
    return CommandError(f"{url} answered {status} {reason or ''}".rstrip() + ", not 200")


def too_slow(url: str, course: Course) -> CommandError:
    """Return the failure of an answer that did not come in time."""
    return CommandError(f"{url} gave no answer within {course.timeout:g} s")


def no_answer(url: str, error: Exception) -> CommandError:
    """Return the failure of a request for any other reason."""
    return CommandError(f"cannot fetch {url}: {str(error) or type(error).__name__}")


class Contestant(ABC):
    """One way to fetch the course.

    Raises:
        CommandError: By the constructor, if the library is not installed; the text says how to get it.
    """

    name: ClassVar[str]
    """What the table calls it."""
    library: ClassVar[str]
    """The package that does the work."""
    remedy: ClassVar[str]
    """How to install it."""
    concurrent: ClassVar[bool] = False
    """Whether it has `course.concurrency` requests under way, or one."""
    optional: ClassVar[bool] = False
    """Whether the race is whole without it."""

    def __init__(self) -> None:
        try:
            self._module: Any = import_module(self.library)
        except ModuleNotFoundError as error:
            if error.name != self.library:
                raise
            raise CommandError(f"{self.library} is not installed: {self.remedy}") from None

    @property
    def version(self) -> str:
        """The version of the library."""
        return str(self._module.__version__)

    @abstractmethod
    def run(self, course: Course, arrived: Arrived) -> None:
        """Fetch the course and return when the last answer is read.

        Raises:
            CommandError: A request failed; the text says which and why.
        """
