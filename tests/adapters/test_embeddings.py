"""Embeddings on both wires: what is sent, and every shape of a reply."""

from typing import Any

import orjson
import pytest

from router.adapters.base import Completion, EmbeddingCall, Further, Uncarried, Upstream, Wire
from router.adapters.bytez import BytezAdapter
from router.adapters.bytez_embeddings import MAX_NUMBERS
from router.adapters.openai import OpenAIAdapter
from router.core.failure import Failure, FailureClass
from router.types import Secret

ONE = [1.0, 2.0]
PACKED = "AACAPwAAAEA="
BASE64 = {"encoding_format": "base64"}
USAGE = {"prompt_tokens": 3, "total_tokens": 3}


def openai(**changes: Any) -> Wire[EmbeddingCall]:
    upstream = Upstream("p", **{"base_url": "http://h/v1", "passthrough": frozenset(), **changes})
    return OpenAIAdapter(upstream, lambda: 1000.5).embedders("m")[0]


def bytez(**changes: Any) -> Wire[EmbeddingCall]:
    upstream = Upstream("bytez", **{"base_url": "https://api.bytez.com", **changes})
    return BytezAdapter(upstream, lambda: 1000.5).embedders("a/b")[0]


def call(given: Any = "x", **params: Any) -> EmbeddingCall:
    return EmbeddingCall("a/b", given, params)


def parse(
    wire: Wire[EmbeddingCall], asked: EmbeddingCall, reply: Any, status: int = 200, **headers: str
) -> Completion | Further | Failure:
    body = reply if isinstance(reply, bytes) else orjson.dumps(reply)
    return wire.parse(asked, status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def listed(*vectors: Any, **more: Any) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": "up", "usage": USAGE, **more}


def completed(result: Completion | Further | Failure) -> Completion:
    assert isinstance(result, Completion), result
    return result


def vectors(result: Completion | Further | Failure) -> list[Any]:
    return [item["embedding"] for item in completed(result).data["data"]]


# --- OpenAI


@pytest.mark.parametrize("given", ["x", ["x", "y"], [1, 2], [[1], [2]]])
def test_openai_request(given: Any) -> None:
    """Input and params go up as they are, to /embeddings, with the key."""
    request = openai(credential=Secret("k")).prepare(call(given, dimensions=2, encoding_format="base64"))
    assert (request.method, request.url) == ("POST", "http://h/v1/embeddings")
    assert orjson.loads(request.body) == {"model": "a/b", "input": given, "dimensions": 2, **BASE64}
    headers = dict(request.headers)
    assert isinstance(headers["authorization"], Secret)
    assert headers["authorization"].reveal() == "Bearer k"


def test_openai_params() -> None:
    """Embedding params go up; a chat's never do; others as the passthrough says."""
    for param in ("dimensions", "encoding_format", "user"):
        assert openai().carries(param, 1)
        assert openai().sends(param, 1) == param
    assert not openai().carries("input_type", 1)
    assert openai(passthrough=None).carries("input_type", 1)
    assert openai(passthrough=frozenset({"input_type"})).carries("input_type", 1)
    assert not openai(passthrough=None).carries("temperature", 1)
    assert openai().refuses(call([1])) is None


def test_openai_reply() -> None:
    """A reply in the form that is wanted is passed on as its bytes."""
    body = orjson.dumps(listed(ONE, ONE))
    reply = completed(parse(openai(), call(["x", "y"]), body))
    assert (reply.raw, reply.data, reply.cost) == (body, orjson.loads(body), None)


def test_openai_forms() -> None:
    """A server that ignores encoding_format, or always packs, is put right both ways."""
    assert vectors(parse(openai(), call(**BASE64), listed(ONE))) == [PACKED]
    assert vectors(parse(openai(), call(), listed(PACKED))) == [ONE]
    packed = completed(parse(openai(), call(**BASE64), listed(PACKED)))
    assert packed.raw is not None


def test_openai_mending() -> None:
    """Order comes from the index; model, object and usage are filled with what is known, or null."""
    first, second = ({"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]})
    reply = completed(parse(openai(), call(["x", "y"]), {"data": [first, second], "id": "e-1"}))
    assert reply.data == {**listed([1.0], [2.0], model="a/b", usage=None), "id": "e-1"}
    assert reply.raw is None
    unsound = completed(parse(openai(), call(), listed(ONE, usage={"prompt_tokens": "3"})))
    assert unsound.data["usage"] is None


@pytest.mark.parametrize(
    ("status", "reply", "kind"),
    [
        (401, {"error": {"message": "no"}}, FailureClass.AUTH),
        (429, {"error": {"message": "slow"}}, FailureClass.RATE_LIMITED),
        (200, {"error": {"message": "bad"}}, FailureClass.SERVER_ERROR),
        (200, b"nope", FailureClass.PROTOCOL),
        (200, listed(), FailureClass.PROTOCOL),
        (200, listed(ONE), FailureClass.PROTOCOL),
        (200, listed(ONE, [1.0]), FailureClass.PROTOCOL),
        (200, listed(ONE, None), FailureClass.PROTOCOL),
        (200, listed(None, None), FailureClass.PROTOCOL),
        (200, {"data": ["x", "y"]}, FailureClass.PROTOCOL),
        (200, {"data": [{"index": 0, "embedding": ONE}] * 2}, FailureClass.PROTOCOL),
        (200, {"data": {}}, FailureClass.PROTOCOL),
    ],
)
def test_openai_failures(status: int, reply: Any, kind: FailureClass) -> None:
    """Errors are classified; a reply without one vector of one length for each input is none."""
    failed = parse(openai(), call(["x", "y"]), reply, status)
    assert isinstance(failed, Failure)
    assert failed.kind is kind


# --- Bytez


def test_bytez_request() -> None:
    """One text natively, with Key; what the router sees to is not sent; unknown params go into params."""
    wire = bytez(credential=Secret("k"), auto_scale=True)
    request = wire.prepare(call("x", encoding_format="base64", user="u", pooling="cls"))
    assert request.url == "https://api.bytez.com/models/v2/a/b"
    assert orjson.loads(request.body) == {
        "text": "x",
        "params": {"user": "u", "pooling": "cls"},
        "autoScale": True,
    }
    headers = dict(request.headers)
    assert isinstance(headers["authorization"], Secret)
    assert headers["authorization"].reveal() == "Key k"
    assert orjson.loads(bytez().prepare(call("x", **BASE64)).body) == {"text": "x"}


@pytest.mark.parametrize("protocol", ["auto", "native", "openai"])
def test_bytez_has_embeddings_natively_only(protocol: str) -> None:
    """Whatever the protocol says of chats."""
    assert bytez(protocol=protocol).prepare(call()).url.endswith("/models/v2/a/b")


def test_bytez_params() -> None:
    """Dimensions and chat params are not carried; unknown ones as the passthrough says."""
    assert bytez().carries("pooling", "cls")
    assert not bytez(passthrough=frozenset({"other"})).carries("pooling", "cls")
    assert bytez(passthrough=frozenset({"pooling"})).carries("pooling", "cls")
    for param in ("dimensions", "temperature", "max_tokens"):
        assert not bytez().carries(param, 1)
    assert bytez().carries("encoding_format", "float")
    assert bytez().sends("encoding_format", "float") is None
    assert bytez().sends("user", "u") == "user"


def test_bytez_takes_texts() -> None:
    """Token ids are refused, before and by prepare alike."""
    assert bytez().refuses(call(["x"])) is None
    refusal = bytez().refuses(call([1, 2]))
    assert str(refusal).startswith("input: ")
    with pytest.raises(Uncarried, match=r"^input: "):
        bytez().prepare(call([1, 2]))


def test_bytez_one_text_after_the_other() -> None:
    """Each input is a request of its own; vectors come together in order, and costs add up."""
    asked = call(["x", "y"], **BASE64)
    further = parse(bytez(), asked, {"error": None, "output": ONE}, inference_cost="0.25")
    assert isinstance(further, Further)
    assert orjson.loads(bytez().prepare(further.call).body) == {"text": "y"}
    whole = completed(parse(bytez(), further.call, {"error": None, "output": ONE}, inference_cost="0.5"))
    assert whole.data == listed(PACKED, PACKED, model="a/b", usage=None)
    assert (whole.cost, whole.raw) == (0.75, None)
    unstated = completed(parse(bytez(), further.call, {"error": None, "output": ONE}))
    assert unstated.cost is None


@pytest.mark.parametrize("output", [ONE, [ONE], [[ONE]]])
def test_bytez_vectors(output: Any) -> None:
    """A vector is found flat, or alone in lists."""
    assert vectors(parse(bytez(), call(), {"error": None, "output": output})) == [ONE]


@pytest.mark.parametrize(
    ("status", "reply", "kind"),
    [
        (401, {"error": "Unauthorized", "output": None}, FailureClass.AUTH),
        (200, {"error": "out of memory", "output": None}, FailureClass.SERVER_ERROR),
        (200, {"error": None, "output": "Error: out of memory"}, FailureClass.SERVER_ERROR),
        (200, {"error": None, "output": "AACAPwAAAEA="}, FailureClass.PROTOCOL),
        (200, {"error": None, "output": [ONE, ONE]}, FailureClass.PROTOCOL),
        (200, {"error": None, "output": []}, FailureClass.PROTOCOL),
        (200, {"error": None}, FailureClass.PROTOCOL),
        (200, b"nope", FailureClass.PROTOCOL),
    ],
)
def test_bytez_failures(status: int, reply: Any, kind: FailureClass) -> None:
    """Errors hide anywhere; several vectors for one text (one a token) are not made into one."""
    failed = parse(bytez(), call(), reply, status)
    assert isinstance(failed, Failure)
    assert failed.kind is kind


def test_bytez_answers_are_bounded() -> None:
    """What all vectors together will take is known from the first, and refused when it is too much."""
    many = call(["x"] * 2048)
    allowed = parse(bytez(), many, {"error": None, "output": [0.5] * (MAX_NUMBERS // 2048)})
    assert isinstance(allowed, Further)
    failed = parse(bytez(), many, {"error": None, "output": [0.5] * (MAX_NUMBERS // 2048 + 1)})
    assert isinstance(failed, Failure)
    assert failed.kind is FailureClass.PROTOCOL


def test_bytez_lengths() -> None:
    """Vectors of different lengths are no answer."""
    further = parse(bytez(), call(["x", "y"]), {"error": None, "output": ONE})
    assert isinstance(further, Further)
    failed = parse(bytez(), further.call, {"error": None, "output": [1.0]})
    assert isinstance(failed, Failure)
    assert failed.kind is FailureClass.PROTOCOL
