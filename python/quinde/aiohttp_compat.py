"""aiohttp's names for a program that cannot be changed: the one table of dotted paths, and `install()`.

After `install()` the statements `import aiohttp`, `from aiohttp import web`, `import aiohttp.hdrs as headers`
give quinde, whether aiohttp is installed or not. What quinde lacks fails with one line that names it, as an
ImportError where it is imported and as an AttributeError where it is asked for.

Stands above the package root, which nothing below may import: the names are looked up when somebody asks.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("AIOHTTP_VERSION", "MODULES", "install")

AIOHTTP_VERSION: Final = "3.14.5"
"""What `aiohttp.__version__` says: the version of aiohttp that quinde is compared with.

Programs and libraries read it to learn what aiohttp can do, by comparison or by its three numbers: so it is
aiohttp's number, plain, not quinde's.
"""

MODULES: Final = {
    "aiohttp": ("quinde",),
    "aiohttp.abc": ("quinde.abc",),
    "aiohttp.client": (
        "quinde.client.session",
        "quinde.client.timeouts",
        "quinde.client.tcp",
        "quinde.client.connector",
        "quinde.client.request",
        "quinde.client.response",
        "quinde.client.call",
        "quinde.net.tls",
        "quinde.client_exceptions",
    ),
    "aiohttp.client_exceptions": ("quinde.client_exceptions",),
    "aiohttp.client_middlewares": ("quinde.client.call",),
    "aiohttp.client_proto": ("quinde.client.protocol",),
    "aiohttp.client_reqrep": ("quinde.client.request", "quinde.client.response", "quinde.net.tls"),
    "aiohttp.connector": ("quinde.client.tcp", "quinde.client.connector"),
    "aiohttp.hdrs": ("quinde.hdrs",),
    "aiohttp.helpers": (
        "quinde.http.etags",
        "quinde.http.mime",
        "quinde.http.dates",
        "quinde.net.resolver",
        "quinde.web.keys",
    ),
    "aiohttp.http": ("quinde.http.version", "quinde.errors"),
    "aiohttp.http_exceptions": ("quinde.errors",),
    "aiohttp.http_writer": ("quinde.http.version",),
    "aiohttp.log": ("quinde.log",),
    "aiohttp.resolver": ("quinde.net.resolver",),
    "aiohttp.streams": ("quinde.http.streams",),
    "aiohttp.tracing": ("quinde.tracing",),
    "aiohttp.typedefs": ("quinde.typedefs",),
    "aiohttp.web": ("quinde.web",),
    "aiohttp.web_app": ("quinde.web.application", "quinde.web.cleanup"),
    "aiohttp.web_exceptions": ("quinde.web.exceptions", "quinde.web.keys"),
    "aiohttp.web_log": ("quinde.web.log",),
    "aiohttp.web_middlewares": ("quinde.web.middlewares",),
    "aiohttp.web_protocol": ("quinde.web.protocol", "quinde.web.request"),
    "aiohttp.web_request": ("quinde.web.request",),
    "aiohttp.web_response": ("quinde.web.response", "quinde.web.stream"),
    "aiohttp.web_routedef": ("quinde.web.routing",),
    "aiohttp.web_runner": ("quinde.web.runner", "quinde.web.sites"),
    "aiohttp.web_server": ("quinde.web.server",),
    "aiohttp.web_urldispatcher": ("quinde.web.routing",),
}
"""The one table: each module of aiohttp's that there is, and the modules of ours in which its names stand."""


def install() -> None:
    """Give quinde to whoever imports aiohttp from now on, in this process.

    To be called before anything imports aiohttp; once more does no harm.

    Raises:
        RuntimeError: aiohttp has been imported already, and parts of the program hold its classes: call this
            first.
    """
    imported = sys.modules.get("aiohttp")
    if imported is not None and not isinstance(imported, _Alias):
        raise RuntimeError("aiohttp is already imported: install quinde in its place before that")
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def _lacking(path: str) -> str:
    return f"{path} is not in quinde yet"


class _Alias(ModuleType):
    """A module under aiohttp's name, whose names are those of our modules, looked up when asked for."""

    def __getattr__(self, name: str) -> Any:
        path = f"{self.__name__}.{name}"
        if path in MODULES:
            return import_module(path)
        for home in MODULES[self.__name__]:
            module = import_module(home)
            if name in module.__all__:
                value = getattr(module, name)
                setattr(self, name, value)  # the next look-up finds it without coming here
                return value
        # Without an object: Python would add a guess at what was meant to the line.
        raise AttributeError(_lacking(path), name=name, obj=None)

    def __dir__(self) -> list[str]:
        inside = {path.removeprefix("aiohttp.") for path in MODULES if self.__name__ == "aiohttp" != path}
        return sorted({*vars(self), *self.__all__, *inside})


class _Finder:
    """Finds aiohttp's modules for the import system, and is the loader of what it finds."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the alias of a module of aiohttp's, and no opinion of other modules.

        Raises:
            ModuleNotFoundError: quinde has no such module, or no such name, as `from aiohttp import X` asks
                for X here too; the text names what is lacking.
        """
        if fullname in MODULES:
            # All are packages: only then is the finder asked about X in `from aiohttp.web import X`.
            return ModuleSpec(fullname, self, origin="quinde", is_package=True)  # type: ignore[arg-type]  # by its methods
        if fullname.startswith("aiohttp."):
            # Without a name: by that Python knows a missing module, and would tell it in its own words.
            raise ModuleNotFoundError(_lacking(fullname))
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the module, empty."""
        return _Alias(spec.name, f"{', '.join(MODULES[spec.name])} by the name of {spec.name}.")

    def exec_module(self, module: ModuleType) -> None:
        """Say what the module gives to `import *`; all else is looked up when it is asked for."""
        exports = [import_module(home).__all__ for home in MODULES[module.__name__]]
        module.__all__ = tuple(dict.fromkeys(name for names in exports for name in names))  # type: ignore[attr-defined]
        if module.__name__ == "aiohttp":
            module.__version__ = AIOHTTP_VERSION  # type: ignore[attr-defined]


_FINDER = _Finder()
