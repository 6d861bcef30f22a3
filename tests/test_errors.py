"""The exceptions: bases, constructors, text and attributes, each held to aiohttp's of the same name."""

from __future__ import annotations

import asyncio
import pickle
import ssl
import warnings
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde import errors

STANDARD = (Exception, OSError, ValueError, TypeError, ConnectionError, ConnectionResetError, TimeoutError)
STANDARD_TLS = (ssl.SSLError, ssl.CertificateError, asyncio.TimeoutError)


class Key(NamedTuple):
    """Stands for a connection's key."""

    host: str = "host"
    port: int = 80
    is_ssl: bool = False
    ssl: Any = True


class Info(NamedTuple):
    """Stands for a RequestInfo."""

    real_url: URL = URL("http://host/path")


INFO = Info()
HEADERS = CIMultiDictProxy(CIMultiDict(A="b"))
REFUSED = ConnectionRefusedError(111, "refused")

MADE: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "BadHttpMessage": [(("words",), {}), (("two\nlines",), {"headers": [1]})],
    "BadHttpMethod": [(("G!T",), {}), (("\x16\x03\x01",), {}), (("x", "why"), {})],
    "BadStatusLine": [((), {}), (("line",), {}), ((b"bytes",), {}), (("line", "why"), {})],
    "ClientConnectorCertificateError": [
        ((Key(), ssl.CertificateError(1, "bad")), {}),
        ((Key(), ValueError("x")), {}),
    ],
    "ClientConnectorDNSError": [((Key(), REFUSED), {})],
    "ClientConnectorError": [((Key(), REFUSED), {}), ((Key(ssl=False), OSError(1, "a")), {})],
    "ClientConnectorSSLError": [((Key(), ssl.SSLError(1, "bad")), {})],
    "ClientHttpProxyError": [((INFO, ()), {"status": 407})],
    "ClientOSError": [((5, "text"), {}), ((), {})],
    "ClientProxyConnectionError": [((Key(), REFUSED), {})],
    "ClientResponseError": [
        ((INFO, ()), {}),
        ((INFO, ("hop",)), {"status": 404, "message": "no", "headers": HEADERS}),
    ],
    "ClientSSLError": [((Key(), REFUSED), {})],
    "ContentEncodingError": [(("gzip",), {})],
    "ContentLengthError": [(("short",), {})],
    "ContentTypeError": [((INFO, ()), {"message": "m"})],
    "DecompressSizeError": [(("large",), {})],
    "HttpBadRequest": [(("bad",), {})],
    "HttpProcessingError": [((), {}), ((), {"code": 5, "message": "m", "headers": [1]})],
    "InvalidHeader": [(("h",), {}), ((b"h\xff",), {})],
    "InvalidURL": [(("u",), {}), ((URL("http://a/"), "why"), {})],
    "InvalidURLError": [(("u",), {})],
    "InvalidUrlClientError": [(("u", "why"), {})],
    "InvalidUrlRedirectClientError": [(("u", "why"), {})],
    "LineTooLong": [(("line",), {}), ((b"line", 5, "6"), {})],
    "PayloadEncodingError": [(("p",), {})],
    "ServerDisconnectedError": [((), {}), (("words",), {})],
    "ServerFingerprintMismatch": [((b"a", b"b", "host", 1), {})],
    "TooManyRedirects": [((INFO, ("hop",)), {})],
    "TransferEncodingError": [(("t",), {})],
    "UnixClientConnectorError": [(("/path", Key(), REFUSED), {})],
    "WSServerHandshakeError": [((INFO, ()), {"status": 400})],
}

NAMES = sorted(set(errors.__all__) - {"cert_errors", "ssl_errors"})


def twin(name: str) -> type[BaseException]:
    """aiohttp's class of a name."""
    for module in (client_exceptions, http_exceptions, aiohttp):
        if hasattr(module, name):
            found: type[BaseException] = getattr(module, name)
            return found
    raise AssertionError(name)


def shown(value: Any) -> Any:
    """A value, or what it says if its class differs by library."""
    return repr(value) if isinstance(value, BaseException) else value


@pytest.mark.parametrize("name", NAMES)
def test_bases(name: str) -> None:
    ours, theirs = getattr(errors, name), twin(name)
    assert {base.__name__ for base in ours.__mro__} == {base.__name__ for base in theirs.__mro__}
    for base in (*STANDARD, *STANDARD_TLS):
        assert issubclass(ours, base) == issubclass(theirs, base), base


@pytest.mark.parametrize("name", NAMES)
def test_made_alike(name: str) -> None:
    for args, kwargs in MADE.get(name, [(("one", 2), {}), ((), {})]):
        ours, theirs = getattr(errors, name)(*args, **kwargs), twin(name)(*args, **kwargs)
        assert str(ours) == str(theirs)
        assert repr(ours) == repr(theirs)
        assert [shown(arg) for arg in ours.args] == [shown(arg) for arg in theirs.args]
        for attribute in dir(theirs):
            if attribute.startswith("_") or (attribute == "code" and hasattr(theirs, "request_info")):
                continue
            value = getattr(theirs, attribute, None)
            if value is not None and not callable(value):
                assert shown(getattr(ours, attribute)) == shown(value), attribute


@pytest.mark.parametrize("name", NAMES)
def test_pickled(name: str) -> None:
    for args, kwargs in MADE.get(name, [(("one",), {})]):
        error = getattr(errors, name)(
            *args, **{**kwargs, **({"headers": None} if "headers" in kwargs else {})}
        )
        try:
            their_copy: Any = pickle.loads(pickle.dumps(twin(name)(*args)))
        except Exception:
            continue
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert their_copy is not None


def test_every_name_of_aiohttp_is_there() -> None:
    assert set(client_exceptions.__all__) <= set(errors.__all__)
    theirs = {
        name
        for name, value in vars(http_exceptions).items()
        if isinstance(value, type) and "aiohttp" in value.__module__
    }
    assert theirs <= set(errors.__all__)


def test_code_is_the_deprecated_name_of_status() -> None:
    with pytest.warns(DeprecationWarning, match="code"):
        error = errors.ClientResponseError(INFO, (), code=404)
    assert error.status == 404
    with pytest.warns(DeprecationWarning, match="code"):
        assert error.code == 404
    with pytest.warns(DeprecationWarning, match="code"):
        error.code = 500
    assert error.status == 500
    with pytest.raises(ValueError, match="status"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        errors.ClientResponseError(INFO, (), code=1, status=1)


def test_connector_error_tells_where_and_why() -> None:
    error = errors.ClientConnectorError(Key("h", 8080), REFUSED)
    assert (error.host, error.port, error.ssl, error.os_error) == ("h", 8080, True, REFUSED)
    assert error.errno == 111
    assert str(error) == "Cannot connect to host h:8080 ssl:default [refused]"


def test_facade_gives_the_same_objects() -> None:
    from quinde import client_exceptions as facade

    assert all(getattr(facade, name) is getattr(errors, name) for name in facade.__all__)
    assert set(client_exceptions.__all__) <= set(facade.__all__)
