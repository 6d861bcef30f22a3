"""HTML and SVG from plain calls, everything escaped that is not markup already.

Much of what a page shows comes from strangers' servers. So there is one way to make markup, and it takes text
for text.
"""

from html import escape
from typing import Self

__all__ = ("Markup", "element", "joined")

_VOID = frozenset({"link", "meta"})


class Markup(str):
    """A piece of HTML or SVG. Other strings are text, and are escaped where they meet it."""

    __slots__ = ()

    @classmethod
    def of(cls, content: str) -> Self:
        """Return `content` as markup: itself if it is that already, else escaped."""
        # Characters that no HTML may have; a control character in a label is not worth a broken page.
        return content if isinstance(content, cls) else cls(escape(_printable(content)))


def element(name: str, /, *content: str, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Args:
        name: Its name.
        content: What stands in it: markup, or text.
        attributes: Its attributes: `class_` is `class`, `aria_label` is `aria-label`; None and False leave
            one out, True gives it without a value.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(opened if name in _VOID else f"{opened}{joined(*content)}</{name}>")


def joined(*content: str) -> Markup:
    """Return pieces one after the other."""
    return Markup("".join(Markup.of(piece) for piece in content))


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(_printable(str(value)))}"'


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable() or character == "\n")
