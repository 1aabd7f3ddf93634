"""The native run and the lists, over real sockets."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings
from router.emulator.tasks import TASKS

GEMMA = "/models/v2/google/gemma-3-4b-it"
SEVEN_HEADERS = (
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "inference-meter",
    "inference-meter-price",
    "inference-time",
    "inference-cost",
)
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "What is new?"}]}

if TYPE_CHECKING:
    from collections.abc import Mapping


def text_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    assert response.json()["error"] is None
    text: str = response.json()["output"]["content"][0]["text"]
    return text


def assert_consistent_cost(headers: Mapping[str, str]) -> None:
    for name in SEVEN_HEADERS:
        assert headers[name], name
    price, time = Decimal(headers["inference-meter-price"]), Decimal(headers["inference-time"])
    assert Decimal(headers["inference-cost"]) == price * time > 0
    assert "e" not in headers["inference-cost"].lower()


def test_answer_cites_what_was_asked(client: httpx.Client) -> None:
    """The last user text, the messages, the media and the params can all be read in the answer."""
    image = base64.b64encode(b"x" * 68).decode()
    blocks = [
        {"type": "text", "text": "Compare"},
        {"type": "image", "base64": f"data:image/png;base64,{image}"},
        {"type": "audio", "base64": image},
        {"type": "video", "url": "https://example.org/film.mp4"},
        {"type": "text", "text": "these"},
    ]
    body = {
        "messages": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": blocks},
            {"role": "assistant", "content": "Sure"},
        ],
        "params": {"temperature": 0.5, "max_new_tokens": 500},
    }
    text = text_of(client.post(GEMMA, json=body))
    assert text.startswith('You said: "Compare\nthese"\n\n')
    assert "- Messages: 3 (system, user, assistant)\n" in text
    media = "image (image/png, 68 bytes); audio (68 bytes); video at https://example.org/film.mp4"
    assert f"- Media: {media}\n" in text
    assert '- Params: {"max_new_tokens":500,"temperature":0.5}\n' in text
    assert "in place of google/gemma-3-4b-it:" in text


def test_same_question_has_same_answer(client: httpx.Client) -> None:
    """An answer depends on the request and on nothing else."""
    assert client.post(GEMMA, json=ASK).content == client.post(GEMMA, json=ASK).content


def test_plain_answer_has_the_seven_headers(client: httpx.Client) -> None:
    """Every header is there, and cost is price times time, in plain decimals."""
    response = client.post(GEMMA, json=ASK)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert_consistent_cost(response.headers)
    assert response.headers["inference-meter-price"] == "0.000072"
    larger = client.post("/models/v2/google/gemma-3-27b-it", json=ASK)
    assert larger.headers["inference-meter-price"] == "0.000144"


def test_longer_answer_costs_more(client: httpx.Client) -> None:
    """Time, and with it the cost, grows with the words of the answer."""
    response = client.post(GEMMA, json={"text": "word " * 200})
    assert int(response.headers["inference-time"]) > 3
    assert_consistent_cost(response.headers)


@pytest.mark.parametrize(
    "body",
    [
        {"input": "Hello"},
        {"text": "Hello"},
        {"input": [{"role": "user", "content": "Hello"}]},
        {"input": {"text": "Hello"}},
        {"input": {"messages": [{"role": "user", "content": "Hello"}]}},
        {"messages": [{"role": "user", "content": "Hello"}], "params": {}, "json": True, "stream": False},
    ],
)
def test_inputs_mean_the_same(client: httpx.Client, body: dict[str, Any]) -> None:
    """`input` in each of its forms and the named fields give the same answer."""
    assert text_of(client.post(GEMMA, json=body)).startswith('You said: "Hello"\n\n- Messages: 1 (user)\n')


@pytest.mark.parametrize(
    ("params", "words"),
    [({"max_new_tokens": 3}, 3), ({"max_length": 2, "max_new_tokens": 5}, 2), ({"max_new_tokens": 1}, 1)],
)
def test_length_limit_is_honoured(client: httpx.Client, params: dict[str, int], words: int) -> None:
    """max_new_tokens counts words, plain and streamed; max_length overrides it."""
    text = text_of(client.post(GEMMA, json={**ASK, "params": params}))
    assert text.split() == ["You", "said:", '"What', "is", 'new?"'][:words]
    assert client.post(GEMMA, json={**ASK, "params": params, "stream": True}).text == text


def test_generous_length_limit_changes_nothing(client: httpx.Client) -> None:
    """An answer shorter than the limit is whole."""
    text = text_of(client.post(GEMMA, json={**ASK, "params": {"max_new_tokens": 10_000}}))
    assert text.endswith("decoder.")


def test_long_question_is_quoted_in_part(client: httpx.Client) -> None:
    """An answer stays of bounded size whatever was asked."""
    media = [{"type": "image", "url": f"https://example.org/{number}"} for number in range(30)]
    content = [{"type": "text", "text": "long " * 10_000}, *media]
    text = text_of(client.post(GEMMA, json={"messages": [{"role": "user", "content": content}]}))
    assert len(text) < 6_000
    assert '…"\n' in text
    assert "https://example.org/19; and 10 more\n" in text


def test_question_without_user_message(client: httpx.Client) -> None:
    """Nothing is quoted when no user spoke."""
    text = text_of(client.post(GEMMA, json={"messages": [{"role": "system", "content": "Be brief"}]}))
    assert text.startswith('You said: ""\n')


@pytest.mark.parametrize(
    "path", ["google/gemma-3-4b-it", "google%2Fgemma-3-4b-it", "openai/gpt-4o", "v1/chat"]
)
def test_model_ids(client: httpx.Client, path: str) -> None:
    """Any organisation/name answers, with a raw or an encoded slash, under openai/ too."""
    assert text_of(client.post(f"/models/v2/{path}", json=ASK))


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("shape/blocks", {"role": "assistant", "content": [{"type": "text", "text": "You said:"}]}),
        ("shape/string", {"role": "assistant", "content": "You said:"}),
        ("shape/bare", "You said:"),
        ("shape/generated-text", [{"generated_text": "You said:"}]),
    ],
)
def test_output_shape_by_model_id(client: httpx.Client, model: str, output: Any) -> None:
    """shape/… ids choose how `output` looks."""
    response = client.post(f"/models/v2/{model}", json={**ASK, "params": {"max_new_tokens": 2}})
    assert response.json() == {"error": None, "output": output}


def test_output_shape_by_setting() -> None:
    """The setting holds for every model, and a shape/… id still wins."""
    headers = {"authorization": "Key good"}
    with EmulatorServer(Settings(shape="string")) as server, httpx.Client(headers=headers) as client:
        output = client.post(server.base_url + GEMMA, json=ASK).json()["output"]
        assert output["content"].startswith("You said:")
        bare = client.post(f"{server.base_url}/models/v2/shape/bare", json=ASK).json()["output"]
        assert bare.startswith("You said:")


def test_models_that_do_not_exist(client: httpx.Client) -> None:
    """missing/… and unknown shapes are 404 in Bytez's words or with the known shapes."""
    response = client.post("/models/v2/missing/any", json=ASK)
    assert response.status_code == 404
    assert response.json() == {
        "error": "Model does not exist or has yet to be added to the Bytez catalog",
        "output": None,
    }
    response = client.post("/models/v2/shape/round", json=ASK)
    assert response.status_code == 404
    assert (
        response.json()["error"] == "shape/ must be followed by one of blocks, string, bare, generated-text"
    )


def test_stream_is_bare_text(client: httpx.Client) -> None:
    """A stream is the plain answer's text, chunked, labelled as SSE, headers first."""
    plain = text_of(client.post(GEMMA, json=ASK))
    with client.stream("POST", GEMMA, json={**ASK, "stream": True}) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["transfer-encoding"] == "chunked"
        assert_consistent_cost(response.headers)
        assert response.read().decode() == plain
    assert "\n\n" in plain


def test_list_models(client: httpx.Client) -> None:
    """Items have Bytez's fields; both filters narrow, an unlisted id gives none."""
    everything = client.get("/models/v2/list/models").json()
    assert everything["error"] is None
    fields = {"modelId", "task", "params", "ramRequired", "meter", "meterPrice"}
    assert all(set(item) == fields for item in everything["output"])
    one = client.get("/models/v2/list/models?modelId=google/gemma-3-4b-it").json()["output"]
    assert [item["task"] for item in one] == ["image-text-to-text"]
    assert one[0]["meterPrice"] == "0.000072 / sec"
    chat = client.get("/models/v2/list/models?task=chat").json()["output"]
    assert {item["task"] for item in chat} == {"chat"}
    assert client.get("/models/v2/list/models?modelId=nobody/nothing").json()["output"] == []
    both = client.get("/models/v2/list/models?task=chat&modelId=google/gemma-3-4b-it").json()["output"]
    assert both == []


def test_list_tasks(client: httpx.Client) -> None:
    """The tasks of the listed models, each once, and each task of Bytez's has a model."""
    tasks = client.get("/models/v2/list/tasks").json()["output"]
    assert tasks == sorted(TASKS)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/models/v2/openai/v1/embeddings", 404),
        ("GET", "/models/v2/openai/v1/chat/completions", 405),
        ("GET", "/models/v2/request/google/gemma-3-4b-it", 405),
        ("POST", "/models/v2/request/gemma", 404),
        ("POST", "/image/00", 405),
        ("GET", "/models/v2/list/else", 404),
        ("POST", "/models/v2/one-segment", 404),
        ("POST", "/models/v2/three/segments/here", 404),
        ("POST", "/models/v2/../etc%2F", 404),
        ("GET", "/", 404),
        ("GET", "/emulator/else", 404),
        ("GET", GEMMA, 405),
        ("POST", "/models/v2/list/models", 405),
        ("POST", "/emulator/requests", 405),
    ],
)
def test_other_paths_and_methods(client: httpx.Client, method: str, path: str, status: int) -> None:
    """What is not served is refused in JSON; a wrong method names the right one."""
    response = client.request(method, path, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert response.json()["output"] is None
    if status == 405:
        assert response.headers["allow"] in response.json()["error"].replace(" or ", ", ")
