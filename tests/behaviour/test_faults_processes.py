"""Forks, loops closed with things open, one loop after another: programs of their own, by exit codes."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.plain("the program serves plainly")

PREAMBLE = """
import asyncio, gc, os, signal, socket, sys, warnings
import quinde
from quinde import web
from tests.support.modes import Mode

MODE = Mode({backend!r}, {loop!r})
os.environ["QUINDE_IO"] = MODE.backend

async def hello(request):
    if request.path == "/slow":
        await asyncio.sleep(30)
    return web.Response(text="hello")

async def start():
    app = web.Application()
    app.router.add_get("/{{tail:.*}}", hello)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, "http://127.0.0.1:%d" % runner.addresses[0][1]

async def fetch(session, url):
    async with session.get(url) as response:
        return await response.text()

async def whole():
    runner, url = await start()
    async with quinde.ClientSession() as session:
        assert await fetch(session, url) == "hello"
    await runner.cleanup()

def run(main):
    with asyncio.Runner(loop_factory=MODE.new_loop) as runner:
        return runner.run(main)

def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
"""


def told(mode, program, *, warnings="error"):
    """Run a program to its end; gives what it printed."""
    code = PREAMBLE.format(backend=mode.backend, loop=mode.loop) + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", warnings, "-c", code],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("inside", [False, True], ids=["between", "inside"])
def test_child_of_a_fork_has_a_life_of_its_own(mode, inside):
    # `inside`: while the parent's loop runs, the child has nothing of it but copies, and leaves it behind.
    out, _ = told(
        mode,
        f"""
        async def in_child():
            await whole()
            await whole()

        def child(session, runner):
            if {inside}:
                asyncio._set_running_loop(None)
            code = 1
            try:
                del session, runner
                gc.collect()
                run(in_child())
                gc.collect()
                code = 0
            finally:
                os._exit(code)

        async def parent_before():
            runner, url = await start()
            session = quinde.ClientSession()
            assert await fetch(session, url) == "hello"
            return runner, url, session

        async def parent_after(runner, url, session, connections):
            assert await fetch(session, url) == "hello"
            assert len(runner.server.connections) == connections, "the kept connection was used"
            async with quinde.ClientSession() as other:
                assert await fetch(other, url) == "hello"
            await session.close()
            await runner.cleanup()

        def fork(session, runner):
            pid = os.fork()
            if pid == 0:
                child(session, runner)
            _, status = os.waitpid(pid, 0)
            print("child", os.waitstatus_to_exitcode(status))

        async def in_one():
            runner, url, session = await parent_before()
            fork(session, runner)
            await parent_after(runner, url, session, 1)

        if {inside}:
            run(in_one())
        else:
            loop = MODE.new_loop()
            runner, url, session = loop.run_until_complete(parent_before())
            fork(session, runner)
            loop.run_until_complete(parent_after(runner, url, session, 1))
            loop.close()
        print("parent")
        """,
        warnings="ignore",
    )
    assert out == ["child", "0", "parent"]


def test_one_loop_after_another(mode):
    out, err = told(
        mode,
        """
        run(whole())
        before = descriptors()
        for _ in range(3):
            run(whole())
        print(descriptors() - before)
        """,
    )
    assert out == ["0"]
    # Not more: a loop in debug mode tells of slow steps, and on a busy machine there are some.
    assert "Warning" not in err
    assert "Traceback" not in err


def test_loop_closed_with_everything_open(mode):
    out, err = told(
        mode,
        """
        run(whole())
        before = descriptors()

        async def leave():
            runner, url = await start()
            session = quinde.ClientSession()
            assert await fetch(session, url) == "hello"
            for _ in range(3):
                asyncio.ensure_future(fetch(session, url + "/slow"))
            while len(runner.server.service.tasks) < 3:
                await asyncio.sleep(0)
            return runner, session

        loop = MODE.new_loop()
        kept = loop.run_until_complete(leave())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        assert kept[0].server.statistics()["connections_open"] == 0 or MODE.backend == "transport"
        del kept, loop
        print(descriptors() - before)
        run(whole())
        """,
        warnings="ignore",
    )
    assert out == ["0"], err
    assert "panic" not in err
    assert "Traceback" not in err, err


def test_session_collected_unclosed_warns_once_and_leaks_nothing(mode):
    out, err = told(
        mode,
        """
        async def main():
            runner, url = await start()
            before = None
            for _ in range(3):
                session = quinde.ClientSession()
                assert await fetch(session, url) == "hello"
                del session
                gc.collect()
                while runner.server.connections:
                    await asyncio.sleep(0)
                before = before or descriptors()
            print(descriptors() - before)
            await runner.cleanup()

        run(main())
        """,
        warnings="always::ResourceWarning",
    )
    assert out == ["0"]
    assert err.count("ResourceWarning: Unclosed client session") == 3
