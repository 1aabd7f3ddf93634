"""Streams: invariants 29, 30 and 31."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from router.core.chain import IllegalEvent
from router.core.events import Cancelled, Ended, Finish, FirstContent, Started, TimerFired
from router.core.state import Phase
from router.core.streams import OnBreak
from tests.core.crowd import end_of
from tests.core.strategies import SPEAKING, worlds
from tests.property.crowds import MANY, played, tell
from tests.property.gateway import Answer, answers, ask_gateway

if TYPE_CHECKING:
    from tests.core.world import Reply, World

RESUMING = (OnBreak.CONTINUE, OnBreak.SPLICE)
POLICIES = st.sampled_from(OnBreak)


# --- the core


@given(one=worlds(streams=True, policies=True), script=SPEAKING, other=st.integers(1, 5))
def test_invariant_29_content_comes_from_one_attempt(one: World, script: list[Reply], other: int) -> None:
    """Once an attempt gave its first content, no first content of any is accepted until its stream broke."""
    one.step(Started())
    commits = 0
    while not one.is_over():
        at, happens = one.next(lambda send: script[(send.attempt - 1) % len(script)])
        one.step(happens, after=at - one.now)
        if one.chain.phase is Phase.COMMITTED:
            commits += 1
            for number in {other, len(one.chain.attempts)}:
                with pytest.raises(IllegalEvent):
                    one.step(FirstContent(number))
    event(f"committed {min(commits, 3)} times")


@given(one=worlds(streams=True, policies=True), script=SPEAKING)
def test_invariant_30_only_on_break_lets_an_attempt_start(one: World, script: list[Reply]) -> None:
    """After the first content an attempt starts only where on_break says so, and only on who can go on."""
    one.step(Started())
    first, sent = 0, 0
    while not one.is_over():
        at, happens = one.next(lambda send: script[(send.attempt - 1) % len(script)])
        one.step(happens, after=at - one.now)
        if isinstance(happens, FirstContent) and not first:
            first, sent = happens.attempt, len(one.chain.attempts)
    assume(first)
    at_first = one.chain.attempts[first - 1].group
    group = one.chain.route.groups[at_first]
    for attempt in one.chain.attempts[sent:]:
        event(f"an attempt after the first content: {group.on_break}")
        assert group.on_break in RESUMING
        assert attempt.group == at_first
        target = one.chain.target_of(attempt)
        assert target.prefill if group.on_break is OnBreak.CONTINUE else target.deterministic
        before = one.before(attempt)[-1]
        spoke = FirstContent(before.number) in [item for _, item in one.events]
        assert script[(before.number - 1) % len(script)].resumable or not spoke
    event(f"a committed stream: {end_of(one)}")


@given(requests=played(streams=True))
def test_invariant_30_after_commitment_no_attempt_starts(requests: list[World]) -> None:
    """Without a policy nothing is sent after the first content; before it, failures are made good."""
    tell(requests)
    for one in requests:
        times = [number for number, (_, item) in enumerate(one.events) if isinstance(item, FirstContent)]
        if times:
            assert len(times) == 1
            rest = [item for _, item in one.events[times[0] + 1 :] if not isinstance(item, TimerFired)]
            assert len(rest) == 1
            assert isinstance(rest[0], Ended | Cancelled)
            committed = one.events[times[0]][1]
            assert isinstance(committed, FirstContent)
            at = one.events[times[0]][0]
            others = [item for item in one.chain.attempts if item.number != committed.attempt]
            assert all(item.ended is not None and item.ended <= at for item in others)
            event(f"a committed stream: {end_of(one)}")
        elif len(one.chain.attempts) > 1 and isinstance(one.actions[-1][1], Finish):
            event("failures stayed unseen")


# --- the driver and the gateway, over a transport in memory


@MANY
@given(policy=POLICIES, script=answers())
def test_invariant_29_delivered_text(policy: OnBreak, script: list[Answer]) -> None:
    """What is delivered is the text of one attempt, or of several as the policy says, never a part twice."""
    got = ask_gateway(policy, script)
    texts = [answer.said for answer in script[: len(got.asked)]]
    spoke = [text for text in texts if text]
    event(f"{policy}: {'whole' if got.ended_well else 'broken'} after {min(len(spoke), 3)} that spoke")
    if policy is OnBreak.CONTINUE:
        assert got.text == "".join(spoke)
        for number, asked in enumerate(got.asked):
            so_far = "".join(texts[:number])
            begun = [{"role": "assistant", "content": so_far}] if so_far else []
            assert asked["messages"][1:] == begun
    elif policy is OnBreak.SPLICE:
        assert not got.text or any(text.startswith(got.text) for text in spoke)
        if got.ended_well:
            assert got.text == texts[-1]
    elif policy is OnBreak.BUFFER:
        assert got.text == (texts[-1] if got.ended_well else "")
    else:
        assert got.text == (spoke[0] if spoke else "")
        assert len(spoke) <= 1
    if got.ended_well:
        assert script[len(got.asked) - 1].whole


@given(policy=POLICIES, script=answers())
def test_invariant_31_one_end(policy: OnBreak, script: list[Answer]) -> None:
    """A stream ends in a finish reason and [DONE], or in one error event, or has a status of its own."""
    got = ask_gateway(policy, script)
    event(f"{policy}: status {got.status}, {'[DONE]' if got.ended_well else 'an error'}")
    if got.status != 200:
        assert got.events == []
        return
    *rest, last = got.events
    assert "[DONE]" not in rest
    assert not any("error" in json.loads(item) for item in rest)
    reasons = [choice["finish_reason"] for item in rest for choice in json.loads(item)["choices"]]
    assert sum(reason is not None for reason in reasons) <= 1
    if last == "[DONE]":
        assert reasons[-1] == "stop"
    else:
        assert json.loads(last)["error"]["code"] in ("stream_interrupted", "all_attempts_failed")
