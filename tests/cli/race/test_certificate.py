from __future__ import annotations

import ssl
import sys

import pytest

from quinde.cli.race.certificate import REMEDY, can_make, make


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """Shake hands in memory, and give the version agreed on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(3):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return ends[0].version()


def test_who_knows_the_authority_trusts_the_loopback_in_tls_1_3() -> None:
    context, authority = make()
    client = ssl.create_default_context(cadata=authority)
    assert handshake(context, client, "127.0.0.1") == "TLSv1.3"
    assert handshake(context, client, "localhost") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(context, client, "quinde.test")


def test_each_one_has_an_authority_of_its_own() -> None:
    context, _ = make()
    _, another = make()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context, ssl.create_default_context(cadata=another), "127.0.0.1")


def test_without_trustme_none_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_make()
    monkeypatch.setitem(sys.modules, "trustme", None)
    assert not can_make()
    assert REMEDY == 'trustme is not installed: pip install "quinde[race]"'
