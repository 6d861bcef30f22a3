"""The connection's face: alive while its exchange is, and never longer."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from quinde.client.connection import Connection
from tests.client.fakes import Handler


async def test_it_shows_the_connection_until_the_exchange_is_over() -> None:
    handler = Handler()
    connection = Connection(None, cast(Any, handler), asyncio.get_running_loop())
    assert connection.protocol is cast(Any, handler)
    assert connection.transport is handler.transport
    assert not connection.closed
    assert repr(connection) == "Connection<key>"
    handler.serial += 1
    assert connection.protocol is None
    assert connection.transport is None
    assert connection.closed
    connection.close()
    assert handler.aborted == 0, "the connection may be in somebody else's use by now"


async def test_closing_gives_the_exchange_up_once() -> None:
    for end in (Connection.close, Connection.release):
        handler = Handler()
        connection = Connection(None, cast(Any, handler), asyncio.get_running_loop())
        called: list[int] = []
        connection.add_callback(lambda called=called: called.append(1))  # type: ignore[misc]
        connection.add_callback(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
        end(connection)
        end(connection)
        assert handler.aborted == 1
        assert called == [1]
        assert connection.closed


async def test_lost_connection_is_closed() -> None:
    handler = Handler()
    connection = Connection(None, cast(Any, handler), asyncio.get_running_loop())
    handler.connected = False
    assert connection.closed
