"""Plans: which GETs have one, and that it says what an ordinary request would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from multidict import CIMultiDict, getversion
from yarl import URL

from quinde.client.plan import MAX_PLANS, Plan, plan_for, plan_get
from quinde.client.protocol import DEFAULT_WIRE_LIMITS
from quinde.client.request import ClientRequest
from quinde.client.response import ClientResponse
from quinde.client.session import ClientSession
from quinde.client.tcp import TCPConnector
from quinde.client.tracing import TraceConfig

if TYPE_CHECKING:
    from collections.abc import Iterable


def planned(
    connector: TCPConnector, url: str, headers: dict[str, str] | None = None, skip: Iterable[str] = ()
) -> Plan | None:
    """Plan a GET."""
    return plan_get(
        URL(url),
        connector,
        headers=CIMultiDict(headers or {}),
        skip_auto_headers=skip,
        response_class=ClientResponse,
        wire_limits=DEFAULT_WIRE_LIMITS,
    )


async def test_plan_says_what_a_request_would() -> None:
    async with TCPConnector() as connector:
        plan = planned(connector, "http://host/p?q#f", {"A": "b"}, ["Accept"])
        assert plan is not None
        request = ClientRequest(
            "GET", URL("http://host/p?q#f"), headers={"A": "b"}, skip_auto_headers=["Accept"]
        )
        assert list(plan.fields) == list(request.wire_fields())
        assert (plan.target, plan.key) == (request.target, request.connection_key)
        assert plan.request.request_info == request.request_info


async def test_plan_of_a_closing_connector_says_so() -> None:
    async with TCPConnector(force_close=True) as connector:
        plan = planned(connector, "http://host/")
        assert plan is not None
        assert ("Connection", "close") in list(plan.fields)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/relative", {}),
        ("http://user@host/", {}),
        ("http://:pw@host/", {}),
        ("ftp://host/", {}),
        ("http://host/", {"Content-Length": "0"}),
        ("http://host/", {"Transfer-Encoding": "chunked"}),
        ("http://host/", {"Expect": "100-continue"}),
    ],
)
async def test_no_plan_for_what_has_to_be_looked_at(url: str, headers: dict[str, str]) -> None:
    async with TCPConnector() as connector:
        assert planned(connector, url, headers) is None


async def test_session_keeps_plans_for_so_many_urls() -> None:
    async with ClientSession() as session:
        assert session.connector is not None
        for number in range(MAX_PLANS + 10):
            assert plan_for(session, f"http://host/{number}", session.connector) is not None
        assert len(session._plans) == MAX_PLANS
        assert "http://host/0" not in session._plans
        assert f"http://host/{MAX_PLANS + 9}" in session._plans


async def test_plan_knows_the_fields_that_it_was_made_of() -> None:
    async with ClientSession() as session:
        assert session.connector is not None
        plan = plan_for(session, "http://host/", session.connector)
        assert plan is not None
        assert plan.version == getversion(session.headers)  # type: ignore[arg-type]
        session.headers["A"] = "b"
        assert plan.version != getversion(session.headers)  # type: ignore[arg-type]


async def test_no_plan_passes_by_traces() -> None:
    async with ClientSession(trace_configs=[TraceConfig()]) as session:
        assert session.connector is not None
        assert plan_for(session, "http://host/", session.connector) is None
    async with ClientSession() as session:
        assert session.connector is not None
        assert plan_for(session, "http://host/", session.connector) is not None
        assert session.trace_configs == []
        assert session._plans == {}
        assert plan_for(session, "http://host/", session.connector) is None
