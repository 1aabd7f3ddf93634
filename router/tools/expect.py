"""What a test expects of a request, held against what came of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router.errors import RequestError
from router.tools.text import count, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.config.diagnostics import Path
    from router.config.policy_tests import ExpectedConfig
    from router.telemetry.decisions import SentParam, TargetDecision
    from router.telemetry.events import AttemptRecord
    from router.tools.explain import Explanation

_LONGEST = 60
_NOTHING_GOES_UP = "it does not go up"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that is not as expected.

    Attributes:
        path: keys under ``expect``; empty: the request was to be answered.
        expected, actual: as text.
    """

    path: Path
    expected: str
    actual: str


def mismatches(expect: ExpectedConfig | None, found: Explanation | RequestError) -> list[Mismatch]:
    """What of *found* is not as *expect* has it; None: an answer is expected."""
    return list(_Judge(expect, found).all())


class _Judge:
    def __init__(self, expect: ExpectedConfig | None, found: Explanation | RequestError) -> None:
        self._expect = expect
        self._found = found
        self._done = None if isinstance(found, RequestError) else found
        self._attempts = () if self._done is None else self._done.routing.attempts

    def all(self) -> Iterator[Mismatch]:
        yield from self._end()
        if self._expect is None:
            return
        yield from self._target(self._expect)
        yield from self._count(self._expect)
        yield from self._time(self._expect)
        yield from self._params(self._expect)
        yield from self._cache(self._expect)
        yield from self._reach(self._expect)

    def _end(self) -> Iterator[Mismatch]:
        wanted = None if self._expect is None else self._expect.error
        code = self._found.code if isinstance(self._found, RequestError) else self._found.outcome
        if wanted is None and code != "ok":
            yield Mismatch((), "an answer", f"error {code}{self._why()}")
        elif wanted is not None and code != wanted:
            yield Mismatch(("error",), wanted, "an answer" if code == "ok" else f"{code}{self._why()}")

    def _why(self) -> str:
        """Why nothing was sent at all, where that is so."""
        if self._done is None:
            return f" ({self._found})"
        decision = self._done.routing.decision
        refused = None if decision is None else decision.refused
        return "" if refused is None else f" ({refused})"

    def _target(self, expect: ExpectedConfig) -> Iterator[Mismatch]:
        if expect.target is None:
            return
        good = self._done is not None and self._done.outcome == "ok"
        answered = self._done.routing.target if self._done is not None and good else None
        if answered not in expect.target:
            yield Mismatch(("target",), " or ".join(expect.target), answered or "no answer")

    def _count(self, expect: ExpectedConfig) -> Iterator[Mismatch]:
        asked = tuple(item.target for item in self._attempts)
        wanted = expect.attempts
        if isinstance(wanted, int) and wanted != len(asked):
            yield Mismatch(("attempts",), str(wanted), str(len(asked)))
        elif isinstance(wanted, tuple) and wanted != asked:
            yield Mismatch(("attempts",), ", ".join(wanted) or "none", ", ".join(asked) or "none")
        if expect.max_attempts is not None and len(asked) > expect.max_attempts:
            most = f"at most {count(expect.max_attempts, 'attempt')}"
            yield Mismatch(("max_attempts",), most, str(len(asked)))

    def _time(self, expect: ExpectedConfig) -> Iterator[Mismatch]:
        took = 0.0 if self._done is None or self._done.seconds is None else self._done.seconds
        if expect.seconds is not None and took > expect.seconds:
            yield Mismatch(("seconds",), f"at most {seconds(expect.seconds)}", seconds(took))

    def _params(self, expect: ExpectedConfig) -> Iterator[Mismatch]:
        last = self._decided(self._attempts[-1]) if self._attempts else None
        sent: dict[str, SentParam] = {} if last is None else {item.param: item for item in last.params}
        for name, wanted in (expect.params or {}).items():
            param = sent.get(name)
            goes = param is not None and param.sent_as is not None
            held = param is not None and _same(param.value, wanted)
            good = not goes if wanted is None else goes and held
            if not good or last is None:
                actual = _NOTHING_GOES_UP if param is None or not goes else _from(param)
                expected = _NOTHING_GOES_UP if wanted is None else _shown(wanted)
                yield Mismatch(("params", name), expected, "no attempt" if last is None else actual)

    def _cache(self, expect: ExpectedConfig) -> Iterator[Mismatch]:
        if expect.cache is None:
            return
        decision = None if self._done is None else self._done.routing.decision
        if self._done is None or decision is None:
            yield Mismatch(("cache",), expect.cache, "nothing: the request is malformed")
            return
        actual = "none" if decision.cache is None else self._done.routing.cache
        if actual != expect.cache:
            why = "" if decision.cache is None or not decision.cache.why else f" ({decision.cache.why})"
            yield Mismatch(("cache",), expect.cache, f"{actual}{why}")

    def _reach(self, expect: ExpectedConfig) -> Iterator[Mismatch]:
        for index, pattern in enumerate(expect.never or ()):
            hit = next((item.target for item in self._attempts if fits(item.target, pattern)), None)
            if hit is not None:
                yield Mismatch(("never", index), f"never {pattern}", f"{hit} was asked")
        for index, tag in enumerate(expect.stays_within or ()):
            outside = next((item for item in self._attempts if tag not in self._decided(item).tags), None)
            if outside is not None:
                yield Mismatch(("stays_within", index), f"only {tag}", f"{outside.target} was asked")

    def _decided(self, attempt: AttemptRecord) -> TargetDecision:
        """What was decided for the target of *attempt*."""
        decision = None if self._done is None else self._done.routing.decision
        assert decision is not None
        groups = [group for group in decision.chain if group.group == attempt.group]
        return next(item for group in groups for item in group.targets if item.target == attempt.target)


def fits(target: str, pattern: str) -> bool:
    """Whether *target* is what *pattern* names, where ``*`` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), target) is not None


def may_fit(target: str, pattern: str) -> bool:
    """Whether *pattern* may name *target*, of which a ``*`` stands for a model that a caller asks for."""
    if "*" not in target:
        return fits(target, pattern)
    first, _, rest = target.partition("*")
    start, end = pattern.partition("*")[0], pattern.rpartition("*")[2]
    if "*" not in pattern:
        return fits(pattern, target)
    begins = first.startswith(start) or start.startswith(first)
    return begins and (rest.endswith(end) or end.endswith(rest))


def _same(value: Any, wanted: Any) -> bool:
    """Whether both are the same JSON; true is no number."""
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _from(param: SentParam) -> str:
    return f"{_shown(param.value)} ({param.source})"
