"""Limits: requests that overlap in any order never break one, and nobody is overtaken who could be served."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from router.core.events import Cancelled, Ended, Event, Finish, GiveUp, SlotGranted, Started, TimerFired
from router.core.failure import Failure, FailureClass
from router.core.keys import usable
from router.core.limits import MAX_CEILING, Limits, Scope, Usage
from router.core.state import Phase
from router.core.table import Retries
from tests.core.crowd import Crowd, stale
from tests.core.world import group, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.core.lines import Line
    from router.core.state import Attempt
    from tests.core.world import World

_GAPS = st.sampled_from([0.0, 0.2, 0.2, 1.0, 4.0, 20.0, 61.0])
_KINDS = st.sampled_from(
    [None, None, None, FailureClass.SERVER_ERROR, FailureClass.RATE_LIMITED, FailureClass.AUTH]
)


def _crowd() -> Crowd:
    """Two groups that share a target, a provider with two keys, and limits at every level."""
    shared = target("a/x", limits=Limits(concurrency=2, max_wait_s=8.0))
    retries = Retries(max=2, base_s=0.5)
    return Crowd(
        [
            group(shared, "b/x", name="g0", retries=retries, limits=Limits(rpm=6, max_wait_s=90.0)),
            group(
                shared,
                target("c/x", limits=Limits(tpm=100, max_wait_s=90.0)),
                name="g1",
                retries=retries,
                limits=Limits(concurrency=3, max_wait_s=2.0),
                timeout_s=100.0,
            ),
        ],
        credentials={"b": "env:B1 env:B2"},
        limits={
            "b": Limits(rpm=3, concurrency=1, max_wait_s=20.0),
            "c": Limits(adaptive=True, max_wait_s=20.0),
        },
    )


class LimitsMachine(RuleBasedStateMachine):
    """Requests come, end, leave; grants and timers reach them late and in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.crowd = _crowd()
        self.open: list[World] = []
        self.granted: list[tuple[World, SlotGranted]] = []
        self.story: list[tuple[int, float, Event]] = []

    @rule(gap_s=_GAPS)
    def wait(self, gap_s: float) -> None:
        """Time passes; drivers may be late."""
        self.crowd.now += gap_s

    @rule(asked=st.integers(0, 1), tokens=st.sampled_from([0, 1, 30, 60, 150]), count=st.integers(1, 4))
    def arrive(self, asked: int, tokens: int, count: int) -> None:
        """Some requests begin."""
        for _ in range(count):
            one = self.crowd.arrive(asked, tokens=tokens)
            self.open.append(one)
            self._step(one, Started())

    @precondition(lambda self: any(one.live() for one in self.open))
    @rule(data=st.data(), kind=_KINDS, tokens=st.sampled_from([None, None, 0, 50, 200]))
    def end(self, data: st.DataObject, kind: FailureClass | None, tokens: int | None) -> None:
        """An attempt in flight ends."""
        one = data.draw(st.sampled_from([item for item in self.open if item.live()]))
        failure = Failure(kind, hint_s=3.0 if kind is FailureClass.RATE_LIMITED else None) if kind else None
        self._step(one, Ended(one.live()[0], failure, tokens))

    @precondition(lambda self: bool(self.granted))
    @rule(data=st.data())
    def grant(self, data: st.DataObject) -> None:
        """A grant reaches its request, unless that went on meanwhile."""
        one, slot = self.granted.pop(data.draw(st.integers(0, len(self.granted) - 1)))
        if one.chain.phase is not Phase.DONE and not stale(one, slot):
            self._step(one, slot)

    @precondition(lambda self: any(one.chain.pending for one in self.open))
    @rule(data=st.data())
    def fire(self, data: st.DataObject) -> None:
        """A timer fires, when it is due or later."""
        one = data.draw(st.sampled_from([item for item in self.open if item.chain.pending]))
        assert one.chain.pending is not None
        at, _ = one.next(lambda _: None)  # type: ignore[arg-type, return-value]  # A wait asks nobody.
        self.crowd.now = max(self.crowd.now, at)
        self._step(one, TimerFired(one.chain.pending.timer))

    @precondition(lambda self: bool(self.open))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """A caller leaves."""
        self._step(data.draw(st.sampled_from(self.open)), Cancelled())

    def _step(self, one: World, happens: Event) -> None:
        place = one.chain.pending.place if one.chain.pending else None
        count, told = len(one.chain.attempts), len(one.grants)
        self.story.append((self.crowd.worlds.index(one), self.crowd.now, happens))
        one.step(happens, after=self.crowd.now - one.now)
        for _, grant in one.grants[told:]:
            other = next(item for item in self.open if item.chain.serial == grant.request)
            self.granted.append((other, SlotGranted(grant.ticket)))
        if len(one.chain.attempts) > count:
            event(f"sent after a wait for room: {place is not None}")
            self._nobody_was_overtaken(one, math.inf if place is None else place.number)
        if one.chain.phase is Phase.DONE:
            self.open.remove(one)
            last = one.actions[-1][1]
            full = isinstance(last, GiveUp) and last.full is not None
            event(f"end: {last.full.limit}" if full else f"end: {type(last).__name__}")  # type: ignore[union-attr]
            assert isinstance(last, Finish | GiveUp) or isinstance(happens, Cancelled)
            assert not full or not one.chain.attempts

    # --- a model of its own: every attempt, and where it counts

    def _scopes(self, group_name: str, target_id: str, label: str) -> list[tuple[Scope, Limits]]:
        found = []
        groups = {one.name: one for one in self.crowd.groups}
        limits = groups[group_name].limits
        if limits is not None:
            found.append((Scope("group", group_name), limits))
        asked = next(item for item in groups[group_name].targets if item.id == target_id)
        if asked.limits is not None:
            found.append((Scope("target", target_id), asked.limits))
        if asked.provider in self.crowd.limits:
            found.append((Scope("provider", asked.provider, label), self.crowd.limits[asked.provider]))
        return found

    def _attempts(self) -> Iterator[tuple[Attempt, list[tuple[Scope, Limits]]]]:
        for one in self.crowd.worlds:
            for attempt in one.chain.attempts:
                asked = one.chain.target_of(attempt)
                label = one.plan.credential(asked, attempt.credential)
                yield attempt, self._scopes(one.chain.route.groups[attempt.group].name, asked.id, label)

    def _nobody_was_overtaken(self, one: World, number: float) -> None:
        """No head of a line that came earlier could have had the room of the attempt just begun."""
        mine = one.chain.attempts[-1]
        for line in self.crowd.shared.lines.lines.values():
            head = line.waiters[0]
            if head.number < number:
                event("somebody older waits on")
                for index, tokens in zip(line.choice, head.tokens, strict=True):
                    assert not self._surely_room(line, index, tokens, mine)

    def _surely_room(self, line: Line, index: int, tokens: int, but: Attempt) -> bool:
        """Whether there would be room on a target in health, were *but* not there, however slots fall."""
        asked, shared, now = line.group.targets[index], self.crowd.shared, self.crowd.now
        kept = [room for room in shared.lines.kept.values() if room is not None]
        for key in usable(self.crowd.plan, shared, asked, line.refused, now):
            label = self.crowd.plan.credential(asked, key)
            for scope, limits in self._scopes(line.group.name, asked.id, label):
                others = [one for one, at in self._attempts() if one is not but and scope in dict(at)]
                held = [room for room in kept if scope in dict(room.scopes)]
                live = sum(one.ended is None for one in others) + len(held)
                recent = [one for one in others if now - one.started <= 61.0]
                usage = shared.rooms.usages.get(scope, Usage())
                if live >= usage.concurrency(limits):
                    break
                if limits.rpm is not None and len(recent) + len(held) >= limits.rpm:
                    break
                if limits.tpm is not None and usage.tokens + tokens > limits.tpm:
                    break
            else:
                return True
        return False

    @invariant()
    def no_limit_is_broken(self) -> None:
        """Neither at once nor in any minute, in no scope; and what adapts stays within its bounds."""
        starts: dict[Scope, list[float]] = {}
        live: dict[Scope, int] = {}
        limits: dict[Scope, Limits] = {}
        for attempt, scopes in self._attempts():
            for scope, held in scopes:
                limits[scope] = held
                starts.setdefault(scope, []).append(attempt.started)
                live[scope] = live.get(scope, 0) + (attempt.ended is None)
        for scope, held in limits.items():
            if held.concurrency is not None:
                assert live[scope] <= held.concurrency
            if held.rpm is not None:
                for at in starts[scope]:
                    assert sum(at <= other < at + 60.0 for other in starts[scope]) <= held.rpm
        for usage in self.crowd.shared.rooms.usages.values():
            assert 1.0 <= usage.ceiling <= MAX_CEILING
            assert usage.attempts >= 0
            assert usage.tokens >= 0
            assert len(usage.slots) <= 62

    @invariant()
    def what_is_held_is_held_by_someone(self) -> None:
        """In flight are the attempts that run and the room kept for those who were told."""
        rooms, lines = self.crowd.shared.rooms, self.crowd.shared.lines
        held: dict[Scope, int] = {}
        for attempt, scopes in self._attempts():
            for scope, _ in scopes if attempt.ended is None else ():
                held[scope] = held.get(scope, 0) + 1
        for room in lines.kept.values():
            for scope, _ in room.scopes if room is not None else ():
                held[scope] = held.get(scope, 0) + 1
        assert {scope: usage.in_flight for scope, usage in rooms.usages.items() if usage.in_flight} == held
        waiting = {one.chain.serial for one in self.open if one.chain.pending and one.chain.pending.place}
        assert set(lines.where) | set(lines.kept) == waiting
        assert not set(lines.where) & set(lines.kept)
        assert lines.told == []

    @invariant()
    def each_line_is_in_order(self) -> None:
        """The earliest first, and each where it is said to stand."""
        lines = self.crowd.shared.lines
        for key, line in lines.lines.items():
            numbers = [waiter.number for waiter in line.waiters]
            assert numbers == sorted(set(numbers))
            assert numbers
            assert all(lines.where[waiter.request] == key for waiter in line.waiters)

    def teardown(self) -> None:
        """When all are over nothing is left; and the same events come to the same again."""
        for one in list(self.open):
            self._step(one, Cancelled())
        self.no_limit_is_broken()
        self.what_is_held_is_held_by_someone()
        lines = self.crowd.shared.lines
        assert not lines.lines
        assert not lines.kept
        again = _crowd()
        for number, now, happens in self.story:
            if isinstance(happens, Started):
                again.now = now
                first = self.crowd.worlds[number].chain
                asked = [one.name for one in again.groups].index(first.route.asked.name)
                again.arrive(asked, tokens=first.tokens[0][0] if first.tokens else 0)
            one = again.worlds[number]
            one.step(happens, after=now - one.now)
        assert again.shared == self.crowd.shared
        assert [one.actions for one in again.worlds] == [one.actions for one in self.crowd.worlds]
        assert [one.grants for one in again.worlds] == [one.grants for one in self.crowd.worlds]


_EXAMPLES, _PROOF = settings().max_examples, 20_000
LimitsMachine.TestCase.settings = settings(  # Each is forty steps: a fifth of the others', but in a proof.
    max_examples=_EXAMPLES if _EXAMPLES >= _PROOF else max(60, _EXAMPLES // 5), stateful_step_count=40
)
TestLimits = LimitsMachine.TestCase
