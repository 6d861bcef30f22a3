"""The process that runs somebody's program once, and measures it from outside.

A small process of its own, for two reasons: a process that is started takes over its starter's peak of
memory, and whatever the program started must end with the run. It writes what happens as JSON lines to its
stdout, and its stdin ends when the race is over, by which it ends too, however the race went.

The program gets a session of its own and nothing to read. Knows programs, pipes and clocks; not what is
compared.
"""

import codecs
import ctypes
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ("Task",)

_LAST_WORDS = 1.0
"""How long a program that is interrupted at its time-out may take to say where it was, in seconds."""
_TAIL = 65536
"""How much of a program's output is kept: its end, in bytes."""
_PIECE = 65536
_BECOME_SUBREAPER = 36

_ALIAS = """\
import sys
from pathlib import Path
Path(__file__).parent.with_name("asked").touch()
del sys.modules[__name__]
from quinde.aiohttp_compat import install
install()
import aiohttp
"""
"""A package `aiohttp` that gives its place to quinde.

It is found by PYTHONPATH, so the program runs as `python program.py` does, nothing around it, and the Pythons
that it starts find it too.
"""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to run.

    Attributes:
        command: The program and its arguments.
        timeout: How long it may take, in seconds.
        on_quinde: Whether it gets quinde when it imports aiohttp.
        show: Whether its output is to be passed on while it runs.
    """

    command: list[str]
    timeout: float
    on_quinde: bool
    show: bool

    def to_json(self) -> str:
        """Return the task as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the task that `to_json` wrote."""
        return cls(**json.loads(text))


class _Output:
    """What a program writes to one of its streams: the end is kept, and all is passed on where wanted."""

    def __init__(self, tails: Sequence[bytearray], show: Callable[[str], None] | None) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._tails = tails
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> bool:
        """Take a piece and say whether there was one; there is none at the end, or when none is there yet."""
        try:
            piece = os.read(self.reader, _PIECE)
        except BlockingIOError:
            return False
        for tail in self._tails:
            tail.extend(piece)
            del tail[:-_TAIL]
        if self._show is not None and (text := self._decoder.decode(piece, final=not piece)):
            self._show(text)
        return bool(piece)


class _Program:
    """The program while it runs. All that it started is gone when the block ends."""

    def __init__(self, task: Task, environment: dict[str, str], show: Callable[[str], None] | None) -> None:
        self.output, self.complaints = bytearray(), bytearray()
        self.timed_out = False
        self._outputs = [_Output([self.output], show), _Output([self.output, self.complaints], show)]
        self._wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # set_wakeup_fd wants a handler
        signal.set_wakeup_fd(waker)
        self._started = time.perf_counter()
        self._deadline = self._started + task.timeout
        self._pid = os.posix_spawn(
            task.command[0],
            task.command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                *((os.POSIX_SPAWN_DUP2, output.writer, 1 + n) for n, output in enumerate(self._outputs)),
            ],
            setsid=True,
            # Python ignores the first two, and a shell the third for what it starts in the background.
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT],
        )
        for output in self._outputs:
            os.close(output.writer)

    def wait(self) -> dict[str, Any]:
        """Wait until the program has ended, at its time-out by force, and return what it cost.

        Raises:
            SystemExit: The race is over before the program.
        """
        open_ends = [0, self._wake, *(output.reader for output in self._outputs)]
        while True:
            ready, _, _ = select.select(open_ends, [], [], max(self._deadline - time.perf_counter(), 0))
            if self._wake in ready:
                os.read(self._wake, _PIECE)
                pid, status, usage = os.wait4(self._pid, os.WNOHANG)
                if pid:
                    seconds = time.perf_counter() - self._started
                    return {
                        "seconds": seconds,
                        "cpu_seconds": usage.ru_utime + usage.ru_stime,
                        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                        "code": os.waitstatus_to_exitcode(status),
                    }
            if 0 in ready and not os.read(0, _PIECE):
                raise SystemExit(1)
            for output in self._outputs:
                if output.reader in ready and not output.read():
                    open_ends.remove(output.reader)
            if time.perf_counter() >= self._deadline:
                self._press()

    def _press(self) -> None:
        """Interrupt the program, whose traceback says where it was; kill it when it has had time for that."""
        os.killpg(self._pid, signal.SIGKILL if self.timed_out else signal.SIGINT)
        self._deadline = time.perf_counter() + _LAST_WORDS
        self.timed_out = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it left nobody behind
        while family := _children():
            for pid in family:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)
        for output in self._outputs:
            while output.read():
                pass


def _adopt_orphans() -> None:
    """Become the parent of what a child leaves behind, also of what has taken a session of its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []  # another system: the program's session is all that can be ended


def _speak(message: dict[str, Any]) -> None:
    try:
        print(json.dumps(message), flush=True)
    except BrokenPipeError:
        raise SystemExit(1) from None  # the race is over


def _main() -> None:
    task = Task.from_json(sys.argv[1])
    _adopt_orphans()
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="quinde-race-") as folder:
        package, asked = Path(folder, "aiohttp"), Path(folder, "asked")
        if task.on_quinde:
            package.mkdir()
            package.joinpath("__init__.py").write_text(_ALIAS)
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, environment.get("PYTHONPATH")]))
        show = (lambda text: _speak({"output": text})) if task.show else None
        with _Program(task, environment, show) as program:
            result = program.wait()
        result |= {
            "timed_out": program.timed_out,
            "asked": asked.exists(),
            "output": program.output.decode("utf-8", "replace"),
            "complaints": program.complaints.decode("utf-8", "replace"),
        }
    _speak(result)


if __name__ == "__main__":
    _main()
