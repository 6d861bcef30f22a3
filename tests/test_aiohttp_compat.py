"""Programs that import aiohttp and get quinde, each in a process of its own: `install()` is for good."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from quinde.aiohttp_compat import AIOHTTP_VERSION, MODULES

INSTALLED = "from quinde.aiohttp_compat import install\ninstall()\n"


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def printed(code: str) -> str:
    ended = python(INSTALLED + code)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_each_module_of_the_table_gives_the_names_of_its_homes() -> None:
    code = (
        "import importlib, json\nfrom quinde.aiohttp_compat import MODULES\n"
        "modules = {path: importlib.import_module(path) for path in MODULES}\n"
        "for module in modules.values():\n    for name in module.__all__: getattr(module, name)\n"
        "print(json.dumps({path: dir(module) for path, module in modules.items()}))"
    )
    given = json.loads(printed(code))
    for path, homes in MODULES.items():
        assert {name for home in homes for name in import_module(home).__all__} <= set(given[path])


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import aiohttp; print(aiohttp.ClientSession)", "<class 'quinde.client.session.ClientSession'>"),
        ("from aiohttp import web; print(web.Response)", "<class 'quinde.web.response.Response'>"),
        ("import aiohttp.web as w, quinde.web; print(w.View is quinde.web.View)", "True"),
        ("import aiohttp; print(aiohttp.web is __import__('aiohttp.web').web)", "True"),
        (
            "from aiohttp.client_exceptions import *; print(ClientError)",
            "<class 'quinde.errors.ClientError'>",
        ),
        ("from aiohttp import hdrs; print(hdrs.METH_GET)", "GET"),
        ("import aiohttp; print(aiohttp, aiohttp.__name__)", "<module 'aiohttp' (quinde)> aiohttp"),
        ("import aiohttp; aiohttp.ClientSession = 1; from aiohttp import ClientSession as c; print(c)", "1"),
        ("import importlib.util as u; print(u.find_spec('aiohttp').origin)", "quinde"),
        ("import aiohttp; print('web' in dir(aiohttp), 'request' in dir(aiohttp))", "True True"),
        ("import aiohttp; print(hasattr(aiohttp, 'no_such_name'))", "False"),
        ("install(); import aiohttp; install(); print(aiohttp.request.__module__)", "quinde.client.session"),
    ],
)
def test_a_program_imports_quinde_by_aiohttps_names(code: str, says: str) -> None:
    assert printed(code) == f"{says}\n"


def test_a_client_loads_nothing_of_the_server() -> None:
    assert (
        printed("import aiohttp, sys; aiohttp.ClientSession; print('quinde.web' in sys.modules)") == "False\n"
    )


def test_the_version_is_one_that_programs_compare() -> None:
    assert printed("import aiohttp; print(aiohttp.__version__)") == f"{AIOHTTP_VERSION}\n"
    assert [int(number) for number in AIOHTTP_VERSION.split(".")] >= [3, 14, 0]


@pytest.mark.parametrize(
    ("code", "error", "lacking"),
    [
        ("from aiohttp import NoSuchName", "ModuleNotFoundError", "aiohttp.NoSuchName"),
        ("import aiohttp; aiohttp.NoSuchName", "AttributeError", "aiohttp.NoSuchName"),
        # Close to a name that there is: Python guesses at nothing.
        ("import aiohttp; aiohttp.ClientSesion", "AttributeError", "aiohttp.ClientSesion"),
        ("from aiohttp.web import NoSuchName", "ModuleNotFoundError", "aiohttp.web.NoSuchName"),
        ("from aiohttp import web; web.NoSuchName", "AttributeError", "aiohttp.web.NoSuchName"),
        ("import aiohttp.no_such_module", "ModuleNotFoundError", "aiohttp.no_such_module"),
        ("from aiohttp.no_such_module import x", "ModuleNotFoundError", "aiohttp.no_such_module"),
        ("import importlib as i; i.import_module('aiohttp.no.such')", "ModuleNotFoundError", "aiohttp.no"),
    ],
)
def test_what_is_lacking_is_named_in_one_line(code: str, error: str, lacking: str) -> None:
    ended = python(INSTALLED + code)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"{error}: {lacking} is not in quinde yet"


def test_a_program_may_do_without_what_is_lacking() -> None:
    code = "try:\n    from aiohttp import NoSuchName\nexcept ImportError:\n    print('without')"
    assert printed(code) == "without\n"


def test_it_is_refused_when_aiohttp_is_imported_already() -> None:
    pytest.importorskip("aiohttp")
    ended = python("import aiohttp\n" + INSTALLED)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("RuntimeError: aiohttp is already imported")


def test_other_modules_are_found_as_before() -> None:
    assert (
        printed("import json, importlib.util as u; print(u.find_spec('aiohttpx'), json.dumps(1))")
        == "None 1\n"
    )
