"""LiteLLM's numbers about time, retries and cooldowns as native policies, for a group or for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from router.config.fields import RETRYABLE
from router.config.litellm.values import duration, entry
from router.config.nodes import Entry, Map, Scalar, Sequence, entries_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.config.diagnostics import Path, Place
    from router.config.litellm.findings import Findings
    from router.config.litellm.values import Values
    from router.config.nodes import Node

Said = dict[str, tuple["Place", float]]
"""LiteLLM's key → where it stands and its value (true and false as 1 and 0)."""

BUILT_IN_RETRIES: Final = 2
_BUILT_IN_TIMEOUT_S: Final = 300.0
_BUILT_IN_CAP_S: Final = 4.0
_BUILT_IN_EJECTION_CAP_S: Final = 120.0
_MAX_RETRIES: Final = 100
_MAX_CONSECUTIVE: Final = 1_000
_CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "BadRequestErrorRetries": (),  # Never retried here, nor is a refusal of the content.
    "ContentPolicyViolationErrorRetries": (),
    "AuthenticationErrorRetries": ("auth",),
    "TimeoutErrorRetries": ("timeout",),
    "RateLimitErrorRetries": ("rate_limited",),
    "InternalServerErrorRetries": ("server_error",),
    "BadGatewayErrorRetries": ("server_error",),
    "ServiceUnavailableErrorRetries": ("overloaded",),
    "NotFoundErrorRetries": ("not_found",),
}
_DEFAULT: Final = "DefaultRetries"
ALLOWED_FAILS: Final = frozenset(f"{name.removesuffix('Retries')}AllowedFails" for name in _CLASSES)


def policies(said: Said, retries: float, *, cooldowns: bool = True) -> dict[str, Entry]:
    """Native policy keys.

    Args:
        said: what LiteLLM's file says at this level.
        retries: how often a group is retried at this level, for the time of the whole request.
        cooldowns: whether LiteLLM sets targets aside at all.
    """
    made = _timeouts(said, retries + 1) | _retries(said)
    if cooldowns:
        made |= _ejection(said)
    if "drop_params" in said:
        place, value = said["drop_params"]
        made["unsupported"] = entry(place, "drop" if value else "error")
    return made


def _timeouts(said: Said, attempts: float) -> dict[str, Entry]:
    made: dict[str, Entry] = {}
    first = said.get("stream_timeout") or said.get("timeout")
    if "timeout" in said:
        place, seconds = said["timeout"]
        made["attempt_timeout"] = entry(place, duration(seconds))
        if seconds * attempts > _BUILT_IN_TIMEOUT_S:
            made["timeout"] = entry(place, duration(seconds * attempts))
    if first is not None:
        inner = {"first_chunk_timeout": entry(first[0], duration(first[1]))}
        made["stream"] = Entry(first[0], Map(first[0], inner))
    return made


def _retries(said: Said) -> dict[str, Entry]:
    inner: dict[str, Entry] = {}
    if "num_retries" in said:
        place, count = said["num_retries"]
        inner["max"] = entry(place, min(int(count), _MAX_RETRIES))
    if said.get("retry_after", (None, 0))[1]:
        place, seconds = said["retry_after"]
        waits = {"base": entry(place, duration(seconds))}
        if seconds > _BUILT_IN_CAP_S:
            waits["cap"] = entry(place, duration(seconds))
        inner["backoff"] = Entry(place, Map(place, waits))
    if not inner:
        return {}
    place = next(iter(inner.values())).place
    return {"retries": Entry(place, Map(place, inner))}


def _ejection(said: Said) -> dict[str, Entry]:
    inner: dict[str, Entry] = {}
    if "allowed_fails" in said:
        place, count = said["allowed_fails"]
        inner["consecutive"] = entry(place, min(int(count) + 1, _MAX_CONSECUTIVE))
    if "cooldown_time" in said:
        place, seconds = said["cooldown_time"]
        if not seconds:
            return {"ejection": entry(place, value=False)}
        inner["base"] = entry(place, duration(seconds))
        if seconds > _BUILT_IN_EJECTION_CAP_S:
            inner["cap"] = entry(place, duration(seconds))
    if not inner:
        return {}
    place = next(iter(inner.values())).place
    return {"ejection": Entry(place, Map(place, inner))}


class PolicyReader:
    """Reads LiteLLM's policies by error class, of retries and of cooldowns."""

    def __init__(self, values: Values, findings: Findings) -> None:
        self._values = values
        self._findings = findings

    def allowed_fails(self, node: Node, path: Path) -> float | None:
        """The smallest number of any class; None when there is none."""
        return min(self._numbers(node, path, ALLOWED_FAILS).values(), default=None)

    def retries(self, item: Entry, path: Path, others: float) -> Map | None:
        """Native ``retries`` for a retry policy; None when it says nothing.

        Args:
            item: the policy.
            path: where it stands.
            others: the retries of classes that it leaves out.
        """
        numbers = self._numbers(item.node, path, _CLASSES.keys() | {_DEFAULT})
        if not numbers:
            return None
        rest = numbers.get(_DEFAULT, others)
        by_class = {str(kind): rest for kind in RETRYABLE}
        for name, count in numbers.items():
            by_class |= dict.fromkeys(_CLASSES.get(name, ()), count)
        most = min(int(max(by_class.values())), _MAX_RETRIES)
        made = Map(item.place, {"max": entry(item.place, most)})
        only = [name for name, count in by_class.items() if count]
        if most and len(only) < len(RETRYABLE):
            names = [Scalar(item.place, name) for name in only]
            made.entries["only"] = Entry(item.place, Sequence(item.place, list(names)))
        return made

    def _numbers(
        self, node: Node, path: Path, known: Mapping[str, object] | set[str] | frozenset[str]
    ) -> dict[str, float]:
        if not isinstance(node, Map):
            self._findings.wrong(node.place, path, "a map")
        found: dict[str, float] = {}
        for key, item in entries_of(node):
            here = (*path, key)
            if key not in known:
                # LiteLLM ignores such a name in silence.
                hint = self._findings.diagnostics.did_you_mean(key, sorted(known))
                self._findings.diagnostics.add("unknown-key", item.place, "unknown key", path=here, hint=hint)
            elif (value := self._values.number(item, here, whole=True)) is not None:
                found[key] = value
        return found
