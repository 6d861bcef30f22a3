"""Stand-ins for the core's ends of a connection, for tests of one module of the client."""

from __future__ import annotations

import asyncio
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy


class Transport(asyncio.Transport):
    """An asyncio transport that keeps what is written and tells the protocol when it is closed."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 80)}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


class Head:
    """What the core gives of a response."""

    def __init__(self, status: int = 200, reason: str = "OK", body: Any = None, **fields: str) -> None:
        self.status = status
        self.reason = reason
        self.body = body
        self.http_version = (1, 1)
        items = [(name.replace("_", "-"), value) for name, value in fields.items()]
        self.headers = CIMultiDictProxy(CIMultiDict(items))
        self.raw_headers = tuple((name.encode(), value.encode()) for name, value in items)

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


class Handler:
    """What a response needs of its connection."""

    def __init__(self) -> None:
        self.serial = 7
        self.key = "key"
        self.transport = object()
        self.aborted = 0
        self.connected = True

    def abort_exchange(self, serial: int) -> None:
        if serial == self.serial:
            self.abort()

    def abort(self) -> None:
        self.serial += 1
        self.aborted += 1

    def is_connected(self) -> bool:
        return self.connected
