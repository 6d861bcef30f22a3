"""The HTTP exceptions: statuses, texts, constructors."""

from __future__ import annotations

import inspect

import pytest
from aiohttp import web as aiohttp_web

from quinde.web import exceptions
from quinde.web.response import Response

NAMES = [name for name in exceptions.__all__ if getattr(exceptions, name).status_code > 0]


def make(module: object, name: str) -> Response:
    """Make an exception with what its constructor needs."""
    cls = getattr(module, name)
    needed = {
        "location": "/there",
        "method": "get",
        "allowed_methods": ["PUT", "GET"],
        "max_size": 1,
        "actual_size": 2,
        "link": "http://law.test",
    }
    parameters = inspect.signature(cls).parameters
    response: Response = cls(**{key: value for key, value in needed.items() if key in parameters})
    return response


def bases(instance: object) -> list[str]:
    """The classes that users catch and check for."""
    names = [base.__name__ for base in type(instance).__mro__]
    return [
        name
        for name in names
        if name.startswith("HTTP") or name in {"Response", "StreamResponse", "Exception"}
    ]


def test_all_58_are_there() -> None:
    assert len(exceptions.__all__) == 58
    assert set(exceptions.__all__) == {name for name in aiohttp_web.__all__ if name.startswith("HTTP")}


@pytest.mark.parametrize("name", NAMES)
def test_same_as_aiohttps(name: str) -> None:
    ours, theirs = make(exceptions, name), make(aiohttp_web, name)
    assert (ours.status, ours.reason, ours.text) == (theirs.status, theirs.reason, theirs.text)
    assert dict(ours.headers) == dict(theirs.headers)
    assert str(ours) == str(theirs)
    assert bases(ours) == bases(theirs)


@pytest.mark.parametrize("name", NAMES)
def test_raised_and_documented(name: str) -> None:
    exception = make(exceptions, name)
    assert isinstance(exception, Exception)
    assert isinstance(exception, Response)
    assert bool(exception)
    assert type(exception).__doc__
    with pytest.raises(getattr(exceptions, name)):
        raise exception


def test_own_text_reason_and_headers() -> None:
    exception = exceptions.HTTPNotFound(
        text="<p>", content_type="text/html", reason="Gone?", headers={"A": "b"}
    )
    assert (exception.text, exception.reason, str(exception)) == ("<p>", "Gone?", "Gone?")
    assert exception.headers["A"] == "b"
    assert exception.content_type == "text/html"


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="location"):
        exceptions.HTTPFound("")
    with pytest.raises(ValueError, match="control"):
        exceptions.HTTPOk(reason="a\nb")
    with pytest.warns(DeprecationWarning, match="body"):
        exceptions.HTTPOk(body=b"x")


def test_details() -> None:
    not_allowed = exceptions.HTTPMethodNotAllowed("get", {"PUT", "HEAD"})
    assert (not_allowed.method, not_allowed.allowed_methods) == ("GET", {"PUT", "HEAD"})
    assert exceptions.HTTPUnavailableForLegalReasons(None).link is None
    too_large = exceptions.HTTPRequestEntityTooLarge(5, 7)
    assert (too_large.max_size, too_large.actual_size) == (5, 7)
