"""Reading patterns."""

from __future__ import annotations

import pytest
from yarl import URL

from quinde.web.routing.patterns import PathPattern, quote_path, requote_path, unquote_value


def test_plain_names_need_no_regular_expression() -> None:
    pattern = PathPattern.read("/user/{id}/file-{name}.{kind}")
    assert pattern.texts == ("/user/", "/file-", ".", "")
    assert pattern.formatter == pattern.index_path == "/user/{id}/file-{name}.{kind}"
    assert list(pattern.regex.groupindex) == ["id", "name", "kind"]


def test_own_expressions_leave_beginning_and_end_known() -> None:
    pattern = PathPattern.read(r"/user/{id:\d{4}}/x{tail}.html")
    assert pattern.texts is None
    assert pattern.affixes == ("/user/", ".html")
    assert pattern.formatter == "/user/{id}/x{tail}.html"
    match = pattern.regex.fullmatch("/user/2026/xyz.html")
    assert match is not None
    assert match.groupdict() == {"id": "2026", "tail": "yz"}


@pytest.mark.parametrize("path", ["/a/{x:b)|(c}/d", r"/a/{x:b}{y:(?P=x)}/d", "/a/{x:[}b{y:]}/d"])
def test_expression_that_reaches_beyond_its_group_leaves_nothing_known(path: str) -> None:
    assert PathPattern.read(path).affixes == ("", "")


def test_fixed_text_is_compared_decoded_and_quoted_in_urls() -> None:
    for written in ("/café x/{id}", "/caf%C3%A9%20x/{id}"):
        pattern = PathPattern.read(written)
        assert pattern.texts == ("/café x/", "")
        assert pattern.index_path == "/café x/{id}"
        assert pattern.formatter == "/caf%C3%A9%20x/{id}"


def test_escaped_slash_and_percent_stay() -> None:
    pattern = PathPattern.read("/a%2Fb%25/{id}")
    assert pattern.texts == ("/a%2Fb%25/", "")


@pytest.mark.parametrize(
    "path",
    [
        "/{",
        "/}",
        "/{}",
        "/{1}",
        "/{x",
        "/x}",
        "/{x:}",
        "/{ x}",
        "/{x-y}",
        "/{é}",
        "/{x{y}}",
        "/{x:{{}}}",
        "{x}",
    ],
)
def test_braces_that_make_no_sense_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="Invalid path"):
        PathPattern.read(path)


@pytest.mark.parametrize("path", ["/{x:(}", "/{x:*}", "/{x:a{2}{3}}", "/{x}/{x}", "/{x:(?i)a}", r"/{x:\1}"])
def test_wrong_expression_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="Bad pattern"):
        PathPattern.read(path)


def test_quoting() -> None:
    assert quote_path("a b/é%20") == "a%20b/%C3%A9%2520"
    assert requote_path("a b/é%20") == "a%20b/%C3%A9%20"
    assert unquote_value("a%2Fb") == "a/b"
    assert unquote_value("100%25") == "100%"
    assert unquote_value("plain") == "plain"
    assert unquote_value(URL.build(path="%252F", encoded=True).path_safe) == "%2F"
