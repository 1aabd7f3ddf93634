"""Seed row: the page's calls to the proxy, by the openai SDK and by curl, with the key sk-1234."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.seed.page import EARTH, FIXTURES, at_port, error_byte, gateway, run, run_code, sent, snippet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from router.emulator.serve import EmulatorServer

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
STATUS = "status=%{http_code}"


@pytest.fixture
def port(bytez: EmulatorServer) -> Iterator[int]:
    """The gateway on the page's first file."""
    with gateway(FIXTURES / "config.yaml") as port:
        yield port


@pytest.fixture
def curl_tells_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let curl print the status after the body, with no change to its command line."""
    (tmp_path / ".curlrc").write_text(f'silent\nwrite-out = "{STATUS}"\n')
    monkeypatch.setenv("CURL_HOME", str(tmp_path))


def test_the_openai_sdk_is_answered(bytez: EmulatorServer, port: int) -> None:
    """The page's program runs as printed, but for the port, and prints a chat completion."""
    printed = run_code(at_port((FIXTURES / "proxy_client.py.txt").read_text(), port))
    assert printed.startswith("ChatCompletion(")
    assert "What do you know about earth?" in printed
    assert sent(bytez)["messages"] == EARTH


def test_the_openai_sdk_streams(bytez: EmulatorServer, port: int) -> None:
    """With stream=True the same program gets the same text in pieces."""
    code = at_port((FIXTURES / "proxy_client.py.txt").read_text(), port)
    whole = run_code(code.replace("print(response)", "print(response.choices[0].message.content)"))
    bytez.clear()
    code = code.replace('model="gemma-3",', 'model="gemma-3", stream=True,')
    pieces = "print(''.join(chunk.choices[0].delta.content or '' for chunk in response))"
    assert run_code(code.replace("print(response)", pieces)) == whole
    assert sent(bytez)["stream"] is True


@needs_curl
@pytest.mark.usefixtures("curl_tells_the_status")
def test_curl_is_answered(bytez: EmulatorServer, port: int) -> None:
    """The page's curl command gets a chat completion once its JSON is valid."""
    command = at_port(snippet("proxy_curl.sh.txt"), port).replace("],\n}", "]\n}")
    body, _, status = run("sh", "-c", command).partition("status=")
    reply = orjson.loads(body)
    assert (status, reply["object"]) == ("200", "chat.completion")
    assert 'You said: "What do you know about earth?"' in reply["choices"][0]["message"]["content"]
    assert sent(bytez)["messages"] == EARTH


@needs_curl
@pytest.mark.usefixtures("curl_tells_the_status")
def test_curl_as_printed_is_told_its_mistake(bytez: EmulatorServer, port: int) -> None:
    """The page's body ends in a stray comma: 400, naming its byte; nothing goes up."""
    command = at_port((FIXTURES / "proxy_curl.sh.txt").read_text(), port)
    data = command.partition("--data '")[2].rpartition("'")[0].encode()
    assert data.endswith(b"],\n}")
    body, _, status = run("sh", "-c", command).partition("status=")
    error = orjson.loads(body)["error"]
    assert status == "400"
    assert error_byte(error["message"]) == data.rindex(b",") + 1
    assert bytez.requests() == []
