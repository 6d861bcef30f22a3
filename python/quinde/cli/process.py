"""A child process that talks to its parent in JSON lines and cannot outlive it.

The parent's end is `Child`, the child's end `attach`. Messages go over the child's stdout. The child's
stdin is a pipe that nobody writes to: its end of file says that the parent is gone, however it went (also
by SIGKILL, where no clean-up of the parent's can run). The child has a process group of its own, so that
Ctrl-C reaches the parent alone and the parent decides.

Knows nothing of HTTP or races.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from quinde.cli.errors import CommandError

__all__ = ("Child", "Message", "attach")

Message = dict[str, Any]
"""What processes tell each other: one JSON object a line."""


class Child:
    """A running child process, killed when the block ends.

    Args:
        module: The module to run, whose code must call `attach()` first.
        arguments: Its command line arguments.
        grace: How long the child may take to end by itself when its stdin does, in seconds.
    """

    def __init__(self, module: str, *arguments: str, grace: float = 0) -> None:
        self._module = module
        self._grace = grace
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by kill()
        # -P: like a console script, and unlike plain -m, do not import from the current folder.
        command = [sys.executable, "-P", "-m", module, *arguments]
        self._process = subprocess.Popen(  # noqa: S603 -- our own modules, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            process_group=0 if os.name == "posix" else None,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def messages(self) -> Iterator[Message]:
        """Yield the child's messages until it ends.

        Raises:
            CommandError: The child ended with a failure; the text has the last line that it wrote to stderr.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield json.loads(line)
        code = self._process.wait()
        if code != 0:
            raise CommandError(f"{self._module} ended with code {code}: {self._last_complaint()}")

    def kill(self) -> None:
        """End the child at once, or within its grace, and wait until it is gone."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if self._grace:
            try:
                self._process.wait(self._grace)
            except subprocess.TimeoutExpired:
                pass  # it had its chance
        self._process.kill()
        self._process.wait()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it gave no reason")


def attach() -> Callable[[Message], None]:
    """Bind this process to its parent; to be called once, first thing in a child.

    From now on the process ends as soon as its parent does, and what anybody prints goes to stderr, for
    stdout belongs to the messages.

    Returns:
        A function that sends one message to the parent.
    """
    # A duplicate: user code may close or redirect fd 1.
    wire = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()

    def speak(message: Message) -> None:
        try:
            wire.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            os._exit(1)

    return speak


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    # Not sys.exit: this is not the main thread, and the main thread may be deep in a blocking call.
    os._exit(1)
