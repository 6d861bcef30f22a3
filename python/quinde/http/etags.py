"""Entity tags (RFC 9110 section 8.8.3) and the lists of them in conditional headers.

Pure: text in, values out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ("ETAG_ANY", "ETag", "parse_etag", "parse_etag_list", "validate_etag_value")

ETAG_ANY = "*"

# etagc = %x21 / %x23-7E / obs-text
_OPAQUE = r"[!\x23-\x7E\x80-\xff]+"
_TAG = rf'(W/)?"({_OPAQUE})"'
_OPAQUE_RE = re.compile(_OPAQUE)
_TAG_RE = re.compile(_TAG)
_LIST_RE = re.compile(rf"{_TAG}(?:\s*,\s*|$)")


@dataclass(frozen=True, slots=True)
class ETag:
    """Hold one entity tag: its opaque value without quotes, and whether it is a weak validator."""

    value: str
    is_weak: bool = False

    def __str__(self) -> str:
        if self.value == ETAG_ANY:
            return ETAG_ANY
        return f'W/"{self.value}"' if self.is_weak else f'"{self.value}"'


def validate_etag_value(value: str) -> None:
    """Refuse an opaque tag that cannot stand between quotes.

    Raises:
        ValueError: The value holds a quote, white space or a control character; choose another one.
    """
    if value != ETAG_ANY and not _OPAQUE_RE.fullmatch(value):
        raise ValueError(
            f"{value!r} is no entity tag: quotes, white space and controls are not allowed in it"
        )


def parse_etag(text: str | None) -> ETag | None:
    """Read an `ETag` field's value.

    Returns:
        The tag, or None when there is none or it is malformed.
    """
    if not text:
        return None
    if text == ETAG_ANY:
        return ETag(ETAG_ANY)
    match = _TAG_RE.fullmatch(text)
    return None if match is None else ETag(match[2], is_weak=match[1] is not None)


def parse_etag_list(text: str | None) -> tuple[ETag, ...] | None:
    """Read the value of `If-Match` or `If-None-Match`.

    Returns:
        The tags up to the first malformed one, or None when the field is absent or empty.
    """
    return tuple(_tags(text)) if text else None


def _tags(text: str) -> Iterator[ETag]:
    if text == ETAG_ANY:
        yield ETag(ETAG_ANY)
        return
    position = 0
    while match := _LIST_RE.match(text, position):
        yield ETag(match[2], is_weak=match[1] is not None)
        position = match.end()
