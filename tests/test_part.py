"""What a request comes to in its part of the shared state is what it comes to in all of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from router.core.delays import Hedge
from router.core.events import Started
from router.core.failure import FailureClass
from router.core.health import Ejection
from router.core.limits import Limits, Scope
from router.core.table import Retries
from router.part import part_of
from router.virtual import Reply, Script, Timeline, failing
from tests.core.crowd import BAD, OK, Caller, Crowd, broken
from tests.core.world import Reply as Told
from tests.core.world import group, target

if TYPE_CHECKING:
    from router.core.events import Event
    from router.core.state import Chain, Shared
    from router.core.table import Group
    from tests.core.world import World

_NAMES = ["a/x", "a/y", "b/x", "c/x"]
_LIMITS = st.sampled_from(
    [
        None,
        Limits(concurrency=1, max_wait_s=3.0),
        Limits(rpm=2, max_wait_s=80.0),
        Limits(tpm=20, max_wait_s=80.0),
        Limits(adaptive=True, max_wait_s=0.5),
        Limits(concurrency=1, rpm=3, max_wait_s=0.0),
    ]
)


@st.composite
def _groups(draw: st.DrawFn, name: str) -> Group:
    chosen = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True))
    return group(
        *[
            target(one, tier=draw(st.sampled_from([1, 1, 2])), weight=1, limits=draw(_LIMITS))
            for one in chosen
        ],
        name=name + draw(st.sampled_from(["", "", "*"])),
        retries=Retries(max=draw(st.integers(0, 3)), max_wait_s=draw(st.sampled_from([0.5, 5.0]))),
        ejection=Ejection(2, 0.5, 1.0, 3.0),
        hedge=draw(st.sampled_from([None, Hedge(0.1), Hedge(after_s=None)])),
        limits=draw(_LIMITS),
        timeout_s=draw(st.sampled_from([30.0, 100.0, 2.0])),
    )


_CALLERS = st.lists(
    st.builds(
        Caller,
        gap_s=st.sampled_from([0.0, 0.0, 0.05, 2.0, 20.0]),
        asked=st.integers(0, 2),
        stream=st.booleans(),
        tokens=st.sampled_from([0, 7, 30]),
    ),
    min_size=1,
    max_size=6,
).map(lambda some: some * 4)
_WEATHER = st.lists(
    st.sampled_from(
        [
            OK,
            Told(after_s=0.3),
            Told(after_s=8.0, content_s=0.2),
            BAD,
            broken(FailureClass.RATE_LIMITED, 3.0),
            broken(FailureClass.AUTH),
        ]
    ),
    min_size=1,
    max_size=3,
)
_REPLIES = st.lists(
    st.sampled_from(
        [
            Reply(),
            Reply(after_s=0.3, tokens=3),
            failing(FailureClass.SERVER_ERROR, after_s=0.1),
            failing(FailureClass.RATE_LIMITED, hint_s=1.0),
            failing(FailureClass.AUTH),
        ]
    ),
    min_size=1,
    max_size=4,
)


def _story(
    crowd: Crowd, shared: Shared, chain: Chain, now: float, replies: dict[str, list[Reply]]
) -> tuple[Any, ...]:
    timeline = Timeline(crowd.plan, shared=shared, now=now)
    story = timeline.play(chain, Script(replies))
    return story.chain, story.sends, story.end, story.ended, story.content


@settings(max_examples=max(30, settings().max_examples // 4))  # Each plays a crowd, and is slow to trace.
@given(data=st.data())
def test_a_request_comes_to_the_same_in_its_part(data: st.DataObject) -> None:
    """Whoever waits, whatever is in flight, limited, cooling, ejected or learned; nothing is changed."""
    draw = data.draw
    groups = [draw(_groups(f"g{index}")) for index in range(draw(st.integers(1, 3)))]
    limits = {name: one for name in "abc" if (one := draw(_LIMITS)) is not None}
    keys = draw(st.sampled_from([{"a": "env:A", "b": "env:A"}, {"a": "env:A1 env:A2"}]))
    crowd = Crowd(groups, credentials=keys, limits=limits)
    callers = [replace(one, asked=one.asked % len(groups)) for one in draw(_CALLERS)]
    replies = {name: draw(_REPLIES) for name in _NAMES}
    asked, tokens = draw(st.integers(0, len(groups) - 1)), draw(st.sampled_from([0, 7, 30]))
    looks = iter(range(10_000))
    every, stream = draw(st.integers(1, 7)), draw(st.booleans())

    def look(one: World, _happens: Event, happen: Any) -> None:
        happen()
        if next(looks) % every:
            return
        crowd.now = one.now
        chain = crowd.arrive(asked, stream=stream, tokens=tokens).chain
        crowd.worlds.pop()
        before = copy.deepcopy(crowd.shared)
        part = part_of(crowd.plan, crowd.shared, chain)
        told = _story(crowd, part, copy.deepcopy(chain), one.now, replies)
        assert crowd.shared == before
        assert told == _story(crowd, before, copy.deepcopy(chain), one.now, replies)
        event(f"somebody waits: {bool(crowd.shared.lines.lines)}")
        event(f"it waits: {told[3] > one.now}")

    crowd.run(callers, {name: draw(_WEATHER) for name in _NAMES}, look)


def test_nothing_is_taken_of_what_it_cannot_meet() -> None:
    """However much there is of other targets, groups, limits and lines: the part does not grow with it."""
    one = Limits(concurrency=1, max_wait_s=60.0)
    crowd = Crowd([group(f"p{n}/x", name=f"g{n}", limits=one, retries=Retries(max=0)) for n in range(9)])
    routes = {  # Each its own: without the fallbacks of a crowd.
        name: replace(route, groups=route.groups[:1], lists={}) for name, route in crowd.plan.routes.items()
    }
    crowd.plan = replace(crowd.plan, routes=routes)
    for asked in [*range(9)] * 3:
        crowd.arrive(asked).step(Started())
    assert len(crowd.shared.lines.lines) == 9
    part = part_of(crowd.plan, crowd.shared, crowd.arrive(0).chain)
    assert [key[0] for key in part.lines.lines] == ["g0"]
    assert (list(part.loads.in_flight), list(part.rooms.usages)) == (["p0/x"], [Scope("group", "g0")])
    assert list(part.budgets) == ["g0"]
