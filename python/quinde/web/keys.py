"""Typed keys for what users store on applications, requests and responses.

Knows nothing of the objects that hold the values: the key carries a name and, for type checkers, the value's
type.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from functools import total_ordering
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, overload

__all__ = (
    "AppKey",
    "BaseKey",
    "ChainMapProxy",
    "NotAppKeyWarning",
    "RequestKey",
    "ResponseKey",
    "StateMapping",
)

T = TypeVar("T")


class NotAppKeyWarning(UserWarning):
    """Warn that a plain string was used where a typed key prevents clashes. Hidden by default."""


@total_ordering
class BaseKey(Generic[T]):
    """Name a place in a mapping, unique by identity; sub-classes tell whose mapping.

    Args:
        name: What is stored. The name of the module that makes the key is put before it.
        t: The value's type, for `repr` and type checkers; may be left out as in ``AppKey[Db]("db")``.
    """

    __slots__ = ("__orig_class__", "_name", "_t")

    # Set by `typing` on ``AppKey[T](...)``.
    __orig_class__: type[object]

    def __init__(self, name: str, t: type[T] | None = None) -> None:
        self._name = f"{_defining_module()}.{name}"
        self._t = t

    def __lt__(self, other: object) -> bool:
        # Keys sort among themselves by name, and before anything else.
        return self._name < other._name if isinstance(other, BaseKey) else True

    def __repr__(self) -> str:
        kind: object = self._t
        if kind is None:
            with suppress(AttributeError):
                kind = get_args(self.__orig_class__)[0]
        if kind is None:
            shown = "<<Unknown>>"
        elif isinstance(kind, type):
            shown = (
                kind.__qualname__
                if kind.__module__ == "builtins"
                else f"{kind.__module__}.{kind.__qualname__}"
            )
        else:
            shown = repr(kind)
        return f"<{type(self).__name__}({self._name}, type={shown})>"


class AppKey(BaseKey[T]):
    """Key for a value of an `Application`."""

    __slots__ = ()


class RequestKey(BaseKey[T]):
    """Key for a value of a `Request`."""

    __slots__ = ()


class ResponseKey(BaseKey[T]):
    """Key for a value of a response."""

    __slots__ = ()


class ChainMapProxy(Mapping[str | AppKey[Any], Any]):
    """Show several mappings as one that cannot be changed; of equal keys the first mapping's counts.

    Args:
        maps: The mappings.
    """

    __slots__ = ("_maps",)

    def __init__(self, maps: Iterable[Mapping[str | AppKey[Any], Any]]) -> None:
        self._maps = tuple(maps)

    @overload
    def __getitem__(self, key: AppKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: str | AppKey[Any]) -> Any:
        for mapping in self._maps:
            if key in mapping:
                return mapping[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str | AppKey[Any]]:
        return iter({key: None for mapping in reversed(self._maps) for key in mapping})

    def __len__(self) -> int:
        return len(set().union(*self._maps))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._maps))})"


def _defining_module() -> str:
    """Find the module whose top level is running, as keys are module constants."""
    frame = sys._getframe(2)
    while frame.f_code.co_name != "<module>":
        if frame.f_back is None:
            return str(frame.f_globals.get("__name__", "?"))
        frame = frame.f_back
    return str(frame.f_globals["__name__"])


if TYPE_CHECKING:
    StateMapping = MutableMapping
else:

    class StateMapping:
        """Be a `MutableMapping` without its metaclass: CPython makes instances of plain classes faster."""

        __slots__ = ()

        def __class_getitem__(cls, _types: Any) -> type:
            return cls

        __contains__ = MutableMapping.__contains__
        get = MutableMapping.get
        keys = MutableMapping.keys
        values = MutableMapping.values
        items = MutableMapping.items
        pop = MutableMapping.pop
        popitem = MutableMapping.popitem
        clear = MutableMapping.clear
        update = MutableMapping.update
        setdefault = MutableMapping.setdefault
        # What `pop` compares its default with, under the name that it has inside of MutableMapping.
        _MutableMapping__marker = MutableMapping._MutableMapping__marker

    MutableMapping.register(StateMapping)
