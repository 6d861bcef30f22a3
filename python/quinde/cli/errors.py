"""What can go wrong in a command, said in one line.

Knows text and nothing else: the processes of a race send these lines to each other, and part of them comes
from strangers' servers, so control characters are taken out here, before a terminal can see them.
"""

__all__ = ("CommandError", "one_line")


def one_line(text: str, limit: int = 400) -> str:
    """Return `text` as one printable line of at most `limit` characters."""
    joined = " ".join(text.split())
    return "".join(character for character in joined if character.isprintable())[:limit]


class CommandError(Exception):
    """A failure that the user can understand: shown as one line, without a traceback, exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))
