"""Path patterns: `{name}`, `{name:regex}` and fixed text, read into what matching and building a URL need.

A path is matched decoded (`yarl.URL.path_safe`: every escape but `%2F` and `%25`), so the fixed text of a
pattern is compared decoded too, whichever way it was written. Knows text only: no route, no request.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from yarl import URL

__all__ = (
    "ANY_NAME",
    "PathPattern",
    "decode_text",
    "has_names",
    "quote_path",
    "requote_path",
    "stands_alone",
    "unquote_value",
)

ANY_NAME: Final = r"[^{}/]+"
"""The regular expression that a name without one of its own stands for."""

# Braces in a regular expression may nest once, as in `{id:\d{4}}`.
PLACEHOLDER: Final = re.compile(r"(\{(?=[_a-zA-Z])(?:[^{}]|\{[^{}]*\})+\})")
NAME: Final = re.compile(r"\{(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)(?::(?P<regex>.+))?\}")


class PathPattern(NamedTuple):
    """A pattern with names, read."""

    formatter: str
    """For `str.format`: fixed text quoted, names in braces."""
    regex: re.Pattern[str]
    """What a decoded path has to match as a whole."""
    index_path: str
    """Fixed text decoded, names in braces."""
    texts: tuple[str, ...] | None
    """The decoded text around each name, when all are plain ones: then nobody needs `regex`. Else None."""
    affixes: tuple[str, str]
    """Fixed text that every matching path starts and ends with; empty where nothing is known."""

    @classmethod
    def read(cls, path: str) -> PathPattern:
        """Read a pattern.

        Raises:
            ValueError: Braces do not pair up, a name is no ASCII identifier, or an expression is wrong.
        """
        formatter = regex = index_path = ""
        texts = [""]
        own: list[str] = []
        for part in PLACEHOLDER.split(path):
            if placeholder := NAME.fullmatch(part):
                name, expression = placeholder["name"], placeholder["regex"]
                if expression is not None:
                    own.append(expression)
                formatter += f"{{{name}}}"
                index_path += f"{{{name}}}"
                regex += f"(?P<{name}>{expression or ANY_NAME})"
                texts.append("")
            elif "{" in part or "}" in part:
                raise ValueError(f"Invalid path {path!r}: {part!r} is no {{name}} or {{name:regex}}")
            else:
                text = decode_text(requote_path(part))
                formatter += requote_path(part)
                index_path += text
                regex += re.escape(text)
                texts[-1] += text
        try:
            compiled = re.compile(regex)
        except re.error as error:
            raise ValueError(f"Bad pattern in path {path!r}: {error} of {regex!r}") from None
        if not formatter.startswith("/"):
            raise ValueError(f"Invalid path {path!r}: it must start with /")
        affixes = (texts[0], texts[-1]) if all(map(stands_alone, own)) else ("", "")
        return cls(formatter, compiled, index_path, None if own else tuple(texts), affixes)


def has_names(path: str) -> bool:
    """Tell whether a pattern is more than fixed text."""
    return "{" in path or "}" in path


def stands_alone(expression: str) -> bool:
    """Tell whether a name's regular expression cannot reach beyond its own group.

    `{x:a)|(b}` is legal, as its parentheses pair up with those around it; then nothing is known of how a
    matching path starts or ends.
    """
    try:
        re.compile(expression)
    except re.error:
        return False
    return True


def quote_path(value: str) -> str:
    """Quote text for a path; `%` becomes `%25`, slashes stay."""
    return URL.build(path=value, encoded=False).raw_path


def requote_path(value: str) -> str:
    """Quote text for a path, but keep escapes that are there."""
    quoted = quote_path(value)
    return quoted.replace("%25", "%") if "%" in value else quoted


def decode_text(quoted: str) -> str:
    """Decode quoted text as a path is decoded for matching."""
    return URL.build(path=quoted, encoded=True).path_safe


def unquote_value(value: str) -> str:
    """Undo the escapes that matching keeps, in what a name captured."""
    if "%" not in value:
        return value
    return value.replace("%2F", "/").replace("%25", "%")
