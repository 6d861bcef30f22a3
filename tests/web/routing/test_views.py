"""Class-based handlers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from quinde.web.exceptions import HTTPMethodNotAllowed
from quinde.web.routing import View


class Pot(View):
    helper = "not a method of HTTP"

    async def get(self) -> Any:
        return ["got by", self.request.method]

    async def patch(self) -> Any:
        return ["patched by", self.request.method]


def request(method: str) -> Any:
    return SimpleNamespace(method=method)


async def test_method_is_answered_by_its_namesake() -> None:
    assert cast(Any, await Pot(request("GET"))) == ["got by", "GET"]
    assert cast(Any, await Pot(request("PATCH"))) == ["patched by", "PATCH"]


@pytest.mark.parametrize("method", ["POST", "HEAD", "BREW", "HELPER", "get", "__CLASS__"])
async def test_method_without_namesake_is_refused(method: str) -> None:
    with pytest.raises(HTTPMethodNotAllowed) as caught:
        await Pot(request(method))
    assert caught.value.allowed_methods == {"GET", "PATCH"}
