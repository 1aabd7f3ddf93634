"""Bodies that are too large, too slow, too deep, or not JSON."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from router.server.body import MAX_DEPTH, parse_object
from router.server.errors import Refused
from router.server.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2 as httpx

    from tests.server.conftest import MakeGateway
    from tests.server.world import GatewayThread, Upstream

JSON = {"content-type": "application/json"}

# As the page prints it: the comma after the list is one too many.
PRINTED = b"""{
    "model": "gemma-3",
    "messages": [
      {
          "role": "system",
          "content": "Be a good human!"
      },
      {
          "role": "user",
          "content": "What do you know about earth?"
      }
      ],
}"""


def _post(gateway: GatewayThread, content: bytes | Iterator[bytes]) -> httpx.Response:
    return gateway.http.post("/v1/chat/completions", content=content, headers=JSON)


def test_trailing_comma(gateway: GatewayThread) -> None:
    """The comma too many is named, with its byte, line and column, all from 1."""
    response = _post(gateway, PRINTED)
    assert response.status_code == 400
    error = response.json()["error"]
    at = PRINTED.rindex(b",") + 1
    assert error["code"] == "invalid_json"
    assert error["message"] == (
        f"invalid JSON at byte {at} (line 12, column 8): trailing comma is not allowed"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty; send a JSON object with model and messages"),
        (b" \n ", "the body is empty"),
        (b"[1]", "the body must be a JSON object"),
        (b'"text"', "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b"{", "invalid JSON at byte 2 (line 1, column 2)"),
        (b'{"a": 1', "invalid JSON at byte 8 (line 1, column 8): unexpected end"),
        (b'{"a": NaN}', "invalid JSON at byte 7 (line 1, column 7)"),
        (b'{"a": 1e999}', "invalid JSON at byte 7"),
        (b'{"a": 1} x', "invalid JSON at byte 10"),
        (b"{'a': 1}", "invalid JSON at byte 2"),
        (b"\xef\xbb\xbf{}", "invalid JSON at byte 1 (line 1, column 1)"),
        (b'{"a":\n "\xff"}', "invalid JSON at byte 9 (line 2, column 3): not UTF-8"),
        ('{"é": "ü",\n "ß": oops}'.encode(), "invalid JSON at byte 21 (line 2, column 7)"),
        (b"\0\0\0", "invalid JSON at byte 1"),
        (b'{"a": "\\ud800"}', "invalid JSON at byte 8"),
        (b"[" * 100_000, "invalid JSON at byte"),
        (b'{"a": ' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, None),
        (b'{"a": ' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested more than 64 levels"),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", "nested more than 64 levels"),
        (b'{"a": [' + b"{}," * 1_000 + b"{}]}", None),
        (b'{"a": 1180591620717411303424}', None),
    ],
)
def test_bodies(body: bytes, message: str | None) -> None:
    """What is not a JSON object of bounded depth is a 400 that says where and why."""
    if message is None:
        assert parse_object(body)
        return
    with pytest.raises(Refused) as caught:
        parse_object(body)
    assert caught.value.status == 400
    assert message in str(caught.value)


def test_errors_do_not_quote(gateway: GatewayThread) -> None:
    """What was wrong is described by its place, never by its text."""
    assert "hunter2" not in _post(gateway, b'{"password": hunter2}').text


def test_largest_body(make_gateway: MakeGateway, upstream: Upstream) -> None:
    """A body of the limit is read, one byte more is a 413, declared or not."""
    gateway = make_gateway("", GatewaySettings(max_body_bytes=1_000))
    body = b'{"model": "chat", "messages": [{"role": "user", "content": "%s"}]}'
    fitting = body % (b"a" * (1_000 - len(body) + 2))
    assert len(fitting) == 1_000
    assert _post(gateway, fitting).status_code == 200
    for content in (fitting + b" ", iter([fitting, b" "])):
        response = _post(gateway, content)
        assert response.status_code == 413
        assert response.json()["error"]["message"] == "the body is larger than 1000 bytes"
        assert response.headers["connection"] == "close"


def test_body_in_pieces(gateway: GatewayThread, upstream: Upstream) -> None:
    """A body that comes in many pieces is put together."""
    body = b'{"model": "chat", "messages": [{"role": "user", "content": "abc"}]}'
    response = _post(gateway, (body[i : i + 1] for i in range(len(body))))
    assert response.status_code == 200
    assert upstream.bodies[0]["messages"][0]["content"] == "abc"


def test_slow_body(make_gateway: MakeGateway) -> None:
    """A body that does not arrive is a 408 in time."""
    gateway = make_gateway("", GatewaySettings(body_timeout_s=0.1))
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    answer = gateway.raw(head + b"content-length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive within 0.1 s" in answer


def test_client_leaves_in_the_body(gateway: GatewayThread) -> None:
    """A client that leaves before its body is complete does no harm."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
        connection.sendall(head + b"content-length: 100\r\n\r\n{")
    assert gateway.http.get("/healthz").status_code == 200
