"""Media types (RFC 9110 section 8.3.1): what stands in Content-Type, read leniently.

Pure. Broken values never raise: a message with a bad Content-Type is a message of unknown type.
"""

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ("OCTET_STREAM", "parse_content_type")

OCTET_STREAM = "application/octet-stream"

# One parameter: a token, "=", and a token or a quoted string; white space round "=" is a common mistake.
_PARAMETER_RE = re.compile(r"""\s*([^\s;="]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?[^;]*(?:;|$)""")
_QUOTED_PAIR_RE = re.compile(r"\\(.)")


@functools.lru_cache(maxsize=128)
def parse_content_type(raw: str) -> tuple[str, Mapping[str, str]]:
    """Split a Content-Type value into its media type and its parameters.

    Args:
        raw: The field's value.

    Returns:
        The media type in lower case (`application/octet-stream` if the value names none), and the
        parameters: names in lower case, values unquoted; of a repeated name the first counts.
    """
    essence, _, rest = raw.partition(";")
    essence = essence.strip().lower()
    if essence.count("/") != 1:
        essence = OCTET_STREAM
    parameters: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PARAMETER_RE.match(rest, position)
        if match is None:  # nothing but a separator, or a stray "=" or quote
            _, separator, tail = rest[position:].partition(";")
            position = len(rest) - len(tail) if separator else len(rest)
            continue
        name, quoted, token = match.groups()
        value = _QUOTED_PAIR_RE.sub(r"\1", quoted) if quoted is not None else token or ""
        parameters.setdefault(name.lower(), value)
        position = match.end()
    return essence, MappingProxyType(parameters)
