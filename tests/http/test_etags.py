"""Entity tags, RFC 9110 section 8.8.3."""

from __future__ import annotations

import pytest

from quinde.http.etags import ETag, parse_etag, parse_etag_list, validate_etag_value


@pytest.mark.parametrize(
    "tag", [ETag("a"), ETag("a b".replace(" ", "!")), ETag("x", is_weak=True), ETag("*")]
)
def test_written_and_read(tag: ETag) -> None:
    assert parse_etag(str(tag)) == tag


@pytest.mark.parametrize("text", [None, "", "a", '"a', '"a b"', 'w/"a"', '"a", "b"'])
def test_what_is_no_tag_is_none(text: str | None) -> None:
    assert parse_etag(text) is None


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (None, None),
        ("", None),
        ("*", (ETag("*"),)),
        ('"a"', (ETag("a"),)),
        ('"a" , W/"b","c"', (ETag("a"), ETag("b", is_weak=True), ETag("c"))),
        ('"a", b, "c"', (ETag("a"),)),
        ("garbage", ()),
    ],
)
def test_lists_are_read_up_to_the_first_mistake(text: str | None, tags: tuple[ETag, ...] | None) -> None:
    assert parse_etag_list(text) == tags


@pytest.mark.parametrize("value", ['a"b', "a b", "", "a\n", "\x7f"])
def test_values_that_cannot_be_quoted_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="no entity tag"):
        validate_etag_value(value)


def test_good_values_pass() -> None:
    validate_etag_value("*")
    validate_etag_value("abc-123")
