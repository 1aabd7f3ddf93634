"""With an upstream a real model answers, in Bytez's protocol."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import orjson
import pytest
from bytez import Bytez

from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings, UpstreamSettings
from router.types import Secret
from tests.emulator.upstreams import DONE, Script, ScriptedUpstream, Step, chunk, completion

if TYPE_CHECKING:
    from collections.abc import Iterator

GEMMA = "/models/v2/google/gemma-3-4b-it"
CHAT = "/models/v2/openai/v1/chat/completions"
ASK = {"messages": [{"role": "user", "content": "Hello"}]}
OPENAI_ASK = {**ASK, "model": "google/gemma-3-4b-it"}
USAGE = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
PIECES: list[Step] = [
    chunk(delta={"role": "assistant", "content": ""}),
    chunk(delta={"content": "Grüß"}),
    chunk(delta={"content": " dich"}),
    chunk(delta={}, finish_reason="stop"),
    DONE,
]


@contextmanager
def emulated(*scripts: Script, **settings: Any) -> Iterator[tuple[httpx.Client, ScriptedUpstream]]:
    """An emulator in front of a scripted server, and a client of the emulator."""
    with ScriptedUpstream(list(scripts)) as upstream:
        told = Settings(upstream=UpstreamSettings(upstream.url, **settings))
        headers = {"authorization": "Key good"}
        with (
            EmulatorServer(told) as server,
            httpx.Client(base_url=server.base_url, headers=headers, timeout=10) as client,
        ):
            yield client, upstream


def whole(text: str = "Grüß dich", **more: Any) -> Script:
    return Script([completion(text, **more)])


def streamed(*steps: Step) -> Script:
    return Script(list(steps), content_type="text/event-stream")


def test_native_answer_is_the_models() -> None:
    """The prompt goes up in OpenAI's form with params by OpenAI's names; the text comes back natively."""
    with emulated(whole(), model="gemma", key=Secret("sk-up")) as (client, upstream):
        params = {"max_new_tokens": 5, "temperature": 0.5, "top_k": 3, "max_retries": 2}
        reply = client.post(GEMMA, json={**ASK, "params": params})
        assert reply.json() == {
            "error": None,
            "output": {"role": "assistant", "content": [{"type": "text", "text": "Grüß dich"}]},
        }
        assert reply.headers["inference-cost"] == "0.000072"
        path, headers, body = upstream.asked[0]
        assert path == "/v1/chat/completions"
        assert headers["authorization"] == "Bearer sk-up"
        assert body == {
            "model": "gemma",
            "messages": ASK["messages"],
            "stream": False,
            "temperature": 0.5,
            "top_k": 3,
            "max_tokens": 5,
        }


def test_media_go_up_as_openais_parts() -> None:
    """Bytez's blocks become OpenAI's parts: URL, data URL, and audio as data."""
    blocks = [
        {"type": "text", "text": "Look"},
        {"type": "image", "url": "https://example.org/cat.png"},
        {"type": "image", "base64": "data:image/webp;base64,aGk="},
        {"type": "image", "base64": "aGk="},
        {"type": "audio", "base64": "data:audio/mp3;base64,aGk="},
        {"type": "audio", "base64": "aGk="},
    ]
    with emulated(whole()) as (client, upstream):
        client.post(GEMMA, json={"messages": [{"role": "user", "content": blocks}]})
        assert upstream.asked[0][2]["messages"][0]["content"] == [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
            {"type": "image_url", "image_url": {"url": "data:image/webp;base64,aGk="}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        ]
        assert "authorization" not in upstream.asked[0][1]
        assert upstream.asked[0][2]["model"] == "google/gemma-3-4b-it"


def test_native_stream_is_not_buffered() -> None:
    """Each piece is there before the next one is sent, however long that takes."""
    go = threading.Event()
    script = streamed(PIECES[1], go, *PIECES[2:])
    with (
        emulated(script) as (client, upstream),
        client.stream("POST", GEMMA, json={**ASK, "stream": True}) as response,
    ):
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        parts = response.iter_bytes()
        first = b""
        while len(first) < len("Grüß".encode()):
            first += next(parts)
        assert first.decode() == "Grüß"
        go.set()
        assert b"".join(parts).decode() == " dich"
        assert upstream.asked[0][2]["stream"] is True


@pytest.mark.parametrize("model", ["google/gemma-3-4b-it", "container/gemma"])
def test_openai_routes_pass_it_on(model: str) -> None:
    """Text, finish reason and usage are the model's own, plain and streamed; unknown params go up."""
    last = b"data: " + orjson.dumps({"choices": [], "usage": USAGE}) + b"\n\n"
    both = (whole(usage=USAGE), streamed(*PIECES[:-1], last, DONE))
    with emulated(*both) as (client, upstream):
        boxed = model.startswith("container/")
        more = {} if boxed else {"top_k": 3}
        reply = client.post(CHAT, json={**OPENAI_ASK, "model": model, **more}).json()
        assert reply["choices"][0]["message"]["content"] == "Grüß dich"
        assert reply["usage"] == USAGE
        assert upstream.asked[0][2] == {**OPENAI_ASK, "model": model, "stream": False, **more}
        options = {} if boxed else {"stream_options": {"include_usage": True}}
        text = client.post(CHAT, json={**OPENAI_ASK, "model": model, "stream": True, **options}).text
        chunks = [orjson.loads(event[6:]) for event in text.strip().split("\n\n")[:-1]]
        said = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
        assert "".join(said) == "Grüß dich"
        assert ("usage" in chunks[-1]) is not boxed
        assert upstream.asked[1][2].get("stream_options") == options.get("stream_options")


def test_nothing_is_made_up() -> None:
    """Without usage and finish reason from the model there are none."""
    bare = Script([b'{"choices":[{"message":{"content":"Hi"}}]}'])
    with emulated(bare) as (client, _):
        reply = client.post(CHAT, json=OPENAI_ASK).json()
        assert "usage" not in reply
        assert reply["choices"][0]["finish_reason"] is None
        closed = client.post("/models/v2/openai/gpt-4o", json=ASK).json()["provider"]
        assert "usage" not in closed


def test_empty_answer_has_no_empty_block() -> None:
    """A model that says nothing gives no block: LiteLLM raises on an empty one."""
    with emulated(whole("")) as (client, _):
        assert client.post(GEMMA, json=ASK).json()["output"]["content"] == []


def test_tool_calls_are_passed_on() -> None:
    """Tools go up; the calls come back, plain and streamed."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    plain = Script([orjson.dumps({"choices": [{"message": {"content": None, "tool_calls": [call]}}]})])
    events = streamed(
        chunk(delta={"tool_calls": [{"index": 0, **call}]}), chunk(delta={}, finish_reason="tool_calls"), DONE
    )
    tools = [{"type": "function", "function": {"name": "f"}}]
    with emulated(plain, events) as (client, upstream):
        message = client.post(CHAT, json={**OPENAI_ASK, "tools": tools}).json()["choices"][0]["message"]
        assert message["tool_calls"] == [call]
        text = client.post(CHAT, json={**OPENAI_ASK, "tools": tools, "stream": True}).text
        assert '"tool_calls":[{"index":0,"id":"c"' in text
        assert '"finish_reason":"tool_calls"' in text
        assert upstream.asked[0][2]["tools"] == tools


@pytest.mark.parametrize("path", ["completions", "responses"])
def test_other_routes_ask_the_chat_route(path: str) -> None:
    """Completions and responses reach the same model, as chats."""
    bodies = {
        "completions": {"model": "openai-community/gpt2", "prompt": "Hello", "max_tokens": 3, "echo": False},
        "responses": {"model": "openai/gpt-4o", "input": "Hello", "max_output_tokens": 3, "temperature": 1},
    }
    with emulated(whole()) as (client, upstream):
        reply = client.post(f"/models/v2/openai/v1/{path}", json=bodies[path])
        assert "Grüß dich" in reply.text
        asked = upstream.asked[0][2]
        assert asked["messages"] == ASK["messages"]
        assert asked["max_tokens"] == 3
        assert set(asked) <= {"model", "messages", "stream", "max_tokens", "temperature"}


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        (Script([b'{"error":{"message":"too long"}}'], 400), 400, "the upstream answered 400: too long"),
        (Script([b'{"error":"slow down"}'], 429), 429, "the upstream answered 429: slow down"),
        (Script([b"plain words"], 404), 404, "the upstream answered 404: plain words"),
        (Script([b'{"error":{"message":"bad key sk-up"}}'], 401), 502, "the upstream answered 401"),
        (Script([b"oops"], 500), 502, "the upstream answered 500"),
        (Script([None], 400), 400, "the upstream answered 400: RemoteProtocolError"),
        (Script([b"no json"]), 502, "the upstream broke off: the upstream did not send JSON"),
        (Script([b"[]"]), 502, "the upstream broke off: the upstream sent an error in place of an answer"),
        (Script([b'{"choices":', None]), 502, "the upstream broke off: RemoteProtocolError"),
    ],
)
def test_failures_before_an_answer(script: Script, status: int, message: str) -> None:
    """What the upstream says of the request is passed on, its own trouble is a 502 without its words."""
    with emulated(script, key=Secret("sk-up")) as (client, _):
        reply = client.post(GEMMA, json=ASK)
        assert (reply.status_code, reply.json()) == (status, {"error": message, "output": None})
        assert reply.headers["inference-cost"] == "0.000000"


@pytest.mark.parametrize(
    "steps",
    [
        (PIECES[1], None),
        (PIECES[1],),
        (PIECES[1], b"data: nonsense\n\n"),
        (PIECES[1], b'data: {"error":{"message":"boom"}}\n\n'),
        (PIECES[1], b"data: " + b"x" * 9_000_000),
    ],
    ids=["cut", "no-end", "no-json", "error", "too-large"],
)
def test_stream_that_breaks_off_is_cut(steps: tuple[Step, ...]) -> None:
    """An answer that ends in the middle is never a whole one: the connection is cut."""
    with (
        emulated(streamed(*steps)) as (client, _),
        client.stream("POST", GEMMA, json={**ASK, "stream": True}) as response,
    ):
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()


def test_upstream_that_is_not_there() -> None:
    """A refused connection is a 503, silence beyond the time a 504, a body that stops a 502."""
    settings = Settings(upstream=UpstreamSettings("http://127.0.0.1:1/v1"))
    with EmulatorServer(settings) as server:
        headers = {"authorization": "Key good"}
        reply = httpx.post(server.base_url + GEMMA, json=ASK, headers=headers)
        assert reply.status_code == 503
        assert reply.json()["error"].startswith("the upstream does not answer")
    for status, expected in ((0, 504), (200, 502)):
        stalled = Script([threading.Event()], status)
        with emulated(stalled, timeout_s=0.1) as (client, _):
            assert client.post(GEMMA, json=ASK).status_code == expected


def test_reply_is_bounded() -> None:
    """More bytes than allowed are not kept."""
    with emulated(whole("x" * 1_000), max_reply_bytes=500) as (client, _):
        reply = client.post(GEMMA, json=ASK)
        assert reply.status_code == 502
        assert "larger than" in reply.json()["error"]


def test_client_that_leaves_ends_the_upstreams_work() -> None:
    """When the client closes its stream, the upstream's connection is closed too."""
    with emulated(streamed(PIECES[1], threading.Event())) as (client, upstream):
        response = client.send(client.build_request("POST", GEMMA, json={**ASK, "stream": True}), stream=True)
        next(response.iter_bytes())
        response.close()
        assert upstream.left.wait(10)


def test_client_that_leaves_before_the_answer() -> None:
    """So it is when nothing has come yet."""
    with emulated(Script([threading.Event()])) as (client, upstream):
        with pytest.raises(httpx.ReadTimeout):
            client.post(GEMMA, json=ASK, timeout=0.3)
        assert upstream.left.wait(10)


def test_error_text_after_a_real_stream() -> None:
    """The fault's text follows the model's own."""
    with emulated(streamed(*PIECES)) as (client, _):
        reply = client.post("/models/v2/faulty/stream-error-text", json={**ASK, "stream": True})
        assert reply.text == "Grüß dich\nError: CUDA out of memory"


def test_half_a_real_stream_is_its_beginning() -> None:
    """How long it would be is not known: eight pieces go out before the cut."""
    pieces = [chunk(delta={"content": f"{number} "}) for number in range(20)]
    with (
        emulated(streamed(*pieces, DONE)) as (client, _),
        client.stream("POST", "/models/v2/faulty/stream-cut", json={**ASK, "stream": True}) as response,
    ):
        parts = response.iter_bytes()
        seen = b"".join(_until_cut(parts))
    assert seen == b"0 1 2 3 4 5 6 7 "


def _until_cut(parts: Iterator[bytes]) -> Iterator[bytes]:
    with pytest.raises(httpx.RemoteProtocolError):
        yield from parts


def test_wishes_go_up_as_they_are() -> None:
    """Nothing is made up from tools, formats and stops that a real model will see."""
    deep: dict[str, Any] = {"$ref": "#"}
    wishes = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "d", "schema": deep}},
        "stop": ["G"],
    }
    with emulated(whole()) as (client, upstream):
        reply = client.post(CHAT, json={**OPENAI_ASK, **wishes}).json()
        assert reply["choices"][0]["message"]["content"] == "Grüß dich"
        assert {name: upstream.asked[0][2][name] for name in wishes} == wishes


def test_what_would_be_lost_is_refused() -> None:
    """Several answers, and tools of the responses route, do not reach a real model."""
    tools = [{"type": "function", "name": "f"}]
    responses = {"model": "openai/gpt-4o", "input": "Hi", "tools": tools}
    with emulated(whole()) as (client, upstream):
        assert client.post(CHAT, json={**OPENAI_ASK, "n": 2}).status_code == 400
        assert client.post("/models/v2/openai/v1/responses", json=responses).status_code == 400
        assert upstream.asked == []


def test_log_probabilities_are_not_made_up() -> None:
    """Those of the emulator's own tokens do not go with a real model's text."""
    with emulated(whole()) as (client, upstream):
        reply = client.post(CHAT, json={**OPENAI_ASK, "logprobs": True}).json()
        assert reply["choices"][0]["logprobs"] is None
        assert upstream.asked[0][2]["logprobs"] is True


def test_the_sdk_sees_a_model() -> None:
    """The unmodified Bytez SDK gets the model's text, plain and streamed."""
    with emulated(whole(), streamed(*PIECES)) as (client, _):
        sdk = Bytez("good")
        sdk._client.host = f"{client.base_url}/models/v2/"
        model = sdk.model("google/gemma-3-4b-it")
        assert model.run("Hello").output["content"][0]["text"] == "Grüß dich"
        assert "".join(model.run("Hello", stream=True)) == "Grüß dich"


def test_key_is_not_shown() -> None:
    """The settings' repr does not hold the upstream's key."""
    assert "sk-up" not in repr(UpstreamSettings("http://x", key=Secret("sk-up")))
