"""Certificates for tests: one authority a test process, the server's certificate, and who trusts it.

In a TLS mode (`Mode.tls`) the `mode` fixture calls `secure_all`: servers and wires of `tests.support` speak
TLS then, and clients of quinde and aiohttp trust this authority where a test says nothing of TLS.
"""

from __future__ import annotations

import functools
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    import trustme

NAMES = ("localhost", "127.0.0.1", "::1", "quinde.test", "*.quinde.test")

_secured = False


def is_secured() -> bool:
    """Whether servers and wires of `tests.support` speak TLS now."""
    return _secured


def secure_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that says nothing of TLS use it, until the end of the test."""
    import aiohttp.connector

    from quinde.net import tls

    monkeypatch.setattr("tests.support.certs._secured", True)
    monkeypatch.setattr(tls, "default_context", client_context)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", client_context())


@functools.cache
def authority() -> trustme.CA:
    """The authority that `client_context` trusts."""
    import trustme  # the tests of the wheel do without

    return trustme.CA()


@functools.cache
def certificate() -> trustme.LeafCert:
    """The certificate of `server_context`."""
    return authority().issue_cert(*NAMES)


def write(folder: Path) -> None:
    """Write the files that docs/how-to/tls.md makes: an authority, a server's and a client's certificate."""
    authority().cert_pem.write_to_path(folder / "ca.pem")
    for name, leaf in ("server", certificate()), ("client", authority().issue_cert("client.quinde.test")):
        leaf.private_key_pem.write_to_path(folder / f"{name}-key.pem")
        for number, blob in enumerate(leaf.cert_chain_pems):
            blob.write_to_path(folder / f"{name}.pem", append=number > 0)


@functools.cache
def server_context() -> ssl.SSLContext:
    """A context for servers, with a certificate for `NAMES`."""
    return new_server_context()


def new_server_context() -> ssl.SSLContext:
    """A context of its own, for a test that changes it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate().configure_cert(context)
    return context


@contextmanager
def server_file() -> Iterator[str]:
    """A file of the server's certificate and key, for a process of its own."""
    with certificate().private_key_and_cert_chain_pem.tempfile() as path:
        yield path


@functools.cache
def client_context() -> ssl.SSLContext:
    """A context for clients, which trusts the authority."""
    return new_client_context()


def new_client_context() -> ssl.SSLContext:
    """A context of its own, for a test that changes it."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.set_alpn_protocols(["http/1.1"])
    return context
