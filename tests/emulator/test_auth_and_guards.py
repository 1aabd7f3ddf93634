"""Keys, browser guards and sizes: who and what is let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from router.emulator.auth import authenticate
from router.emulator.exchange import Refused
from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

GEMMA = "/models/v2/google/gemma-3-4b-it"
ASK: dict[str, Any] = {"input": "Hello"}


@pytest.fixture(scope="module")
def strict() -> Iterator[EmulatorServer]:
    settings = Settings(keys=frozenset({"k1", "schlüssel"}), strict_auth=True, max_body_bytes=1_000)
    with EmulatorServer(settings) as server:
        yield server


@pytest.mark.parametrize("authorization", ["Key good", "key good", "Bearer good", "good", "Key  good"])
def test_forms_of_a_good_key(bytez_emulator: EmulatorServer, authorization: str) -> None:
    """`Key k`, `Bearer k` and a bare `k` are accepted by default."""
    headers = {"authorization": authorization}
    assert httpx.post(bytez_emulator.base_url + GEMMA, json=ASK, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Key", "Bearer", "Basic good", "Key bad", "invalid", "Bearer BAD-key", "Key invalid-1"],
)
@pytest.mark.parametrize("path", [GEMMA, "/models/v2/list/models", "/models/v2/list/tasks"])
def test_bad_keys(bytez_emulator: EmulatorServer, authorization: str, path: str) -> None:
    """No key, a strange scheme and keys that say that they are bad get Bytez's 401, lists too."""
    headers = {"authorization": authorization, "content-type": "application/json"}
    method = "POST" if path == GEMMA else "GET"
    response = httpx.request(method, bytez_emulator.base_url + path, content=b"{}", headers=headers)
    assert response.status_code == 401
    assert response.json() == {"error": "Unauthorized", "output": None}


def test_no_authorization_at_all(bytez_emulator: EmulatorServer) -> None:
    """A missing header is like a bad key."""
    assert httpx.post(bytez_emulator.base_url + GEMMA, json=ASK).status_code == 401


def test_key_that_only_contains_bad_is_good() -> None:
    """Only a key that begins with the word is bad: a random one must not fail by chance."""
    assert authenticate("Key 3bad5", Settings()) == "3bad5"
    assert authenticate("Key bad5", Settings()) == "bad5"


def test_chosen_keys_and_strict_forms(strict: EmulatorServer) -> None:
    """With keys given only they count; strictly, only the form `Key k` does."""
    statuses = {
        authorization: httpx.post(
            strict.base_url + GEMMA, json=ASK, headers={"authorization": authorization}
        ).status_code
        for authorization in ("Key k1", "Key k2", "k1", "Bearer k1", "Key")
    }
    assert statuses == {"Key k1": 200, "Key k2": 401, "k1": 401, "Bearer k1": 401, "Key": 401}


def test_keys_are_not_in_the_repr() -> None:
    """Settings can be logged."""
    assert "k1" not in repr(Settings(keys=frozenset({"k1"})))
    with pytest.raises(Refused):
        authenticate("Key other", Settings(keys=frozenset({"k1"})))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("0.0.0.0:80", 200),
        ("example.org", 403),
        ("localhost.example.org:8080", 403),
        ("127.0.0.1.nip.io", 403),
        ("", 403),
    ],
)
def test_host(client: httpx.Client, host: str, status: int) -> None:
    """Only names of the loopback interface are accepted: DNS rebinding ends here."""
    assert client.get("/models/v2/list/tasks", headers={"host": host}).status_code == status
    assert client.get("/emulator/requests", headers={"host": host}).status_code == status


def test_any_host_when_not_on_loopback() -> None:
    """An emulator that is open to a network has names of its own."""
    with EmulatorServer(Settings(loopback=False)) as server:
        headers = {"host": "bytez.example.org", "authorization": "k"}
        assert httpx.post(server.base_url + GEMMA, json=ASK, headers=headers).status_code == 200


def test_origin(client: httpx.Client) -> None:
    """A request that a web page sends is refused, whatever it is for."""
    for method, path in (("POST", GEMMA), ("GET", "/emulator/requests"), ("DELETE", "/emulator/requests")):
        headers = {"origin": "http://localhost:8080", "content-type": "application/json"}
        response = client.request(method, path, headers=headers)
        assert response.status_code == 403
        assert "Origin" in response.json()["error"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_content_type(client: httpx.Client, content_type: str, status: int) -> None:
    """A POST must say that it is JSON, which a form cannot."""
    response = client.post(GEMMA, content=b'{"input": "Hi"}', headers={"content-type": content_type})
    assert response.status_code == status


def test_body_that_is_not_json(client: httpx.Client) -> None:
    """A trailing comma is a 400 naming the byte."""
    headers = {"content-type": "application/json"}
    response = client.post(GEMMA, content=b'{"input": "Hi",}', headers=headers)
    assert response.status_code == 400
    assert response.json()["error"].endswith("(byte 15)")


def test_body_size_is_bounded(strict: EmulatorServer) -> None:
    """One byte more than the limit is 413 and ends the connection, announced or chunked."""
    headers = {"authorization": "Key k1", "content-type": "application/json"}
    body = b'{"input": "%s"}' % (b"x" * 988)
    assert len(body) == 1_001
    url = strict.base_url + GEMMA
    assert httpx.post(url, content=body.replace(b"xx", b"x", 1), headers=headers).status_code == 200
    for content in (body, iter([body[:500], body[500:]])):
        response = httpx.post(url, content=content, headers=headers)
        assert response.status_code == 413
        assert response.json()["error"] == "the body is larger than 1000 bytes"
        assert response.headers["connection"] == "close"
