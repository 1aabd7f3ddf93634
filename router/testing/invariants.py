"""What a policy must never do: invariants ready to use, and what one of your own is made of.

An invariant looks at what came of one request (``Told``) and says what is broken, or None:

    @invariant
    def nothing_for_the_night_shift(told: Told) -> str | None:
        if told.request.caller == "night" and any(target.provider == "openai" for target in told.targets):
            return "the night shift went to OpenAI"
        return None

    check_policy("router.yaml", nothing_for_the_night_shift, max_attempts(4))
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from router.testing.secrets import address, carried, homes
from router.testing.told import OWN_FAULT, Told

if TYPE_CHECKING:
    from router.core.table import Target

_TOLERANCE_S = 1e-6


@dataclass(frozen=True, slots=True)
class Breach:
    """How an invariant is broken.

    Attributes:
        message: in words, for whoever wrote the policy.
        attempt: the number of the attempt that breaks it, from 1; None: it is not one attempt's.
    """

    message: str
    attempt: int | None = None


Check: TypeAlias = Callable[[Told], "Breach | str | None"]
"""What is broken about one request; None: nothing."""


def _always(_told: Told) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must hold of every request.

    Attributes:
        name: for messages.
        check: says what is broken.
        applies: whether it has anything to say of a request. One that applies to no request of all that
            were tried is an error: most likely a name in it is misspelt.
    """

    name: str
    check: Check
    applies: Callable[[Told], bool] = _always

    def on(self, *models: str) -> Invariant:
        """The same, of requests that ask one of these model groups alone, be it under an alias."""
        shown = ", ".join(map(repr, models))

        def asked(told: Told) -> bool:
            group = told.asked
            return told.request.model in models or (group is not None and group.name in models)

        return replace(self.when(asked), name=f"{self.name}.on({shown})")

    def when(self, applies: Callable[[Told], bool]) -> Invariant:
        """The same, of those requests alone for which *applies* is true."""
        before = self.applies
        return replace(self, applies=lambda told: before(told) and applies(told))


def invariant(check: Invariant | Check) -> Invariant:
    """An invariant of the function's own name; also as a decorator. What is one already stays it."""
    if isinstance(check, Invariant):
        return check
    return Invariant(getattr(check, "__name__", repr(check)), check)


# --- ready to use


def stays_within(tags: str | Collection[str]) -> Invariant:
    """No attempt goes to a target that lacks one of *tags*."""
    wanted = (tags,) if isinstance(tags, str) else tuple(tags)

    def check(told: Told) -> Breach | None:
        for number, target in enumerate(told.targets, 1):
            missing = [tag for tag in wanted if tag not in target.tags]
            if missing:
                which = f"the tag{'s' if missing[1:] else ''} {', '.join(map(repr, missing))}"
                return Breach(f"attempt {number} went to {target.id}, which lacks {which}", number)
        return None

    return Invariant(f"stays_within({', '.join(map(repr, wanted))})", check, _tried)


def max_attempts(n: int) -> Invariant:
    """No request makes more than *n* upstream calls, hedges included."""

    def check(told: Told) -> Breach | None:
        count = len(told.targets)
        made = "1 attempt was made" if count == 1 else f"{count} attempts were made"
        return Breach(made, n + 1) if count > n else None

    return Invariant(f"max_attempts({n})", check)


def max_seconds(s: float) -> Invariant:
    """Every caller has the reply, its stream's first content, or an error within *s* seconds."""

    def check(told: Told) -> str | None:
        if told.left or (told.seconds is not None and told.seconds <= s + _TOLERANCE_S):
            return None
        return "it never ended" if told.seconds is None else f"it took {told.seconds:g} seconds"

    return Invariant(f"max_seconds({s:g})", check)


def never_before(paid: str, free: str) -> Invariant:
    """A request goes to a target of *paid* only once no target of *free* could be asked any more.

    A target could be asked when this request has not tried it, it can carry the request, is not cooling or
    ejected, has room under its limits, and a token of the retry budget where it needs one. Only the first
    attempt on *paid* is looked at, and none that follows a failure that speaks of the request itself
    (content_policy, context_overflow): its fallbacks are for that.

    Args:
        paid: a tag; or, with a ``/``, a target's id, where ``*`` stands for anything: ``openai/*``.
        free: likewise.
    """

    def check(told: Told) -> Breach | None:
        tried: set[str] = set()
        for attempt, target, askable in zip(told.attempts, told.targets, told.askable, strict=True):
            if _is(target, paid) and not _is(target, free):
                open_now = askable - tried
                passed = next(
                    (one.id for one in told.candidates if one.id in open_now and _is(one, free)), None
                )
                message = f"attempt {attempt.number} went to {target.id} while {passed} could be asked"
                return None if passed is None else Breach(message, attempt.number)
            tried.add(target.id)
            if attempt.outcome in OWN_FAULT:
                return None
        return None

    def applies(told: Told) -> bool:
        both = [any(_is(one, which) for one in told.candidates) for which in (paid, free)]
        return all(both) and bool(told.by_error)

    return Invariant(f"never_before({paid!r}, {free!r})", check, applies)


def _is(target: Target, which: str) -> bool:
    return fnmatchcase(target.id, which) if "/" in which else which in target.tags


def _answers(told: Told) -> str | None:
    if told.answered is not None or told.committed is not None or told.faulty:
        return None
    well = next(one.id for one in told.candidates if one.id in told.healthy)
    end = "no answer" if told.error is None else told.error.__name__
    return f"it ended in {end}, though {well} was well all along"


always_answers_if_any_healthy = Invariant(
    "always_answers_if_any_healthy",
    _answers,
    lambda told: bool(told.healthy) and told.request.timeout is None and not told.left,
)
"""A request is answered as long as one target of its group or its ``on_error`` fallbacks is well.

Well is a target that can carry the request, is in health when it comes and when it ends, and answers every
time, within 0.1 s; under limits it counts only while nothing else was asked. A stream that breaks after its
first content counts as answered. Nothing is said of requests that an upstream finds at fault themselves
(bad_request, content_policy, context_overflow), that have a timeout of their own, or whose callers leave.
"""


def _keeps_secrets(told: Told) -> Breach | None:
    config = told.policy.config
    known = homes(config, {one.provider for one in told.policy.targets})
    for number, target in enumerate(told.targets, 1):
        here = address(config, target.provider)
        for secret, place in carried(told.wire(number), known):
            home = known[secret]
            where = "" if place not in ("url", "body") else f" in its {place}"
            if home.address != here or where:
                message = f"attempt {number} sent {secret}{where} to {target.provider} ({here or 'a URL'})"
                return Breach(f"{message}; it belongs to {home.provider} ({home.address or 'a URL'})", number)
    return None


def _tried(told: Told) -> bool:
    return bool(told.targets)


no_secret_leaves_its_provider = Invariant("no_secret_leaves_its_provider", _keeps_secrets, _tried)
"""No key and no secret header is sent to another address than that of the first provider that names it.

Neither is it sent in a URL or a body. Two providers at one address may share a key.
"""


def _commits(told: Told) -> Breach | None:
    if not told.resumed:
        return None
    number = told.resumed[0]
    return Breach(f"attempt {number} began after content of another had been delivered", number)


commits_once = Invariant("commits_once", _commits, lambda told: told.request.stream and _tried(told))
"""Whatever of a stream reaches its caller is of one attempt.

``on_break: continue`` and ``splice`` let another attempt go on, and so break this on purpose: leave their
groups out, by ``commits_once.on(...)`` with the others' names.
"""
