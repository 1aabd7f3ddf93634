"""Errors in OpenAI's shape: status, words, hints, and nothing that must not be in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from router.errors import ConfigError, RateLimited, RouterClosed
from router.server.errors import error_reply

if TYPE_CHECKING:
    from tests.server.conftest import Lines, MakeGateway
    from tests.server.world import GatewayThread, Upstream


@pytest.mark.parametrize(
    ("upstream_status", "status", "code", "kind"),
    [
        (400, 400, "bad_request", "invalid_request_error"),
        (401, 502, "upstream_authentication_failed", "server_error"),
        (404, 502, "upstream_model_not_found", "server_error"),
        (429, 429, "rate_limit_exceeded", "rate_limit_error"),
        (500, 502, "upstream_server_error", "server_error"),
        (529, 503, "overloaded", "server_error"),
        (504, 502, "upstream_server_error", "server_error"),
    ],
)
def test_upstream_errors(
    gateway: GatewayThread, upstream: Upstream, upstream_status: int, status: int, code: str, kind: str
) -> None:
    """After the chain ran the error has its attempts, the upstream's words, and forbids retries."""
    response = gateway.chat(f"up/{upstream_status}")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (status, code, kind)
    assert error["param"] is None
    [attempt] = error["attempts"]
    outcome = attempt.pop("outcome")
    assert outcome != "ok"
    assert attempt == {
        "number": 1,
        "group": "up/*",
        "target": f"up/{upstream_status}",
        "status": upstream_status,
    }
    assert error["provider_message"] == "the upstream's words"
    assert "the upstream's words" not in error["message"]
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-router-attempts"] == "1"
    assert response.headers["x-router-target"] == f"up/{upstream_status}"
    assert "Hello" not in response.text


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(gateway: GatewayThread, upstream: Upstream, status: int) -> None:
    """An upstream's hint is passed on in whole seconds."""
    response = gateway.chat(f"up/{status}-7")
    assert response.status_code == status
    assert 6 <= int(response.headers["retry-after"]) <= 7


def test_retry_after_is_rounded_up() -> None:
    """A part of a second counts as a whole one; no hint gives no header."""
    assert ("retry-after", "3") in error_reply(RateLimited("", retry_after=2.1), "").headers
    assert [name for name, _ in error_reply(RateLimited(""), "").headers] == ["x-should-retry"]


def test_unknown_model(gateway: GatewayThread, upstream: Upstream) -> None:
    """A model that is not there is a 404 with the nearest name."""
    response = gateway.chat("chatt")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "'chat'" in error["message"]
    assert "x-should-retry" not in response.headers


def test_model_name_without_end(gateway: GatewayThread, upstream: Upstream) -> None:
    """A name that no address could hold is the caller's mistake, which the bound tells; nothing is sent."""
    response = gateway.chat("up/" + "x" * 70_000)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["message"]) == ("model", "model must have at most 512 characters")
    assert upstream.bodies == []


def test_words_are_scrubbed(make_gateway: MakeGateway, upstream: Upstream) -> None:
    """No header can be made of what a client or an upstream says."""
    gateway = make_gateway()
    response = gateway.chat("up/a%0d%0ax-evil:1")
    assert response.status_code == 404
    assert "x-evil" not in response.headers


def test_other_errors() -> None:
    """Every error has a reply; of an unforeseen one the client learns the request id only."""
    crash = error_reply(ValueError("a prompt"), "req_1")
    assert (crash.status, crash.code) == (500, "internal_error")
    assert b"prompt" not in crash.body()
    assert b"req_1" in crash.body()
    assert error_reply(RouterClosed(), "").status == 503
    assert error_reply(ConfigError([]), "").status == 500


def test_crash(make_gateway: MakeGateway, log_lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug ends one request with a 500; the log names its kind and place, never its words."""
    gateway = make_gateway()

    async def fail(*_args: object, **_fields: object) -> None:
        raise ValueError("a prompt")

    monkeypatch.setattr(gateway.router, "start", fail)
    response = gateway.chat("chat")
    assert response.status_code == 500
    assert response.headers["x-request-id"] in response.json()["error"]["message"]
    [crash] = [line for line in log_lines if line["event"] == "router.request_crashed"]
    assert crash["error"] == "ValueError"
    assert crash["log_level"] == "error"
    assert crash["request_id"] == response.headers["x-request-id"]
    assert crash["where"][-1].endswith(" fail")
    assert "prompt" not in str(log_lines)


def test_closed_router(make_gateway: MakeGateway) -> None:
    """A gateway whose router was closed says that it is shutting down."""
    gateway = make_gateway()
    gateway.router.close()
    response = gateway.chat("chat")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "shutting_down")
