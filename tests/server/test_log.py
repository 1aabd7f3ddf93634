"""The gateway's log lines."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.server.conftest import Lines, MakeGateway
    from tests.server.world import Upstream

_KEY = hashlib.sha256(b"alice-key").hexdigest()
_CALLERS = f'callers: [{{name: alice, key: "sha256:{_KEY}"}}]\n'


def _events(log_lines: Lines, name: str) -> Lines:
    return [line for line in log_lines if line["event"] == name]


def test_refused_requests(make_gateway: MakeGateway, upstream: Upstream, log_lines: Lines) -> None:
    """A request that never became a run is one line, without anything the client sent but its id."""
    gateway = make_gateway(_CALLERS)
    gateway.http.get("/v1/models/spy", headers={"x-request-id": "id-1", "authorization": "Bearer spy"})
    gateway.http.headers["authorization"] = "Bearer alice-key"
    for path in ("/spy", "/v1/models/spy"):
        gateway.http.get(path)
    gateway.chat("spy")
    gateway.http.post("/v1/chat/completions", content=b"spy")
    refused = _events(log_lines, "router.request_refused")
    assert [(line["route"], line["status"], line["code"], line["caller"]) for line in refused] == [
        ("unknown", 401, "invalid_api_key", None),
        ("unknown", 404, "not_found", "alice"),
        ("model", 404, "model_not_found", "alice"),
        ("chat", 404, "model_not_found", "alice"),
        ("chat", 400, "invalid_json", "alice"),
    ]
    assert refused[0]["request_id"] == "id-1"
    assert "spy" not in str(log_lines)


def test_one_line_per_run(make_gateway: MakeGateway, upstream: Upstream, log_lines: Lines) -> None:
    """A request that ran is one line with its caller, whether it was answered or not."""
    gateway = make_gateway(_CALLERS)
    gateway.http.headers["authorization"] = "Bearer alice-key"
    gateway.chat("chat")
    gateway.chat("stream", stream=True)
    gateway.chat("up/500")
    completed = _events(log_lines, "router.request_completed")
    assert [line["outcome"] for line in completed] == ["ok", "ok", "upstream_server_error"]
    assert {line["caller"] for line in completed} == {"alice"}
    assert not _events(log_lines, "router.request_refused")
    assert "Hello" not in str(log_lines)
    assert "alice-key" not in str(log_lines)
