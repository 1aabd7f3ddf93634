"""Tests of a policy: requests with scripted outcomes through the real core, and what must come of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from router.cache.answers import Answers
from router.cache.memory import Entry, Memory
from router.config.diagnostics import suggest
from router.considered import consider
from router.core.health import Ejection, Health
from router.core.needs import estimated_tokens
from router.core.state import Shared
from router.errors import RequestError
from router.keeping import Use, use_of
from router.offline import offline_engine
from router.outcomes import reply_of
from router.request import Ask, Task
from router.rights import Rights
from router.tools.expect import Mismatch, may_fit, mismatches
from router.tools.explain import Explanation, Weather, explained
from router.types import RouterOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from router.config import Loaded
    from router.config.diagnostics import Path, Place
    from router.config.policy_tests import AskedConfig, PolicyTestConfig, State
    from router.config.tests_file import TestsFile
    from router.core.needs import Estimator
    from router.core.table import Plan, Route, Target
    from router.engine import Engine
    from router.request import Request
    from router.telemetry.events import AttemptRecord

    Locate = Callable[[Path], Place]

_TEXT = "hello"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as a test has it.

    Attributes:
        what: the key under ``expect``, or the part of the test that cannot be used.
        expected: what is written, as text.
        actual: what came of it, as text.
        file, line, column: where it is written.
    """

    what: str
    expected: str
    actual: str
    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of one test.

    Attributes:
        name: the test's.
        file, line, column: where the test begins.
        findings: what is not as it must be; empty: it passed.
        expected: the targets that were to be asked, in order; None: the test does not say.
        attempts: those that there were.
        outcome: ``ok``, or the code of the error that the caller gets.
        seconds: how long it took.
    """

    name: str
    file: str
    line: int
    column: int
    findings: tuple[Finding, ...]
    expected: tuple[str, ...] | None
    attempts: tuple[AttemptRecord, ...]
    outcome: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it passed."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, with ``ok``."""
        attempts = tuple(item._asdict() for item in self.attempts)
        return {"ok": self.ok, **asdict(self), "attempts": attempts}


@dataclass(frozen=True, slots=True)
class TestReport:
    """What came of all tests, in the order in which they are written."""

    results: tuple[TestResult, ...]

    @property
    def ok(self) -> bool:
        """Whether all passed."""
        return all(result.ok for result in self.results)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not as the tests have it, in their order."""
        return tuple(item for result in self.results for item in result.findings)

    def to_dict(self) -> dict[str, Any]:
        """As ``router test --json`` prints it."""
        return {"ok": self.ok, "tests": [item.to_dict() for item in self.results]}


def run_tests(loaded: Loaded, files: Sequence[TestsFile] = ()) -> TestReport:
    """Run the tests of a config and of *files* against it. Each begins with nothing having happened.

    Args:
        loaded: the config, as ``router.config.load_file`` gives it.
        files: further tests.

    Raises:
        ConfigError: the config has errors.
    """
    config = loaded.require()
    engine = offline_engine(config, locate=loaded.locate)
    rights = Rights(config.callers, engine.plan)
    written: list[tuple[Sequence[PolicyTestConfig], Locate]] = [(config.tests or (), loaded.locate)]
    written += [(file.tests, file.locate) for file in files]
    return TestReport(
        tuple(
            _Trial(engine, rights, test, (locate, index)).result()
            for tests, locate in written
            for index, test in enumerate(tests)
        )
    )


class _Trial:
    """One test on its way."""

    def __init__(
        self, engine: Engine, rights: Rights, test: PolicyTestConfig, written: tuple[Locate, int]
    ) -> None:
        self._locate, index = written
        self._rights = rights
        answers = Answers(memory=Memory(lambda: 0.0))
        self._engine = replace(engine, shared=Shared(), answers=answers)
        self._test = test
        self._path: Path = ("tests", index)

    def result(self) -> TestResult:
        """Run it."""
        ask, test = _ask(self._test), self._test
        unknown = [*self._unknown(ask), *self._vacuous()]
        if unknown:
            return self._result(unknown, None)
        self._stand()
        outcomes = {name: [reply_of(item) for item in row] for name, row in (test.outcomes or {}).items()}
        found: Explanation | RequestError
        try:
            self._rights.check(test.caller, ask.model)
            self._keep(ask)
            found = explained(self._engine, ask, Weather(outcomes), estimator=_estimator(test))
        except RequestError as error:
            found = error
        wrong = mismatches(test.expect, found)
        return self._result([self._finding(item) for item in wrong], found)

    def _result(self, findings: Sequence[Finding], found: Explanation | RequestError | None) -> TestResult:
        place = self._locate(self._path)
        expect = self._test.expect
        wanted = expect.attempts if expect is not None else None
        done = found if isinstance(found, Explanation) else None
        outcome = "" if found is None else found.code if isinstance(found, RequestError) else found.outcome
        return TestResult(
            name=self._test.name,
            file=place.file,
            line=place.line,
            column=place.column,
            findings=tuple(findings),
            expected=wanted if isinstance(wanted, tuple) else None,
            attempts=() if done is None else done.routing.attempts,
            outcome=outcome or "",
            seconds=0.0 if done is None else done.seconds or 0.0,
        )

    def _finding(self, item: Mismatch) -> Finding:
        path = (*self._path, "expect", *item.path)
        what = ".".join(str(step) for step in item.path) or "outcome"
        return Finding(what, item.expected, item.actual, *self._locate(path))

    # --- what is given

    def _unknown(self, ask: Ask) -> list[Finding]:
        """The targets that the test names and that the request's chain does not have."""
        try:
            route = consider(self._engine, ask).request.route
        except RequestError:
            return []  # Perhaps it is what the test expects; nothing is given to nobody.
        targets, providers = _names(route)
        known = f"the chain has {', '.join(sorted(targets))}"
        given, outcomes = self._test.given or {}, self._test.outcomes or {}
        wrong = [("given", name) for name in given if name not in targets | providers]
        wrong += [("outcomes", name) for name in outcomes if name not in targets]
        return [
            Finding(f"{key}.{name}", name, known, *self._locate((*self._path, key, name)))
            for key, name in wrong
        ]

    def _vacuous(self) -> list[Finding]:
        """The patterns under `never` that name no target of the config: they would hold whatever it does."""
        expect = self._test.expect
        written = [] if expect is None or expect.never is None else list(enumerate(expect.never))
        if not written:
            return []
        targets = _targets(self._engine.plan)
        return [
            Finding(
                f"never.{index}",
                f"never {pattern}",
                _nobody(pattern, targets),
                *self._locate((*self._path, "expect", "never", index)),
            )
            for index, pattern in written
            if not any(may_fit(target, pattern) for target in targets)
        ]

    def _stand(self) -> None:
        """Let targets and keys stand as the test says."""
        shared, plan = self._engine.shared, self._engine.plan
        for name, state in (self._test.given or {}).items():
            if "/" in name:
                shared.health[name] = _health(state)
            else:
                shared.credentials.update({label: _health(state) for label in plan.labels(name)})

    def _keep(self, ask: Ask) -> None:
        """Let the answer to an equal request be kept, if the test says so and the policy does it.

        Raises:
            RequestError: it is malformed, or names no group.
        """
        if self._test.kept is None:
            return
        request = consider(self._engine, ask, estimator=_estimator(self._test)).request
        if request.route.asked.cache is None:
            return
        use = use_of(self._engine, request, ask.options)
        target = _first_able(request)
        if isinstance(use, Use) and target is not None:
            self._engine.answers.keep(_entry(use, target, fresh=self._test.kept == "fresh"))


def _first_able(request: Request) -> Target | None:
    """The first target of the chain that can carry *request*; None: none can."""
    rows = zip(request.route.groups, request.able.targets, strict=True)
    pairs = (pair for group, row in rows for pair in zip(group.targets, row, strict=True))
    return next((target for target, able in pairs if able), None)


def _entry(use: Use, target: Target, *, fresh: bool) -> Entry:
    """An answer of *target* as it is kept at the time 0; what it says is not looked at."""
    fresh_s = use.caching.ttl_s if fresh else 0.0
    return Entry(
        key=use.key,
        pieces=(),
        streamed=False,
        usage_apart=False,
        target=target.id,
        assumed_finish=False,
        fresh_until=fresh_s,
        stale_until=fresh_s + use.caching.stale_s,
    )


def _names(route: Route) -> tuple[set[str], set[str]]:
    """The targets of a chain, and its providers."""
    targets = [target for group in route.groups for target in group.targets]
    return {target.id for target in targets}, {target.provider for target in targets}


def _targets(plan: Plan) -> list[str]:
    """The targets of a config's groups, each once, wildcards' as they are written."""
    routes = [*plan.routes.values(), *(item.route for item in plan.wildcards)]
    return list(dict.fromkeys(target.id for route in routes for target in route.asked.targets))


def _nobody(pattern: str, targets: Sequence[str]) -> str:
    near = suggest(pattern, targets) or suggest(pattern, {f"{name.partition('/')[0]}/*" for name in targets})
    hint = "" if near is None else f"; did you mean `{near}`?"
    return f"no target of the config is so named{hint}"


def _health(state: State) -> Health:
    seconds = Ejection().base_s if state.seconds is None else state.seconds
    if state.kind == "cooling":
        return Health(failing=True, cooling_until=seconds)
    if state.kind == "ejected":
        return Health(failing=True, step=1, ejected_at=0.0, ejected_until=seconds)
    return Health(failing=True)


def _estimator(test: PolicyTestConfig) -> Estimator:
    tokens = test.tokens
    return estimated_tokens if tokens is None else lambda _: tokens


def _ask(test: PolicyTestConfig) -> Ask:
    written = test.request
    timeout, caller, tags = test.timeout, test.caller, tuple(test.tags or ())
    options = RouterOptions(caller=caller, timeout=timeout, tags=tags, cache=test.cache)
    headers = {name.lower().encode(): value.encode() for name, value in (test.headers or {}).items()}
    if written.input is not None:
        return Ask(written.model, written.input, written.params, False, options, headers, Task.EMBEDDING)
    return Ask(written.model, _messages(written), written.params, bool(written.stream), options, headers)


def _messages(written: AskedConfig) -> Any:
    said = _TEXT if written.messages is None else written.messages
    return [{"role": "user", "content": said}] if isinstance(said, str) else said
