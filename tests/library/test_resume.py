"""What another attempt's stream looks like to a caller who has some of the answer: pure state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import held, resume
from router.adapters.base import Chunk
from router.core.events import Send
from router.core.failure import Failure, FailureClass
from router.core.streams import OnBreak
from router.core.table import Route, Setting
from router.held import Held
from router.request import ChatRequest
from router.resume import Delivery, delivery_of
from tests.core.world import group, target

if TYPE_CHECKING:
    from collections.abc import Mapping

USER = {"role": "user", "content": "hi"}
BOTH = pytest.mark.parametrize("policy", [OnBreak.CONTINUE, OnBreak.SPLICE])


def chunk(delta: Mapping[str, Any], finish: str | None = None, *, id: str = "one", **more: Any) -> Chunk:  # noqa: A002 - OpenAI's name
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
    return Chunk({"id": id, "created": 1, "model": f"of {id}", "choices": [choice], **more})


def say(text: str, **more: Any) -> Chunk:
    return chunk({"content": text}, **more)


def request(policy: OnBreak, *, messages: tuple[dict[str, Any], ...] = (USER,), **params: Any) -> ChatRequest:
    defaults = {name: Setting(value, "f:1") for name, value in params.items()}
    route = Route((group(target("a/x", defaults=defaults), on_break=policy),))
    return ChatRequest(route=route, messages=messages, params={}, renames=(), stream=True)


def broken(policy: OnBreak, *chunks: Chunk) -> tuple[Delivery, ChatRequest]:
    """A delivery that took *chunks*, all given on untouched, and what a further attempt asks."""
    delivery = Delivery(policy)
    for item in chunks:
        assert delivery.take(item) is item
    return delivery, delivery.again(request(policy))


def text_of(*taken: Chunk | Failure | None) -> str:
    chunks = [item for item in taken if isinstance(item, Chunk)]
    return "".join(one["delta"].get("content") or "" for item in chunks for one in item.data["choices"])


ROLE = chunk({"role": "assistant", "content": ""})


# --- whether another attempt could go on


@pytest.mark.parametrize(
    ("policy", "params", "tracked"),
    [
        (OnBreak.FAIL, {}, False),
        (OnBreak.BUFFER, {}, False),
        (OnBreak.CONTINUE, {}, True),
        (OnBreak.SPLICE, {}, True),
        (OnBreak.CONTINUE, {"n": 1}, True),
        (OnBreak.CONTINUE, {"n": 2}, False),
        (OnBreak.SPLICE, {"n": 2}, False),
        (OnBreak.CONTINUE, {"response_format": {"type": "text"}}, True),
        (OnBreak.CONTINUE, {"response_format": {"type": "json_object"}}, False),
        (OnBreak.CONTINUE, {"response_format": "odd"}, False),
        (OnBreak.SPLICE, {"response_format": {"type": "json_object"}}, True),
    ],
)
def test_which_requests_can_be_taken_up(policy: OnBreak, params: dict[str, Any], tracked: bool) -> None:
    """Not those of other policies, not several answers, not JSON that would begin anew."""
    made = delivery_of(request(policy, **params), Send(1, 0, 0, until=1.0))
    assert (made is not None) is tracked


def test_an_answer_that_the_caller_began() -> None:
    """Which text would go on is not known, so it is not continued; repeating it is no question."""
    began = (USER, {"role": "assistant", "content": "Once"})
    send = Send(1, 0, 0, until=1.0)
    assert delivery_of(request(OnBreak.CONTINUE, messages=began), send) is None
    assert delivery_of(request(OnBreak.SPLICE, messages=began), send) is not None


@BOTH
@pytest.mark.parametrize(
    "beyond",
    [
        chunk({"tool_calls": [{"index": 0}]}),
        chunk({"reasoning_content": "hm"}),
        chunk({"refusal": "no"}),
        chunk({"audio": {"data": "AA"}}),
        chunk({"something_new": 1}),
        chunk({"content": [{"type": "text", "text": "x"}]}),
        chunk({}, "stop"),
        Chunk({"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": None}]}),
        Chunk({"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": []}}]}),
    ],
)
def test_only_text_can_be_taken_up(policy: OnBreak, beyond: Chunk) -> None:
    """Once anything but text was delivered, a break is a break."""
    delivery = Delivery(policy)
    for item in (ROLE, say("hel"), Chunk({"choices": []}), chunk({"content": None, "tool_calls": None})):
        delivery.take(item)
        assert delivery.resumable
    assert delivery.take(beyond) is beyond
    assert not delivery.resumable
    delivery.take(say("lo"))
    assert not delivery.resumable


@BOTH
def test_memory_is_bounded(policy: OnBreak, monkeypatch: pytest.MonkeyPatch) -> None:
    """More text than is kept cannot be taken up; all of it is given on."""
    monkeypatch.setattr(resume, "HOLD_BYTES", 10)
    delivery = Delivery(policy)
    assert delivery.take(say("0123456789")) is not None
    assert delivery.resumable
    assert delivery.take(say("a")) is not None
    assert not delivery.resumable


# --- continue


def test_continue_asks_for_the_rest() -> None:
    """The text so far is the last message, the assistant's; what the caller gave is not changed."""
    delivery, asked = broken(OnBreak.CONTINUE, ROLE, say("hel"), say("lo"))
    assert asked.messages == (USER, {"role": "assistant", "content": "hello"})
    delivery.take(say(" wor"))
    assert delivery.again(request(OnBreak.CONTINUE)).messages[-1]["content"] == "hello wor"


def test_continue_gives_the_new_text_on() -> None:
    """The role is not given twice; id and created stay; the model is the upstream's own."""
    delivery, _ = broken(OnBreak.CONTINUE, ROLE, say("hel"))
    assert delivery.take(chunk({"role": "assistant", "content": ""}, id="two")) is None
    both = delivery.take(chunk({"role": "assistant", "content": "lo"}, id="two", created=9))
    assert isinstance(both, Chunk)
    assert both.data == {
        "id": "one",
        "created": 1,
        "model": "of two",
        "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": None}],
    }
    assert both.commits
    end = delivery.take(chunk({}, "stop", id="two"))
    assert isinstance(end, Chunk)
    assert end.data["choices"][0]["finish_reason"] == "stop"
    assert not end.commits
    assert delivery.continued


def test_continue_states_no_usage() -> None:
    """The last attempt's figures count the text so far as read: they are not the answer's."""
    delivery, _ = broken(OnBreak.CONTINUE, say("hel", usage={"total_tokens": 3}))
    some = delivery.take(say("lo", usage={"total_tokens": 9}))
    assert isinstance(some, Chunk)
    assert some.data["usage"] is None
    assert delivery.take(Chunk({"id": "two", "choices": [], "usage": {"total_tokens": 9}})) is None


# --- splice


def test_splice_asks_the_same() -> None:
    """The request goes out as it was."""
    delivery, asked = broken(OnBreak.SPLICE, ROLE, say("hello"))
    assert asked.messages == (USER,)
    assert not delivery.continued


@given(text=st.text(min_size=1), cut=st.integers(0), sizes=st.lists(st.integers(1, 4), min_size=1))
def test_splice_swallows_what_is_repeated(text: str, cut: int, sizes: list[int]) -> None:
    """However the answers are cut into chunks, the caller gets the text once."""
    cut %= len(text) + 1
    delivery, _ = broken(OnBreak.SPLICE, ROLE, say(text[:cut]))
    pieces, at, turn = [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        pieces.append(say(text[at : at + size], id="two"))
        at, turn = at + size, turn + 1
    taken = [delivery.take(piece) for piece in (ROLE, *pieces, chunk({}, "stop"))]
    assert not any(isinstance(item, Failure) for item in taken)
    assert text[:cut] + text_of(*taken) == text
    assert {item.data["id"] for item in taken if isinstance(item, Chunk)} == {"one"}


@pytest.mark.parametrize(
    "other",
    [
        say("Hello"),
        say("help"),
        say("helloo"),
        chunk({"content": "hel", "tool_calls": [{"index": 0}]}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": ["hello"]}),
        chunk({"content": "hel"}, "length"),
        chunk({}, "stop"),
    ],
)
def test_splice_fails_on_any_difference(other: Chunk) -> None:
    """Another text, another kind of content, or an earlier end: a failure that no attempt makes good."""
    delivery, _ = broken(OnBreak.SPLICE, say("hello "))
    failure = delivery.take(other)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureClass.UNSUPPORTED
    assert not delivery.resumable


def test_splice_may_break_again() -> None:
    """A break while the text is repeated, or after it, starts over with all that was delivered."""
    delivery, _ = broken(OnBreak.SPLICE, say("hello "))
    assert delivery.take(say("hel")) is None
    assert delivery.resumable
    delivery.again(request(OnBreak.SPLICE))
    assert text_of(delivery.take(say("hello w"))) == "w"
    delivery.again(request(OnBreak.SPLICE))
    assert text_of(delivery.take(say("hello wor")), delivery.take(say("ld"))) == "orld"


def test_splice_states_the_usage_of_the_answer() -> None:
    """The last answer is the whole answer, and so are its figures; those of a part are swallowed."""
    delivery, _ = broken(OnBreak.SPLICE, say("hello"))
    assert delivery.take(say("hel", usage={"total_tokens": 1})) is None
    assert delivery.take(Chunk({"id": "two", "choices": [], "usage": {"total_tokens": 1}})) is None
    assert text_of(delivery.take(say("lo!"))) == "!"
    last = delivery.take(Chunk({"id": "two", "choices": [], "usage": {"total_tokens": 9}}))
    assert isinstance(last, Chunk)
    assert last.data == {"id": "one", "created": 1, "choices": [], "usage": {"total_tokens": 9}}


# --- what is held


def test_held_chunks_come_out_as_they_were() -> None:
    """In order, with the upstream's bytes where they were untouched; sizes are counted."""
    first = Chunk({"id": "é"}, raw='{"id": "é"}'.encode())
    second = Chunk({"choices": [], "usage": {"total_tokens": 2}}, commits=True)
    queue = Held()
    assert not queue
    queue.append(first)
    assert (queue.content, queue.usage) == (False, None)
    queue.append(second)
    assert (len(queue), queue.content, queue.usage) == (2, True, {"total_tokens": 2})
    assert queue.size == len('{"id": "é"}'.encode()) + len('{"choices":[],"usage":{"total_tokens":2}}')
    assert [queue.popleft(), queue.popleft()] == [first, second]
    assert (queue.size, len(queue)) == (0, 0)
    queue.append(first)
    queue.clear()
    assert (queue.size, len(queue)) == (0, 0)
    assert held.HOLD_BYTES == 8 * 1024 * 1024
