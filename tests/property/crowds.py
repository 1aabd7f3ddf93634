"""Random crowds: a few groups over a few targets, weather for each target, callers who overlap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import event, note, settings
from hypothesis import strategies as st

from router.core.failure import Failure, FailureClass
from router.core.health import Ejection
from router.core.table import Group, Retries
from tests.core.crowd import BAD, OK, Caller, Crowd, asked, broken, end_of
from tests.core.strategies import DRAWS, HEDGES, KEYS, SCRIPTS, at_least, play, worlds
from tests.core.world import TABLE, Reply, group, target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from router.core.state import Attempt
    from tests.core.crowd import Look
    from tests.core.world import Standing, World

_POOL = [
    target(name, tier=tier, weight=weight)
    for name, tier, weight in (
        ("a/x", 1, 1),
        ("a/y", 2, 1),
        ("b/x", 1, 2),
        ("c/x", 1, 1),
        ("d/x", 2, 1),
        ("e/x", 1, 0),
    )
]
_INDEXES = st.integers(0, len(_POOL) - 1)
_EJECTIONS = [Ejection(2, 0.5, 1.0, 3.0), Ejection(2, 0.5, 5.0, 20.0), Ejection(), None]
_RETRIES = st.builds(
    Retries,
    max=st.sampled_from([1, 2, 3, 0]),
    max_wait_s=st.sampled_from([5.0, 0.5]),
    base_s=st.sampled_from([0.25, 2.0]),
)


@st.composite
def _groups(draw: st.DrawFn, name: str) -> Group:
    return group(
        *[_POOL[at] for at in draw(st.lists(_INDEXES, min_size=1, max_size=3, unique=True))],
        name=name,
        retries=draw(_RETRIES),
        max_attempts=draw(st.sampled_from([8, 8, 3, 2])),
        timeout_s=draw(st.sampled_from([30.0, 30.0, 2.0])),
        attempt_timeout_s=draw(st.sampled_from([None, 1.0, 1000.0])),
        ejection=draw(st.sampled_from(_EJECTIONS)),
        hedge=draw(HEDGES),
    )


_REPLIES = st.sampled_from(
    [
        OK,
        OK,
        BAD,
        BAD,
        Reply(after_s=8.0),
        Reply(after_s=math.inf),
        broken(FailureClass.CONNECTION),
        broken(FailureClass.RATE_LIMITED),
        broken(FailureClass.RATE_LIMITED, 3.0),
        broken(FailureClass.OVERLOADED, 0.4),
        broken(FailureClass.OVERLOADED, 300.0),
        broken(FailureClass.AUTH),
        broken(FailureClass.NOT_FOUND),
        broken(FailureClass.UNSUPPORTED),
        broken(FailureClass.BAD_REQUEST),
        broken(FailureClass.CONTENT_POLICY),
        Reply(after_s=1.0, content_s=0.1),
        Reply(Failure(FailureClass.PROTOCOL), after_s=1.0, content_s=0.1),
    ]
)
_WEATHER = st.sampled_from(
    [
        [OK],
        [BAD],
        [BAD] * 4 + [OK],
        [Reply(after_s=8.0)],
        [broken(FailureClass.RATE_LIMITED, 3.0)],
        [broken(FailureClass.SERVER_ERROR, 3.0)],
        [broken(FailureClass.BAD_REQUEST)],
    ]
) | st.lists(_REPLIES, min_size=1, max_size=4)

MANY = settings(max_examples=at_least(300))
"""For properties whose case is rare."""
CALLERS = st.lists(
    st.builds(
        Caller,
        gap_s=st.sampled_from([0.0, 0.05, 0.3, 2.0, 7.0, 20.0]),
        asked=st.sampled_from([0, 0, 1, 2]),
        stream=st.booleans(),
        leaves_s=st.sampled_from([None, None, None, None, 0.05, 1.0]),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def crowds(draw: st.DrawFn, look: Look | None = None) -> Crowd:
    """A crowd after all of it happened; *look* saw each event."""
    count = draw(st.sampled_from([1, 2, 2, 3]))
    crowd = Crowd(
        [draw(_groups(f"g{index}")) for index in range(count)],
        credentials={name: key for name, key in KEYS.items() if key},
        draws=draw(DRAWS),
    )
    if draw(st.booleans()):
        _set_aside(draw, crowd)
    run(draw, crowd, look)
    return crowd


def _set_aside(draw: st.DrawFn, crowd: Crowd) -> None:
    """Some targets are cooling or ejected when the first request comes, each for its own time."""
    for one in crowd.groups:
        for item in one.targets:
            eject_s, cool_s = draw(
                st.sampled_from([(5.0, 0.0), (60.0, 0.0), (9.0, 20.0), (0.0, 30.0), (0.0, 0.0)])
            )
            health = crowd.shared.health_of(one, item)
            if eject_s and health.ejected_at is None:
                health.eject(Ejection(base_s=eject_s, cap_s=eject_s), crowd.now, 0.5)
            health.cool(crowd.now + cool_s)


def run(draw: st.DrawFn, crowd: Crowd, look: Look | None = None) -> None:
    """Let a drawn crowd of callers meet drawn weather."""
    callers = draw(CALLERS) * draw(st.sampled_from([10, 4, 1]))
    callers = [Caller(one.gap_s, one.asked % len(crowd.groups), one.stream, one.leaves_s) for one in callers]
    weather = draw(st.fixed_dictionaries({item.id: _WEATHER for one in crowd.groups for item in one.targets}))
    note(f"callers: {callers}")
    note(f"weather: {weather}")
    crowd.run(callers, weather, look)


class Requests(list["World"]):
    """Requests after all of it happened; a crowd's are too many to print, and are noted as drawn."""

    def __repr__(self) -> str:
        return f"<{len(self)} requests: {[asked(one) for one in self]}>"


@st.composite
def played(draw: st.DrawFn, *, streams: bool = False) -> Requests:
    """Requests after all of it happened: of a crowd, or one on its own in a harder world."""
    if draw(st.booleans()):
        return Requests(draw(crowds()).worlds)
    one = draw(worlds(streams=streams))
    note(f"{one}")
    play(one, draw(SCRIPTS))
    return Requests([one])


def tell(requests: Sequence[World]) -> None:
    """Tell Hypothesis how the requests ended, each way once."""
    for end in sorted({end_of(one) for one in requests}):
        event(f"some request: {end}")


def attempts(requests: Sequence[World]) -> Iterator[tuple[World, list[Attempt], Attempt, Standing]]:
    """Every attempt with those of its request that had failed by then, and how its target stood."""
    for one in requests:
        for attempt in one.chain.attempts:
            seen = one.when_sent(attempt.number)[one.chain.target_of(attempt).id]
            yield one, one.before(attempt), attempt, seen


def open_to(one: World, before: Sequence[Attempt], index: int) -> set[int]:
    """The targets of group *index* that may be asked at all after the failed attempts *before*."""
    spent, refused, floor = set(), set(), 0
    for attempt in before:
        assert attempt.failure is not None
        row, failed = TABLE[attempt.failure.kind], one.chain.target_of(attempt)
        if row.again == "never":
            spent.add(failed.id)
        if row.other == "credential":
            refused.add(one.plan.credential(failed))
        if row.other == "window":
            floor = max(floor, failed.context_window or 0)
    return {
        number
        for number, item in enumerate(one.chain.route.groups[index].targets)
        if one.chain.eligible[index][number]
        and item.id not in spent
        and one.plan.credential(item) not in refused
        and (item.context_window is None or item.context_window > floor)
    }
