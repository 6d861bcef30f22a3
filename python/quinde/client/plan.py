"""The plainest of calls, prepared: a GET of a URL with nothing but the session's defaults.

Most calls are such, and most of what they need is the same each time: the parsed URL, the checked and encoded
fields, the place in the pool. A plan keeps it. It refers to the connector and not to the session, which owns
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from multidict import getversion

from quinde import hdrs
from quinde.client.connector import BaseConnector
from quinde.client.request import ClientRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import CIMultiDict
    from yarl import URL

    from quinde import _core
    from quinde.client.pool import Host
    from quinde.client.protocol import WireLimits
    from quinde.client.request import ConnectionKey
    from quinde.client.response import ClientResponse
    from quinde.client.session import ClientSession
    from quinde.typedefs import StrOrURL

__all__ = ("MAX_PLANS", "Plan", "plan_for", "plan_get")

MAX_PLANS: Final = 1024
"""URLs whose plans a session keeps."""


class Plan:
    """Hold what does not change from one plain GET of a URL to the next.

    Args:
        request: as it is to be sent, complete.
        connector: where its connections come from.
        version: of the session's header fields.
    """

    __slots__ = ("connector", "fields", "host", "key", "limits", "request", "target", "version")

    def __init__(self, request: ClientRequest, connector: BaseConnector, version: int) -> None:
        self.request = request
        self.connector = connector
        self.version = version  # of the session's header fields
        self.target = request.target
        self.fields: _core.Fields = request.wire_fields()
        self.key: ConnectionKey = request.connection_key
        self.limits = request.wire_limits
        self.host: Host = connector._pool.host(self.key)


def plan_for(session: ClientSession, str_or_url: StrOrURL, connector: BaseConnector) -> Plan | None:
    """Plan a session's plain GETs of a URL, and keep the plan; None if they need more than a plan can say."""
    if not session._may_plan or session._request_class is not ClientRequest:
        return None
    if type(connector).connect is not BaseConnector.connect:
        return None
    try:
        url = session._build_url(str_or_url)
    except (ValueError, TypeError):
        return None
    plan = plan_get(
        url,
        connector,
        headers=session._default_headers,
        skip_auto_headers=session._skip_auto_headers,
        response_class=session._response_class,
        wire_limits=session._wire_limits,
    )
    if plan is None:
        return None
    if len(session._plans) >= MAX_PLANS:
        session._plans.pop(next(iter(session._plans)))
    session._plans[str_or_url] = plan
    return plan


def plan_get(
    url: URL,
    connector: BaseConnector,
    *,
    headers: CIMultiDict[str],
    skip_auto_headers: Iterable[str],
    response_class: type[ClientResponse],
    wire_limits: WireLimits,
) -> Plan | None:
    """Plan GETs of a URL, or give None if each of them has to be looked at.

    That is so for URLs that cannot be fetched or hold credentials, and for fields that speak of a body.
    """
    if not url.raw_host or url.raw_user is not None or url.raw_password is not None:
        return None
    if url.scheme not in connector.allowed_protocol_schema_set:
        return None
    request = ClientRequest(
        "GET",
        url,
        headers=headers,
        skip_auto_headers=skip_auto_headers,
        loop=connector._loop,
        response_class=response_class,
        wire_limits=wire_limits,
    )
    if (
        request.expect100
        or hdrs.CONTENT_LENGTH in request.headers
        or hdrs.TRANSFER_ENCODING in request.headers
    ):
        return None
    request.complete(force_close=connector.force_close)
    return Plan(request, connector, getversion(cast(Any, headers)))
