"""Seed row: a LiteLLM file's master_key is what callers must show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest
from openai import AuthenticationError, OpenAI

from tests.seed.page import EARTH, FIXTURES, gateway, sent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from router.emulator.serve import EmulatorServer

WRITTEN = {"written out": "sk-1234", "in the environment": "os.environ/LITELLM_MASTER_KEY"}
MESSAGES: Any = EARTH


@pytest.fixture(params=WRITTEN.values(), ids=list(WRITTEN))
def url(
    request: pytest.FixtureRequest, tmp_path: Path, bytez: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The gateway on the page's first file with a master_key."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-1234")
    file = tmp_path / "config.yaml"
    page = (FIXTURES / "config.yaml").read_text()
    file.write_text(f"{page}\ngeneral_settings:\n  master_key: {request.param}\n")
    with gateway(file) as port:
        yield f"http://127.0.0.1:{port}"


def test_the_key_opens(url: str, bytez: EmulatorServer) -> None:
    """With the key the page's call is answered; Bytez gets its own key, never this one."""
    with OpenAI(api_key="sk-1234", base_url=url) as client:
        reply = client.chat.completions.create(model="gemma-3", messages=MESSAGES)
    assert "What do you know about earth?" in (reply.choices[0].message.content or "")
    assert sent(bytez)["messages"] == EARTH


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("key", ["sk-12345", "sk-123", "SK-1234", "-"])
def test_another_key_does_not(url: str, key: str, stream: bool, bytez: EmulatorServer) -> None:
    """With any other key it is a 401, plain or streamed, and nothing goes up."""
    with (
        OpenAI(api_key=key, base_url=url, max_retries=0) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="gemma-3", messages=MESSAGES, stream=stream)
    assert caught.value.status_code == 401
    assert "sk-1234" not in str(caught.value.body)
    assert bytez.requests() == []


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions", "/v1/models"])
def test_no_key_does_not(url: str, path: str, bytez: EmulatorServer) -> None:
    """Without an Authorization header it is a 401 on every route that says or does something."""
    method = "GET" if path.endswith("models") else "POST"
    body = {"model": "gemma-3", "messages": EARTH} if method == "POST" else None
    assert httpx.request(method, url + path, json=body).status_code == 401
    assert bytez.requests() == []


def test_health_needs_none(url: str) -> None:
    """Whoever watches the gateway need not hold the key."""
    assert [httpx.get(f"{url}{path}").status_code for path in ("/healthz", "/readyz")] == [200, 200]
