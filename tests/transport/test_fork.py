"""Forks, and many event loops."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from router.transport.base import TransportSettings
from router.transport.choice import open_transport
from tests.library.upstream import OK
from tests.transport.kit import asked, post

if TYPE_CHECKING:
    from tests.library.upstream import Upstream
    from tests.transport.kit import Made

PROGRAM = """
import asyncio, os, sys, threading, warnings
from router.transport.base import TransportSettings
from router.transport.choice import open_transport

url, fast = sys.argv[1], sys.argv[2] == "pyreqwest"
settings = TransportSettings(https=False, fast=fast)

async def once(transport):
    from tests.transport.kit import asked, post  # It imports pyreqwest.

    assert (await asked(transport, post(url)))[0] == 200

async def child():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        transport = open_transport(settings)
    print(type(transport).__name__, len(told), flush=True)
    await once(transport)
    await transport.aclose()

def forked():
    if os.fork() == 0:
        asyncio.run(child())
        LEAVE
    assert os.wait()[1] == 0

if sys.argv[3] == "loaded":
    import pyreqwest
if sys.argv[3] != "after":
    forked()
else:
    # In a thread: of a loop that does not run a child's collector would close what it shares with it.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    run = lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(10)
    transport = open_transport(settings)
    run(once(transport))
    forked()
    run(once(transport))
    run(transport.aclose())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
print("parent done")
"""


@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)"])
@pytest.mark.parametrize("when", ["before", "loaded", "after"])
def test_fork(up: Upstream, kind: str, when: str, leave: str) -> None:
    """A child makes a transport of its own and never touches its parent's, whose connection goes on."""
    up.script(OK)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM).replace("LEAVE", leave), up.url, kind, when],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    fell_back = kind == "pyreqwest" and when != "before"
    expected = {"httpx": "HttpxTransport 0", "pyreqwest": "PyreqwestTransport 0"}[kind]
    lines = ["HttpxTransport 1" if fell_back else expected]
    assert (done.returncode, done.stdout.splitlines()) == (0, [*lines, "parent done"]), done.stderr
    if when == "after":
        assert [seen.connection for seen in up.seen] == [1, 2, 1]


THREADS = """
import asyncio, gc, os, sys, threading, warnings
from router import Router

CONFIG = f'''
version: 1
providers: {{up: {{adapter: openai, base_url: "{sys.argv[1]}"}}}}
models: {{g: up/m}}
'''
MESSAGES = [{"role": "user", "content": "Hi"}]

def ask(router):
    return router.completion("g", MESSAGES).choices[0].message.content

def ask_with_one_of_my_own():
    with Router.from_yaml(CONFIG) as router:
        return ask(router)

async def aask():
    async with Router.from_yaml(CONFIG) as router:
        return (await router.acompletion("g", MESSAGES)).choices[0].message.content

def in_threads(*works):
    given = []
    threads = [threading.Thread(target=lambda work=work: given.append(work())) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given

def child():
    global router
    warnings.simplefilter("ignore")
    given = [ask(router)]
    router = None
    gc.collect()
    for _ in range(4):
        given += in_threads(ask_with_one_of_my_own, *[lambda: asyncio.run(aask())] * 3)
    assert given == ["hi"] * 17

def fork():
    if (pid := os.fork()) == 0:
        try:
            child()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]

router = Router.from_yaml(CONFIG)
ask(router)
print([fork() for _ in range(4)] + in_threads(fork, fork))
assert ask(router) == "hi"
"""


def test_threads_of_a_forked_child(up: Upstream) -> None:
    """A child of a process that has asked may ask in any thread, wherever the fork came from."""
    up.script(OK)
    command = (sys.executable, "-X", "faulthandler", "-c", THREADS, up.url)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "[0, 0, 0, 0, 0, 0]\n"), done.stderr


def test_many_loops(up: Upstream, make: Made) -> None:
    """Loops in several threads, each with a transport of its own, disturb each other in nothing."""
    up.script(OK)
    statuses: list[int] = []

    async def some() -> None:
        transport = make(TransportSettings(https=False))
        for _ in range(5):
            answers = await asyncio.gather(*(asked(transport, post(up.url)) for _ in range(4)))
            statuses.extend(status for status, _ in answers)
        await transport.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(some(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert statuses == [200] * 80


async def test_choice() -> None:
    """The settings' word decides."""
    names = [
        type(open_transport(TransportSettings(https=False, fast=fast))).__name__ for fast in (False, True)
    ]
    assert names == ["HttpxTransport", "PyreqwestTransport"]
