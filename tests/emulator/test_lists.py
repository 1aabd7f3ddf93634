"""Faults of the lists, among them those that Bytez's own have had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest
from bytez import Bytez

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer

MODELS = "/models/v2/list/models"
TASKS = "/models/v2/list/tasks"


def test_empty_catalogue(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """No model is listed, the tasks still are, and models still run."""
    bytez_emulator.fail("list/models", "empty-list")
    assert client.get(MODELS).json() == {"error": None, "output": []}
    assert client.get(TASKS).json()["output"]
    assert client.post("/models/v2/Qwen/Qwen3-4B", json={"input": "Hi"}).status_code == 200
    bytez_emulator.heal("list/models")
    assert client.get(MODELS).json()["output"]


def test_task_filter_fails(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """500 in Bytez's words for the filter `task`; without it all is well, and runs are too."""
    bytez_emulator.fail("list/models", "task-filter-500")
    bytez_emulator.fail("Qwen/Qwen3-4B", "task-filter-500")
    broken = client.get(f"{MODELS}?task=chat")
    assert broken.status_code == 500
    assert broken.json() == {"error": "Expected parameter(s): modelId", "output": []}
    assert client.get(f"{MODELS}?modelId=Qwen/Qwen3-4B").json()["output"]
    for stream in (False, True):
        body = {"input": "Hi", "stream": stream}
        assert "You said" in client.post("/models/v2/Qwen/Qwen3-4B", json=body).text


@pytest.mark.parametrize(("fault", "status"), [("503", 503), ("401", 401), ("slow-1ms", 200)])
def test_other_faults(client: httpx.Client, bytez_emulator: EmulatorServer, fault: str, status: int) -> None:
    """Any fault can be put on either list."""
    for name, path in (("list/models", MODELS), ("list/tasks", TASKS)):
        bytez_emulator.fail(name, fault)
        assert client.get(path).status_code == status


def test_cut_list(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """The connection ends without an answer."""
    bytez_emulator.fail("list/tasks", "cut")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(TASKS)


def test_the_sdk_survives_a_failing_list(bytez_emulator: EmulatorServer) -> None:
    """It takes a model whose task it cannot learn for one that makes no media, and runs it."""
    sdk: Any = Bytez("good")
    sdk._client.host = f"{bytez_emulator.base_url}/models/v2/"
    for fault in ("empty-list", "500"):
        bytez_emulator.fail("list/models", fault)
        assert sdk.model("Qwen/Qwen3-4B").run("Hi").error is None


def test_broken_query_of_bytez_js(client: httpx.Client) -> None:
    """bytez.js joins two filters wrongly; no task has such a name, so nothing is found."""
    assert client.get(f"{MODELS}?task=chat?modelId=Qwen/Qwen3-4B").json() == {"error": None, "output": []}
