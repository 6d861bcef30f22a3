from __future__ import annotations

from benchmarks.harness.bench import Plan
from benchmarks.harness.peers import CLIENTS, SERVERS
from benchmarks.harness.works import CLIENT_WORKS, SERVER_WORKS


def plan(*only: str, quick: bool = False) -> Plan:
    return Plan(
        rounds=1,
        server_seconds=1,
        client_seconds=1,
        warm_up=0,
        import_runs=1,
        only=only,
        quick=quick,
    )


def servers(chosen: Plan) -> set[tuple[str, str]]:
    return {(work.name, peer.name) for work, peer in chosen.pairs("server", SERVER_WORKS, SERVERS)}


def test_everything_is_what_each_peer_is_measured_at() -> None:
    pairs = servers(plan())
    assert {("tls", "quinde"), ("hello", "uvicorn"), ("logged", "aiohttp-uvloop")} <= pairs
    assert ("logged", "uvicorn") not in pairs


def test_a_short_run_has_the_main_works_of_the_main_peers() -> None:
    pairs = servers(plan(quick=True))
    assert {work for work, _ in pairs} == {"hello", "json", "echo", "pipeline"}
    assert "uvicorn" not in {peer for _, peer in pairs}
    clients = plan(quick=True).pairs("client", CLIENT_WORKS, CLIENTS)
    assert {work.name for work, _ in clients} == {"small-1", "small-64", "small-512", "64k", "1m"}


def test_what_is_asked_for_is_measured_in_a_short_run_too() -> None:
    assert servers(plan("uvicorn:tls", "server:nginx:hello", quick=True)) == {
        ("tls", "uvicorn"),
        ("hello", "nginx"),
    }


def test_idle_connections_are_no_part_of_a_short_run() -> None:
    assert not plan(quick=True).wants("idle", "quinde", quick=False)
    assert plan().wants("idle", "quinde", quick=False)
    assert plan("idle:quinde", quick=True).wants("idle", "quinde", quick=False)
