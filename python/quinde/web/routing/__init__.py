"""From a request to its handler: patterns, resources, routes, the router, and ways to define them.

`interfaces` is below `handlers`, `routes`, `matchinfo`, `patterns`, `resources`, `dispatcher`; `definitions`
and `views` stand beside. Knows requests by what it reads of them; sends nothing.
"""

from __future__ import annotations

from quinde.web.routing.definitions import (
    AbstractRouteDef,
    RouteDef,
    RouteTableDef,
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
    route,
    view,
)
from quinde.web.routing.dispatcher import ResourcesView, RoutesView, UrlDispatcher
from quinde.web.routing.interfaces import AbstractMatchInfo, AbstractRouter, AbstractView
from quinde.web.routing.matchinfo import MatchInfoError, SystemRoute, UrlMappingMatchInfo, build_match_info
from quinde.web.routing.resources import DynamicResource, PlainResource, Resource
from quinde.web.routing.routes import AbstractResource, AbstractRoute, ResourceRoute
from quinde.web.routing.views import View

__all__ = (
    "AbstractMatchInfo",
    "AbstractResource",
    "AbstractRoute",
    "AbstractRouteDef",
    "AbstractRouter",
    "AbstractView",
    "DynamicResource",
    "MatchInfoError",
    "PlainResource",
    "Resource",
    "ResourceRoute",
    "ResourcesView",
    "RouteDef",
    "RouteTableDef",
    "RoutesView",
    "SystemRoute",
    "UrlDispatcher",
    "UrlMappingMatchInfo",
    "View",
    "build_match_info",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "view",
)
