from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from quinde.cli import lookup
from quinde.cli.probe import Traced, Wanted, phase_of, probe
from quinde.cli.recorder import Record, Recorder
from quinde.cli.suspensions import Suspension
from quinde.cli.timeline import Exchange, Phase
from quinde.client.response import ClientResponse
from quinde.net import tls
from tests.cli.support import PATIENCE
from tests.support import certs
from tests.support.servers import answering, closed_port, serve_raw

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.wire import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def keep_answering(wire: Wire) -> None:
    while await wire.read_until(b"\r\n\r\n"):
        await wire.send(OK)


def names(traced: Traced) -> list[str]:
    return [phase.name for phase in traced.exchange.phases]


async def test_one_request() -> None:
    async with serve_raw(keep_answering) as served:
        url = f"http://127.0.0.1:{served.port}/a"
        (traced,) = await probe(Wanted(url=url))
    assert (traced.exchange.url, traced.exchange.status, traced.exchange.error) == (url, 200, None)
    assert (traced.method, traced.reason, traced.version, traced.location) == ("GET", "OK", "1.1", None)
    assert (traced.bytes_received, traced.body_bytes, traced.tls) == (len(OK), 2, None)
    assert traced.bytes_sent > 50
    assert names(traced) == ["queue", "connect", "send", "wait", "read"]
    assert traced.complaint is None
    assert 0 <= traced.exchange.start < 0.01


async def test_each_suspension_has_its_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chances for others: until there is a connection, until the head has come, until the body has."""
    reading = asyncio.Event()
    read = ClientResponse.read

    async def noted_read(response: ClientResponse) -> bytes:
        reading.set()
        return await read(response)

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(OK[:-1])
        await reading.wait()
        await wire.send(OK[-1:])

    monkeypatch.setattr(ClientResponse, "read", noted_read)
    async with serve_raw(talk) as served:
        (traced,) = await probe(Wanted(url=served.url))
    chances = [(phase_of(each, traced.exchange), each.function) for each in traced.suspensions]
    assert chances[-2:] == [("wait", "exchange"), ("read", "ClientResponse.read")]
    assert {phase for phase, _ in chances[:-2]} <= {"connect"}
    assert 0 < traced.suspended < traced.exchange.end


def test_phase_of_a_suspension() -> None:
    exchange = Exchange("", "", 200, None, False, (Phase("wait", 1.0, 2.0), Phase("read", 2.0, 3.0)))
    assert phase_of(Suspension(1.2, 1.9, "f", "m.py", 1), exchange) == "wait"
    assert phase_of(Suspension(2.1, 3.0, "f", "m.py", 1), exchange) == "read"
    assert phase_of(Suspension(5.0, 6.0, "f", "m.py", 1), exchange) is None


async def test_the_connection_is_used_again() -> None:
    async with serve_raw(keep_answering) as served:
        made = await probe(Wanted(url=served.url, repeat=3))
    assert [traced.exchange.reused for traced in made] == [False, True, True]
    assert [traced.bytes_received for traced in made] == [len(OK)] * 3
    assert "connect" in names(made[0])
    assert all(names(traced) == ["queue", "send", "wait", "read"] for traced in made[1:])
    # Times are each request's own.
    assert all(traced.exchange.start < 0.01 for traced in made)


async def test_what_is_sent() -> None:
    heads: list[bytes] = []

    async def talk(wire: Wire) -> None:
        heads.append(await wire.read_until(b"\r\n\r\nhello"))
        await wire.send(OK)

    async with serve_raw(talk) as served:
        headers = (("A", "1"), ("A", "2"))
        (traced,) = await probe(Wanted(url=served.url, method="PUT", headers=headers, data="hello"))
    assert heads[0].startswith(b"PUT / HTTP/1.1\r\n")
    assert b"\r\nA: 1\r\nA: 2\r\n" in heads[0]
    assert (traced.method, traced.bytes_sent) == ("PUT", len(heads[0]))


@pytest.mark.parametrize("insecure", [False, True])
async def test_tls(monkeypatch: pytest.MonkeyPatch, insecure: bool) -> None:
    certs.secure_all(monkeypatch)
    if insecure:
        monkeypatch.setattr(tls, "default_context", ssl.create_default_context)
    async with serve_raw(keep_answering) as served:
        made = await probe(Wanted(url=served.url, repeat=2, insecure=insecure))
    first, second = made
    assert names(first) == ["queue", "connect", "tls", "send", "wait", "read"]
    assert names(second) == ["queue", "send", "wait", "read"]
    assert first.tls is not None
    assert first.tls[0] == "TLSv1.3"
    assert second.tls == first.tls


async def test_the_store_of_certificates_is_loaded_before_and_only_for_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = []
    monkeypatch.setattr(tls, "default_context", lambda: loaded.append(1) or ssl.create_default_context())
    await probe(Wanted(url=f"http://127.0.0.1:{closed_port()}/"))
    assert loaded == []
    await probe(Wanted(url=f"HTTPS://127.0.0.1:{closed_port()}/"))
    assert loaded


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"204 No Content\r\n\r\n", None),
        (b"404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404 Not Found"),
        (b"500 Oh\tno\r\nContent-Length: 0\r\n\r\n", "answered 500 Oh no"),
        (b"500 \r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (
            b"302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            "answered 302 Found and sends us to /b",
        ),
    ],
)
async def test_status(answer: bytes, complaint: str | None) -> None:
    async with serve_raw(answering(b"HTTP/1.1 " + answer)) as served:
        (traced,) = await probe(Wanted(url=served.url))
    assert traced.complaint == (None if complaint is None else f"{served.url} {complaint}")
    assert traced.exchange.error is None


# --- no answer


async def failure(url: str, **options: Any) -> Traced:
    """Ask three times, and give the one that failed, after which nobody asked any more."""
    (traced,) = await probe(Wanted(url=url, repeat=3, **options))
    assert traced.exchange.error is not None
    assert traced.complaint == traced.exchange.error
    assert "\n" not in traced.complaint
    return traced


async def test_nobody_listens() -> None:
    port = closed_port()
    traced = await failure(f"http://127.0.0.1:{port}/")
    assert traced.complaint == f"cannot connect to 127.0.0.1:{port}: Connection refused"
    assert names(traced) == ["queue", "connect"]


async def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(lookup.socket, "getaddrinfo", fail)
    traced = await failure("http://nowhere.invalid/")
    assert traced.complaint == "cannot look up nowhere.invalid: Name or service not known"
    assert names(traced) == ["queue", "dns"]


async def test_certificate_of_an_unknown_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    certs.secure_all(monkeypatch)
    monkeypatch.setattr(tls, "default_context", ssl.create_default_context)
    async with serve_raw(keep_answering) as served:
        traced = await failure(served.url)
    assert traced.complaint is not None
    assert traced.complaint.startswith("127.0.0.1 cannot be trusted: ")
    assert traced.complaint.endswith("; --insecure asks all the same")
    assert names(traced) == ["queue", "connect", "tls"]


async def test_no_tls_there() -> None:
    async def talk(wire: Wire) -> None:
        await wire.send(b"this is no TLS" * 100)

    async with serve_raw(talk) as served:
        traced = await failure(f"https://127.0.0.1:{served.port}/")
    assert traced.complaint is not None
    assert traced.complaint.startswith(f"no TLS with 127.0.0.1:{served.port}: ")


@pytest.mark.parametrize(
    ("said", "doing"), [(b"", "waiting for the head"), (OK[:-1], "reading the body"), (OK[:9], "waiting")]
)
async def test_server_hangs(said: bytes, doing: str) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(said)
        await wire.reader.read()

    async with serve_raw(talk) as served:
        traced = await failure(served.url, timeout=0.1)
    assert traced.complaint is not None
    assert traced.complaint.startswith(f"{served.url} gave no answer within 0.1 s: it was {doing}")


async def test_server_goes_away() -> None:
    async with serve_raw(answering(b"")) as served:
        traced = await failure(served.url)
    assert traced.complaint is not None
    assert traced.complaint.startswith(f"cannot fetch {served.url}: Server disconnected")


async def test_body_is_cut_off() -> None:
    async with serve_raw(answering(OK[:-1])) as served:
        traced = await failure(served.url)
    assert traced.complaint is not None
    assert traced.complaint.startswith(f"cannot fetch {served.url}: ")
    assert (traced.exchange.status, names(traced)[-1]) == (200, "read")


@pytest.mark.parametrize("options", [{"method": "A B"}, {"headers": (("A", "b\rc"),)}])
async def test_what_cannot_be_sent(options: dict[str, Any]) -> None:
    async with serve_raw(keep_answering) as served:
        traced = await failure(served.url, **options)
    assert traced.complaint is not None
    assert traced.complaint.startswith(f"cannot fetch {served.url}: ")


# --- what it costs, and what it gives


async def test_few_functions_run_besides_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a microsecond or two: what is shown is the request's own time."""
    calls: list[str] = []

    def note(frame: Any, event: str, _argument: Any) -> None:
        if event == "call" and "/quinde/cli/" in frame.f_code.co_filename:
            calls.append(frame.f_code.co_qualname)

    begin, turn_to = Recorder.begin, Record.turn_to

    def noted_begin(*arguments: Any) -> Record:
        sys.setprofile(note)
        return begin(*arguments)

    def noted_end(record: Record, name: Any) -> None:
        turn_to(record, name)
        if name is None:
            sys.setprofile(None)

    monkeypatch.setattr(Recorder, "begin", noted_begin)
    monkeypatch.setattr(Record, "turn_to", noted_end)
    async with serve_raw(keep_answering) as served:
        (traced,) = await probe(Wanted(url=served.url))
    assert traced.exchange.status == 200
    assert 10 < len(calls) < 100, calls


def test_nothing_is_imported_while_a_request_is_under_way(tmp_path: Path) -> None:
    """Importing takes milliseconds, and would be shown as the request's."""
    certs.certificate().private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    program = """
import asyncio, ssl, sys
import quinde.cli.lifeline
from quinde.cli.probe import Wanted, probe
from quinde.cli.recorder import Record, Recorder

imported = []
begin, turn_to = Recorder.begin, Record.turn_to

def noted_begin(*arguments):
    imported.append(set(sys.modules))
    return begin(*arguments)

def noted_end(record, name):
    turn_to(record, name)
    if name is None:
        imported.append(set(sys.modules))

async def talk(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1])
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    (traced,) = await probe(Wanted(url=f"https://localhost:{port}/", insecure=True))
    before, after = imported
    print(traced.exchange.status, after - before)

Recorder.begin, Record.turn_to = noted_begin, noted_end
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(tmp_path / "server.pem")]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("200 set()\n", "", 0)


async def test_json() -> None:
    async with serve_raw(keep_answering) as served:
        (traced,) = await probe(Wanted(url=served.url))
    value = json.loads(json.dumps(traced.to_json()))
    assert value.items() >= traced.exchange.to_json().items()
    assert {"method", "reason", "version", "location", "tls", "bytes_sent", "suspended"} < set(value)
    assert [each["phase"] for each in value["suspensions"]][-1] == "wait"
    assert replace(traced, tls=("TLSv1.3", "C")).to_json()["tls"] == {"version": "TLSv1.3", "cipher": "C"}
