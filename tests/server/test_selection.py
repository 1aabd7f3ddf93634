"""What a request to the gateway may say about the choice of a target: headers for affinity, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.world import MESSAGES

if TYPE_CHECKING:
    from tests.server.conftest import Lines, MakeGateway
    from tests.server.world import GatewayThread

MODELS = """  sticky: {targets: [up/plain, up/plain-2, up/plain-3, up/plain-4], affinity: "header:X-Session"}
  tagged: {targets: [up/plain, {model: up/plain-2, tags: [eu]}]}
"""


def asked(gateway: GatewayThread, model: str, headers: dict[str, str], **fields: object) -> tuple[int, str]:
    """The status, and the target that answered or the param at fault."""
    body = {"model": model, "messages": MESSAGES, **fields}
    response = gateway.http.post("/v1/chat/completions", json=body, headers=headers)
    if response.status_code == 200:
        return 200, response.headers["x-router-target"]
    return response.status_code, response.json()["error"]["param"]


@pytest.fixture
def gateway(make_gateway: MakeGateway, upstream: object) -> GatewayThread:
    return make_gateway(MODELS)


def test_a_header_keeps_a_session_on_one_target(gateway: GatewayThread, log_lines: Lines) -> None:
    """Requests with one value of the header go to one target; without it they take turns."""
    homes = set()
    for number in range(8):
        session = {"x-session": f"SESSION-CANARY-{number}"}
        targets = {asked(gateway, "sticky", session) for _ in range(3)}
        assert len(targets) == 1
        homes |= targets
    assert len(homes) > 1
    assert len({asked(gateway, "sticky", {}) for _ in range(4)}) == 4
    assert "SESSION-CANARY" not in str(log_lines)


def test_tags_of_a_request(gateway: GatewayThread) -> None:
    """``router.tags`` names what a target must have; none has it: 400 by name."""
    assert {asked(gateway, "tagged", {}, router={"tags": ["eu"]}) for _ in range(3)} == {(200, "up/plain-2")}
    assert {asked(gateway, "tagged", {}, router={"tags": None}) for _ in range(2)} == {
        (200, "up/plain"),
        (200, "up/plain-2"),
    }
    wrong: list[object] = [["us"], "eu", [5], {}]
    for tags in wrong:
        assert asked(gateway, "tagged", {}, router={"tags": tags}) == (400, "router.tags")
