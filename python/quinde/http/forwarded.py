"""The `Forwarded` field (RFC 7239): what proxies say about a request that passed them.

Pure: text in, values out. Whether a proxy is to be believed is not known here.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ("parse_forwarded",)

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[\t !\x23-\x5B\x5D-\x7E]|\\[\t -\x7E])*"'
# A port behind a token should be quoted, and often is not.
_PAIR_RE = re.compile(rf"({_NAME})=({_NAME}|{_QUOTED})(:\d{{1,5}})?")
_ESCAPED_RE = re.compile(r"\\(.)")


def parse_forwarded(values: Iterable[str]) -> tuple[Mapping[str, str], ...]:
    """Read the values of all `Forwarded` fields of a message.

    Args:
        values: The values, in the order of the fields.

    Returns:
        A mapping for each proxy, the first one that the client met first; names are in lower case. Of an
        element with a mistake, what stands before the mistake.
    """
    return tuple(MappingProxyType(element) for value in values for element in _elements(value))


def _elements(text: str) -> list[dict[str, str]]:
    elements: list[dict[str, str]] = [{}]
    position, may_begin = 0, True
    while 0 <= position < len(text):
        match text[position]:
            case ",":
                elements.append({})
                position, may_begin = position + 1, True
            case ";":
                position, may_begin = position + 1, True
            case " " | "\t":  # RFC 7239 has none, proxies do
                position += 1
            case _:
                pair = _PAIR_RE.match(text, position) if may_begin else None
                if pair is None:
                    position = text.find(",", position)
                    continue
                name, value, port = pair.groups("")
                if value.startswith('"'):
                    value = _ESCAPED_RE.sub(r"\1", value[1:-1])
                elements[-1][name.lower()] = value + port
                position, may_begin = pair.end(), False
    return elements
