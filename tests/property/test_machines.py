"""State machines: a target's health against a plain model, and requests that overlap in any order."""

from __future__ import annotations

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from router.core.delays import Hedge
from router.core.events import Cancelled, Ended, Finish, FirstContent, GiveUp, Started, TimerFired
from router.core.failure import Failure, FailureClass
from router.core.health import Ejection, Health, Status
from router.core.state import Phase
from router.core.table import Retries
from tests.core.crowd import Crowd
from tests.core.world import World, group

_U = st.floats(0, 1, exclude_max=True)
_GAPS = st.sampled_from([0.0, 0.5, 3.0, 8.0, 31.0])
_RULE = Ejection(consecutive=3, rate=0.5, base_s=2.0, cap_s=5.0)


class HealthMachine(RuleBasedStateMachine):
    """One target: all its results are remembered, and the rules worked out from them anew."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health()
        self.now = 100.0
        self.results: list[tuple[float, int | None]] = []  # When, and which request failed; None: answered.
        self.cooling = 0.0
        self.ejected: tuple[float, float] | None = None

    @rule(gap_s=_GAPS)
    def wait(self, gap_s: float) -> None:
        """Time passes."""
        self.now += gap_s

    @rule(request=st.integers(1, 3), u=_U)
    def fail(self, request: int, u: float) -> None:
        """A request's failure is counted."""
        ejects = self.health.fail(request, _RULE, self.now, u)
        if self.ejected:
            assert not ejects
            return
        self.results.append((self.now, request))
        row = self._row()
        must = len(row) >= 3 and len(set(row)) >= 2
        assert ejects or not (must or self._by_rate(25.0, 30.0))
        assert not ejects or must or self._may_by_rate()
        event(f"ejected: {'by the row' if must else 'by the rate' if ejects else 'no'}")
        if ejects:
            self.ejected = (self.now, self.health.ejected_until)

    @rule(ago_s=st.sampled_from([0.0, 0.0, 1.0, 10.0]))
    def succeed(self, ago_s: float) -> None:
        """An attempt that began a while ago was answered."""
        started = self.now - ago_s
        self.health.succeed(started, self.now)
        self.results.append((self.now, None))
        if self.ejected:
            event(f"answered while ejected, begun {'after' if started >= self.ejected[0] else 'before'}")
            if started >= self.ejected[0]:
                self.ejected, self.results = None, []

    @rule(wait_s=st.sampled_from([0.5, 5.0, 40.0]))
    def cool(self, wait_s: float) -> None:
        """It said "later"."""
        self.health.cool(self.now + wait_s)
        self.cooling = max(self.cooling, self.now + wait_s)

    @precondition(lambda self: self.health.status(self.now) is Status.TRIAL)
    @rule(u=_U, good=st.sampled_from([True, False, None]))
    def trial(self, u: float, good: bool | None) -> None:
        """A trial is answered, fails or is given up."""
        self.health.trial = True
        assert self.health.status(self.now) is Status.EJECTED
        event(f"a trial: {good}")
        if good:
            self.succeed(0.0)
        elif good is None:
            self.health.trial = False
        else:
            self.health.eject(_RULE, self.now, u)
            self.ejected = (self.now, self.health.ejected_until)

    @invariant()
    def status_is_as_the_model_says(self) -> None:
        """Cooling comes first, then the ejection and its trial; and nothing grows."""
        expected = Status.READY
        if self.now < self.cooling:
            expected = Status.COOLING
        elif self.ejected:
            expected = Status.EJECTED if self.now < self.ejected[1] else Status.TRIAL
        assert self.health.status(self.now) is expected
        assert len(self.health.slots) <= 7
        assert self.health.step >= 0
        if self.ejected:
            assert 0.8 * 2 <= self.ejected[1] - self.ejected[0] + 1e-9 <= 1.2 * 5 + 1e-6

    def _row(self) -> list[int]:
        """The requests of the failures since the last answer."""
        row: list[int] = []
        for _, request in reversed(self.results):
            if request is None:
                break
            row.append(request)
        return row

    def _by_rate(self, surely_s: float, at_most_s: float) -> bool:
        """Whether the rate ejects however the edge of the window falls."""
        if any(surely_s < self.now - at <= at_most_s for at, _ in self.results):
            return False
        recent = [request for at, request in self.results if self.now - at <= surely_s]
        failed = [request for request in recent if request is not None]
        return len(recent) >= 10 and len(set(failed)) >= 2 and 2 * len(failed) >= len(recent)

    def _may_by_rate(self) -> bool:
        """Whether the rate may eject for some edge of the window, 25 to 30 s ago."""
        times = sorted({at for at, _ in self.results})
        for since in times:
            recent = [request for at, request in self.results if at >= since]
            failed = [request for request in recent if request is not None]
            two = {request for at, request in self.results if request is not None and self.now - at < 30}
            if (
                self.now - since <= 30
                and len(recent) >= 10
                and 2 * len(failed) >= len(recent)
                and len(two) >= 2
            ):
                return True
        return False


_KINDS = st.sampled_from(
    [None, None, *[FailureClass.SERVER_ERROR] * 4, *FailureClass]  # Answers and failures that count, mostly.
).filter(lambda kind: kind is not FailureClass.CANCELLED)


class ChainMachine(RuleBasedStateMachine):
    """Requests of two groups over one shared state: events of any of them in any order."""

    def __init__(self) -> None:
        super().__init__()
        rule_ = Ejection(2, 0.5, 2.0, 5.0)
        self.crowd = Crowd(
            [
                group(
                    "a/x",
                    "b/x",
                    "d/x",
                    name="g0",
                    retries=Retries(max=2, base_s=1.0),
                    ejection=rule_,
                    hedge=Hedge(0.5, max=2),
                ),
                group("a/y", "c/x", name="g1", retries=Retries(max=1, base_s=1.0), ejection=rule_),
            ],
            credentials={"a": "env:SHARED", "b": "env:SHARED"},
        )
        self.open: list[World] = []

    @rule(gap_s=_GAPS)
    def wait(self, gap_s: float) -> None:
        """Time passes, but no further than the next thing that is due."""
        due = [timer.at for one in self.open for timer in one.timers()]
        due += [one.chain.deadline for one in self.open]
        self.crowd.now = max(self.crowd.now, min([self.crowd.now + gap_s, *due]))

    @rule(asked=st.integers(0, 1), stream=st.booleans())
    def arrive(self, asked: int, stream: bool) -> None:
        """A request begins."""
        one = self.crowd.arrive(asked, stream=stream)
        self.open.append(one)
        self._step(one, Started())

    @precondition(lambda self: any(one.live() for one in self.open))
    @rule(data=st.data(), kind=_KINDS, hint_s=st.sampled_from([None, 0.5, 4.0, 90.0]))
    def end(self, data: st.DataObject, kind: FailureClass | None, hint_s: float | None) -> None:
        """An attempt in flight ends."""
        one = data.draw(st.sampled_from([item for item in self.open if item.live()]))
        number = data.draw(st.sampled_from(one.live()))
        self._step(one, Ended(number, Failure(kind, hint_s=hint_s) if kind else None))

    @precondition(lambda self: any(one.live() and one.chain.stream for one in self.open))
    @rule(data=st.data())
    def content(self, data: st.DataObject) -> None:
        """A stream's first content comes."""
        streams = [item for item in self.open if item.chain.stream and item.live()]
        one = data.draw(st.sampled_from(streams))
        if one.chain.phase is Phase.OPEN:
            self._step(one, FirstContent(data.draw(st.sampled_from(one.live()))))

    @precondition(lambda self: any(one.timers() for one in self.open))
    @rule()
    def fire(self) -> None:
        """The timer that is due first fires: a wait is over, a hedge is due, or was."""
        at, number, timer = min(
            (timer.at, number, timer.timer) for number, one in enumerate(self.open) for timer in one.timers()
        )
        self.crowd.now = max(self.crowd.now, at)
        one = self.open[number]
        event(f"a timer with {len(one.live())} in flight")
        self._step(one, TimerFired(timer))

    @precondition(lambda self: bool(self.open))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """A caller leaves."""
        self._step(data.draw(st.sampled_from(self.open)), Cancelled())

    def _step(self, one: World, happens: object) -> None:
        count = len(one.chain.attempts)
        one.step(happens, after=self.crowd.now - one.now)  # type: ignore[arg-type]
        if len(one.chain.attempts) > count:
            attempt = one.chain.attempts[-1]
            stood = one.when_sent(attempt.number)
            seen = stood[one.chain.target_of(attempt).id]
            event(f"sent while {seen.status}")
            assert seen.status != "cooling"
            assert seen.affordable or seen.status == "ejected"
            assert seen.status != "ejected" or (count == 0 and not any(item.ready for item in stood.values()))
        if one.chain.phase is Phase.DONE:
            self.open.remove(one)
            last = one.actions[-1][1]
            event(f"end: {type(last).__name__}")
            assert isinstance(last, Finish | GiveUp) or isinstance(happens, Cancelled)

    @invariant()
    def trials_are_held_by_someone_in_flight(self) -> None:
        """Each trial that is marked belongs to exactly one attempt in flight, and the reverse."""
        shared = self.crowd.shared
        flying = [
            (one.chain.target_of(attempt), attempt)
            for one in self.open
            for attempt in one.chain.attempts
            if attempt.ended is None
        ]
        for name, health in shared.health.items():
            mine = [it for item, it in flying if item.id == name and it.trial and health.in_force(it.started)]
            assert len(mine) == int(health.trial)
        for label, key in shared.credentials.items():
            ours = [
                it
                for item, it in flying
                if self.crowd.plan.credential(item) == label and it.key_trial and key.in_force(it.started)
            ]
            assert len(ours) == int(key.trial)

    @invariant()
    def each_open_request_is_busy(self) -> None:
        """It has attempts in flight or waits, never both, never neither; several only by hedging."""
        for one in self.open:
            assert bool(one.live()) != (one.chain.pending is not None)
            assert len(one.live()) <= 1 + sum(attempt.hedge for attempt in one.chain.attempts)


_STEPS = settings(stateful_step_count=40)
HealthMachine.TestCase.settings = _STEPS
ChainMachine.TestCase.settings = _STEPS
TestHealth = HealthMachine.TestCase
TestChain = ChainMachine.TestCase
