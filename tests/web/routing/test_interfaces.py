"""The abstract classes."""

from __future__ import annotations

from typing import Any, cast

import pytest

from quinde.web.routing import AbstractMatchInfo, AbstractRouter, AbstractView


class Router(AbstractRouter):
    async def resolve(self, request: Any) -> Any:
        return request


def test_router_freezes() -> None:
    router = Router()
    router.post_init(object())
    assert not router.frozen
    router.freeze()
    assert router.frozen


@pytest.mark.parametrize("kind", [AbstractRouter, AbstractMatchInfo, AbstractView])
def test_abstract_classes_make_no_objects(kind: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_view_holds_its_request() -> None:
    class Silent(AbstractView):
        def __await__(self) -> Any:
            return iter(())

    assert cast(Any, Silent(cast(Any, "request"))).request == "request"
