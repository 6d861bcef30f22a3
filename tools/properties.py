"""An extension of Griffe, which reads sources for the reference: propcache's properties are properties."""

from __future__ import annotations

from typing import Any

import griffe


class CachedProperties(griffe.Extension):
    """Make attributes of methods under `cached_property`; Griffe knows that of functools only."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Look through a class that has been read."""
        for name, member in list(cls.members.items()):
            if isinstance(member, griffe.Function) and any(
                decorator.callable_path == "propcache.api.cached_property" for decorator in member.decorators
            ):
                attribute = griffe.Attribute(
                    name, annotation=member.returns, docstring=member.docstring, lineno=member.lineno
                )
                attribute.labels.add("property")
                cls.members[name] = attribute
                attribute.parent = cls
