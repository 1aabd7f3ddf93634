"""The model list, and the document of the routes."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.server.conftest import MakeGateway
    from tests.server.world import GatewayThread


def test_list(gateway: GatewayThread) -> None:
    """Every group is listed in the file's order, as OpenAI's clients read it."""
    for path in ("/v1/models", "/models"):
        listed = gateway.http.get(path).json()
        assert listed["object"] == "list"
        assert [model["id"] for model in listed["data"]] == ["chat", "stream", "secret", "second", "up/*"]
        first = listed["data"][0]
        assert (first["object"], first["owned_by"]) == ("model", "bytez-router")
        assert abs(first["created"] - time.time()) < 600


def test_one(gateway: GatewayThread) -> None:
    """A group, an alias, and what a wildcard matches are models; slashes may be encoded."""
    for name in ("chat", "talk", "up/any/model", "up%2Fany%2Fmodel", "up%2F%2A"):
        response = gateway.http.get(f"/v1/models/{name}")
        assert response.status_code == 200
        assert response.json()["object"] == "model"
    assert response.json()["id"] == "up/*"
    assert gateway.http.get("/models/chat").json()["id"] == "chat"


def test_none(gateway: GatewayThread) -> None:
    """Any other name is a 404, whatever it is made of."""
    for name in ("nothing", "%ff", "up%2F", "up%2F..%2Fa", "chat%00", "%0d%0a", "x" * 5_000):
        response = gateway.http.get(f"/v1/models/{name}")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "model_not_found"
        assert len(response.content) < 1_000


def test_names_that_only_wildcards_match(make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a caller may ask is listed, also names that stand in the caller's groups alone."""
    monkeypatch.setenv("ALICE_KEY", "alice-key")
    callers = "callers: [{name: alice, key: env:ALICE_KEY, groups: [up/z/plain, up/plain, talk]}]\n"
    gateway = make_gateway(callers)
    gateway.http.headers["authorization"] = "Bearer alice-key"
    listed = [model["id"] for model in gateway.http.get("/v1/models").json()["data"]]
    assert listed == ["chat", "up/plain", "up/z/plain"]
    assert gateway.chat("up/plain").status_code == 200
    for name in listed:
        assert gateway.http.get(f"/v1/models/{name}").json()["id"] == name
    refusal = gateway.chat("up/other")
    assert refusal.status_code == 404
    assert refusal.json()["error"]["message"].endswith("; known: chat, up/plain, up/z/plain")


def test_document(gateway: GatewayThread) -> None:
    """The document lists the routes that there are, each answers, and no key is asked for."""
    document = gateway.http.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert "security" not in document
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            status = gateway.http.request(method, path.replace("{id}", "chat"), json={}).status_code
            assert status == (400 if method == "post" else 200)
    text = str(document)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in document["components"]["schemas"]
