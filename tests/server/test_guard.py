"""Who is let in: keys, groups, and without callers no web page."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from router.errors import ConfigError
from router.server.settings import GatewaySettings
from tests.server.world import GatewayThread

if TYPE_CHECKING:
    from tests.server.conftest import Lines, MakeGateway
    from tests.server.world import Upstream

BOB = hashlib.sha256(b"bob-key").hexdigest()
CALLERS = f"""
callers:
  - {{name: alice, key: env:ALICE_KEY}}
  - {{name: bob, key: "sha256:{BOB}", groups: [talk, "up/*"]}}
  - {{name: carol, key: env:CAROL_KEY, groups: [up/plain]}}
"""


@pytest.fixture
def guarded(make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> GatewayThread:
    """A gateway with three callers."""
    monkeypatch.setenv("ALICE_KEY", "alice-key")
    monkeypatch.setenv("CAROL_KEY", "carol-key")
    return make_gateway(CALLERS)


def _as(gateway: GatewayThread, key: str) -> GatewayThread:
    gateway.http.headers["authorization"] = f"Bearer {key}"
    return gateway


@pytest.mark.parametrize("authorization", ["Bearer alice-key", "bearer  alice-key", "BEARER bob-key"])
def test_good_keys(guarded: GatewayThread, authorization: str) -> None:
    """A caller's key opens every route; the scheme's letter case does not matter."""
    guarded.http.headers["authorization"] = authorization
    assert guarded.chat("chat").status_code == 200
    assert guarded.http.get("/openapi.json").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "alice-key",
        "Basic alice-key",
        "Bearer alice-kez",
        "Bearer alice-key ,",
        "Bearer alice-key, Bearer bob-key",
        "Bearer " + BOB,
        "Bearer sha256:" + BOB,
        "Bearer " + "x" * 10_000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/nowhere", "/openapi.json", "//v1/models", "/v1/../healthz"])
def test_bad_keys(guarded: GatewayThread, authorization: str | None, path: str) -> None:
    """Without a good key every path, known or not, is the same 401."""
    headers = () if authorization is None else (f"authorization: {authorization}",)
    head, _, body = guarded.get(path, *headers).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: Bearer" in head
    error = json.loads(body)["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert b"alice" not in body


def test_two_authorization_headers(guarded: GatewayThread) -> None:
    """Two Authorization headers are refused, however good one of them is."""
    twice = [("authorization", "Bearer alice-key"), ("authorization", "Bearer alice-key")]
    assert guarded.http.get("/v1/models", headers=twice).status_code == 401


def test_health_needs_no_key(guarded: GatewayThread) -> None:
    """Health is answered to anybody, and tells nothing."""
    for path in ("/healthz", "/readyz"):
        response = guarded.http.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "path",
    [
        "//v1/models",
        "/v1//models",
        "/v1/%6dodels",
        "/%2e/v1/models",
        "/v1/models%2f",
        "/v1\\models",
        "/V1/models",
        "/v1/models/",
        "/healthz/",
        "/",
    ],
)
def test_other_spellings(guarded: GatewayThread, path: str) -> None:
    """A path that is not spelt as it is listed does not exist, also for a caller."""
    assert guarded.get(path, "authorization: Bearer alice-key").startswith(b"HTTP/1.1 404 ")


def test_groups(guarded: GatewayThread, upstream: Upstream) -> None:
    """A caller with groups may ask them by any name, and nothing else."""
    bob = _as(guarded, "bob-key")
    for model in ("chat", "talk", "up/stream", "up/plain"):
        assert bob.chat(model, stream=model.endswith("stream")).status_code == 200
    upstream.reset()
    denied, unknown = bob.chat("secret"), bob.chat("hidden")
    assert upstream.bodies == []
    assert denied.status_code == unknown.status_code == 404
    assert denied.json()["error"]["code"] == "model_not_found"
    assert denied.text.replace("secret", "hidden") == unknown.text
    assert "second" not in denied.text
    assert bob.chat("x" * 1_000).json()["error"]["message"].count("x") < 110
    assert bob.chat("chat", model=7).status_code == 400


def test_one_name_of_a_wildcard(guarded: GatewayThread) -> None:
    """A caller whose group is one name of a wildcard may ask that name alone."""
    carol = _as(guarded, "carol-key")
    assert carol.chat("up/plain").status_code == 200
    assert carol.chat("up/400").status_code == 404
    assert "known: up/plain" in carol.chat("chat").json()["error"]["message"]


def test_listed_models(guarded: GatewayThread) -> None:
    """The list has a caller's own groups only, and the single model likewise."""
    names = {}
    for key in ("alice-key", "bob-key"):
        data = _as(guarded, key).http.get("/v1/models").json()["data"]
        names[key] = [model["id"] for model in data]
    assert names == {
        "alice-key": ["chat", "stream", "secret", "second", "up/*"],
        "bob-key": ["chat", "up/*"],
    }
    assert guarded.http.get("/v1/models/secret").status_code == 404
    assert guarded.http.get("/v1/models/chat").status_code == 200


def test_callers_may_come_from_anywhere(guarded: GatewayThread) -> None:
    """With callers, Host, Origin and content type are free: the key decides."""
    headers = {"host": "llm.example.org", "origin": "https://example.org", "content-type": "text/plain"}
    response = _as(guarded, "alice-key").http.post(
        "/v1/chat/completions",
        content=b'{"model": "chat", "messages": [{"role": "user", "content": "a"}]}',
        headers=headers,
    )
    assert response.status_code == 200


def test_empty_callers_let_nobody_in(make_gateway: MakeGateway) -> None:
    """A list of callers without any is a closed door, not an open one."""
    gateway = make_gateway("callers: []\n")
    assert gateway.http.get("/v1/models", headers={"authorization": "Bearer a"}).status_code == 401


def test_missing_key(make_gateway: MakeGateway) -> None:
    """A caller whose key has no value is found when the gateway is made, with its place."""
    with pytest.raises(ConfigError) as caught:
        make_gateway("callers: [{name: alice, key: env:NO_SUCH_KEY}]\n")
    [finding] = caught.value.diagnostics
    assert "missing-reference" in str(finding)
    assert "callers[0].key" in str(finding)
    assert "NO_SUCH_KEY" in str(finding)


def test_same_key_twice(make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two callers with one key are refused, without showing the key."""
    monkeypatch.setenv("DAVE_KEY", "bob-key")
    with pytest.raises(ConfigError) as caught:
        make_gateway(f'callers: [{{name: bob, key: "sha256:{BOB}"}}, {{name: dave, key: env:DAVE_KEY}}]\n')
    assert "same value as the key of the caller `bob`" in str(caught.value)
    assert "bob-key" not in str(caught.value)


# --- without callers


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:4000", "127.0.0.1:1", "[::1]:4000", "[::1]", "0.0.0.0:4000"]
)
def test_hosts_of_this_machine(gateway: GatewayThread, host: str) -> None:
    """Names of the loopback interface are accepted, with any port."""
    assert gateway.http.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "localhost:4000.example.org",
        "10.0.0.1",
        "localhost.",
        "localhost:",
        "::1",
        "",
        "127.0.0.2",
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/nowhere"])
def test_other_hosts(gateway: GatewayThread, host: str, path: str) -> None:
    """Any other Host is a page whose name was pointed at this machine: 403."""
    response = gateway.http.get(path, headers={"host": host})
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "forbidden_host"


def test_origin(gateway: GatewayThread) -> None:
    """A request from a page is refused, even from one of this machine."""
    for origin in ("https://example.org", "http://localhost:4000", "null"):
        response = gateway.http.get("/v1/models", headers={"origin": origin})
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "forbidden_origin"
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "json"])
def test_content_type(gateway: GatewayThread, upstream: Upstream, content_type: str | None) -> None:
    """A body that a form could have sent is refused."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = gateway.http.post("/v1/chat/completions", content=b"{}", headers=headers)
    assert response.status_code == 415
    assert "content-type: application/json" in response.json()["error"]["message"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_content_types(gateway: GatewayThread, upstream: Upstream, content_type: str) -> None:
    """JSON is recognised with parameters and in any letter case."""
    body = b'{"model": "chat", "messages": [{"role": "user", "content": "a"}]}'
    response = gateway.http.post("/v1/chat/completions", content=body, headers={"content-type": content_type})
    assert response.status_code == 200


@pytest.mark.parametrize("authorization", [None, "Bearer sk-1234", "Basic YTpi", ""])
def test_any_key_or_none(gateway: GatewayThread, upstream: Upstream, authorization: str | None) -> None:
    """Without callers any Authorization is accepted, and none."""
    headers = {} if authorization is None else {"authorization": authorization}
    assert gateway.http.get("/v1/models", headers=headers).status_code == 200


def test_any_host(make_gateway: MakeGateway) -> None:
    """A gateway that is open on purpose takes any Host, but still no page."""
    gateway = make_gateway("", GatewaySettings(any_host=True))
    assert gateway.http.get("/v1/models", headers={"host": "example.org"}).status_code == 200
    assert gateway.http.get("/v1/models", headers={"origin": "https://example.org"}).status_code == 403


def test_master_key_of_litellm(monkeypatch: pytest.MonkeyPatch, log_lines: Lines) -> None:
    """LiteLLM's master_key is the key of a caller named master."""
    monkeypatch.setenv("BYTEZ_API_KEY", "key")
    monkeypatch.setenv("MASTER", "sk-master")
    gateway = GatewayThread("""
model_list:
  - model_name: gemma-3
    litellm_params: {model: bytez/google/gemma-3-4b-it, api_key: os.environ/BYTEZ_API_KEY}
general_settings: {master_key: os.environ/MASTER}
""")
    try:
        statuses = [_as(gateway, key).http.get("/v1/models").status_code for key in ("sk-1234", "sk-master")]
        gateway.http.get("/nowhere")
    finally:
        gateway.close()
    assert statuses == [401, 200]
    assert log_lines[-1]["caller"] == "master"
