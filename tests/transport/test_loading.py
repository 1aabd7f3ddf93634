"""pyreqwest in processes of their own: which thread loads it decides whether later ones live."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.library.upstream import OK

if TYPE_CHECKING:
    from tests.library.upstream import Upstream

_ROUTERS = """
import asyncio, threading
from router import Router

CONFIG = '''
version: 1
providers: {{up: {{adapter: openai, base_url: "{url}", transport: pyreqwest}}}}
models: {{g: up/m}}
'''
MESSAGES = [{{"role": "user", "content": "Hi"}}]

def sync_ask():
    with Router.from_yaml(CONFIG) as router:
        return router.completion("g", MESSAGES).choices[0].message.content

async def ask():
    async with Router.from_yaml(CONFIG) as router:
        return (await router.acompletion("g", MESSAGES)).choices[0].message.content

def in_thread(work):
    given = []
    thread = threading.Thread(target=lambda: given.append(work()))
    thread.start()
    thread.join()
    return given[0]

print(*[{call} for _ in range(8)], sep="")
"""


@pytest.mark.parametrize(
    "call",
    ["sync_ask()", "in_thread(sync_ask)", "asyncio.run(ask())", "in_thread(lambda: asyncio.run(ask()))"],
)
def test_one_router_after_another_each_in_a_thread_of_its_own(up: Upstream, call: str) -> None:
    """The process lives, however many threads have ended in which the library was used."""
    up.script(OK)
    program = _ROUTERS.format(url=up.url, call=call)
    command = (sys.executable, "-W", "error", "-X", "faulthandler", "-c", program)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi" * 8 + "\n", "")


def test_what_cannot_be_loaded_is_said() -> None:
    """In the thread that asked for it, also when that is not the main one."""
    program = """
import sys, threading
sys.modules["pyreqwest.client"] = None
from router.transport.loading import load_pyreqwest

def work():
    try:
        load_pyreqwest()
    except ImportError:
        print("said", threading.active_count())

for run in (work, lambda: (thread := threading.Thread(target=work)).start() or thread.join()):
    run()
"""
    command = (sys.executable, "-W", "error", "-c", program)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("said 1\nsaid 2\n", "")
