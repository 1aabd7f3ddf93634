"""Seed row: a completion from code, with BYTEZ_API_KEY in the environment and no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.seed.page import HELLO, run_code, sent, snippet

if TYPE_CHECKING:
    import pytest

    from router.emulator.serve import EmulatorServer

_PRINT = "\nprint(response.choices[0].message.content)\nprint(response['choices'][0]['message']['role'])"


def test_the_pages_call_is_answered(bytez: EmulatorServer) -> None:
    """The page's code runs with only the import changed, and its reply has OpenAI's shape."""
    printed = run_code(snippet("sdk.py.txt") + _PRINT)
    assert printed.startswith('You said: "Hello, how are you?"')
    assert printed.endswith("\nassistant\n")


def test_the_pages_call_reaches_bytez_as_it_was_made(bytez: EmulatorServer) -> None:
    """One request goes up, with the messages as given and no param that nobody asked for."""
    run_code(snippet("sdk.py.txt"))
    body = sent(bytez)
    assert body["messages"] == HELLO
    assert body.get("params", {}) == {}


def test_the_key_is_the_environments(bytez: EmulatorServer) -> None:
    """The key that the code puts into the environment is the one that Bytez gets: a bad one is refused."""
    code = snippet("sdk.py.txt").replace("YOUR_BYTEZ_KEY_GOES_HERE", "invalid")
    caught = code.replace(
        "response = ", "from router.errors import AuthenticationFailed\ntry:\n  response = "
    )
    assert run_code(f"{caught}\nexcept AuthenticationFailed as error: print(error.status)") == "401\n"


def test_the_pages_call_streams(bytez: EmulatorServer) -> None:
    """The same call with stream=True gives the same text in pieces, and then a finish reason."""
    whole = run_code(snippet("sdk.py.txt") + "\nprint(response.choices[0].message.content)")
    bytez.clear()
    code = snippet("sdk.py.txt").replace('"user"}]', '"user"}], stream=True')
    loop = "\nchunks = list(response)\nprint(''.join(c.choices[0].delta.content or '' for c in chunks))"
    last = "\nprint(len(chunks) > 3, chunks[-1].choices[0].finish_reason)"
    assert run_code(code + loop + last) == whole + "True stop\n"
    assert sent(bytez)["stream"] is True


def test_the_call_works_asynchronously(bytez: EmulatorServer) -> None:
    """acompletion takes what completion takes."""
    code = snippet("sdk.py.txt").replace("import completion", "import acompletion")
    code = code.replace("response = completion(", "import asyncio\nresponse = asyncio.run(acompletion(")
    assert run_code(code + ")" + _PRINT).startswith('You said: "Hello, how are you?"')
    assert sent(bytez)["messages"] == HELLO


def test_another_key_in_the_environment_is_used_at_once(
    bytez: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing BYTEZ_API_KEY between two calls of a process changes the account of the second."""
    monkeypatch.setenv("BYTEZ_API_KEY", "invalid")
    code = snippet("sdk.py.txt")
    first = (
        "from router import completion\n"
        "from router.errors import AuthenticationFailed\n"
        f"try: completion(model='bytez/google/gemma-3-4b-it', messages={HELLO})\n"
        "except AuthenticationFailed: print('refused')\n"
    )
    assert run_code(first + code + _PRINT).startswith('refused\nYou said: "Hello')
