"""``router_settings`` and ``litellm_settings``: what holds for every group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from router.config.diagnostics import shorten, suggest
from router.config.litellm import caches, fallbacks, known
from router.config.litellm.keys import ROWS
from router.config.litellm.policies import BUILT_IN_RETRIES, PolicyReader, Said, policies
from router.config.litellm.values import absent, entry
from router.config.litellm.winners import Winners
from router.config.nodes import Entry, Map, Scalar, entries_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from router.config.diagnostics import Path, Place
    from router.config.litellm.findings import Findings
    from router.config.litellm.values import Values
    from router.config.nodes import Node

KNOWN: Final = {
    "router_settings": known.ROUTER_SETTINGS,
    "litellm_settings": known.LITELLM_SETTINGS,
    "general_settings": known.GENERAL_SETTINGS,
}
_SHUFFLE: Final = "simple-shuffle"
_LAR1: Final = "lar1"
_LAR1_NOTE: Final = (
    "one target after the other, `model_info.type: local` first, as LiteLLM serves a request that states no"
    " confidence; others ask for a type: `router: {tags: [cloud-smart]}`"
)
_BUDGETS: Final = "provider-budget-routing"
_STRATEGIES: Final = {
    _SHUFFLE: ("weighted", "shares are exact in turn, not drawn by lot"),
    "least-busy": ("least_busy", "the less busy of two chosen by lot, counted in this process"),
    "latency-based-routing": ("fastest", "by the time to the first content"),
    "cost-based-routing": ("cheapest", "by the declared price alone"),
    "usage-based-routing": ("least_busy", "by requests in flight, not by tokens of the last minute"),
    "usage-based-routing-v2": ("least_busy", "by requests in flight, not by tokens of the last minute"),
    _LAR1: ("weighted", _LAR1_NOTE),
}
_AFFINITIES: Final = {
    "deployment_affinity": ("caller", "each caller keeps to one target while it is ready"),
    "session_affinity": (
        "header:x-litellm-session-id",
        "each value of that header keeps to one target while it is ready",
    ),
}
_ALIAS: Final = ("model", "hidden")
_COUNTS: Final = ("num_retries", "allowed_fails", "max_fallbacks", "default_max_parallel_requests")
_FIRST: Final = ("disable_cooldowns", "allowed_fails_policy", "request_timeout")
_LAST: Final = ("default_litellm_params", "retry_policy", "model_group_retry_policy")
_HARMLESS_CHECKS: Final = {
    "responses_api_deployment_check": "there is no Responses API here",
    "enforce_model_rate_limits": "limits are always kept to",
}


@dataclass(slots=True)
class Settings:
    """What was read.

    Attributes:
        said: numbers by LiteLLM's names.
        retries: ``retries`` by a policy; None: there is none.
        group_retries: the same by group.
        strategy: native, with its place; None: the built-in.
        shuffle: whether LiteLLM draws targets by their shares.
        lar1: whether LiteLLM chooses them by their type.
        affinity: native, with its place; None: none.
        aliases: alias → (its place, the group it means).
        fallbacks: the lists of fallbacks.
        max_fallbacks: how deep chains go.
        params: default generation params.
        cache: native ``cache`` of every group; None: nothing is kept.
    """

    fallbacks: fallbacks.FallbackReader
    said: Said = field(default_factory=dict)
    retries: Map | None = None
    group_retries: dict[str, Map] = field(default_factory=dict)
    strategy: Entry | None = None
    shuffle: bool = True
    lar1: bool = False
    affinity: Entry | None = None
    aliases: dict[str, Entry] = field(default_factory=dict)
    max_fallbacks: int = 5
    params: dict[str, Entry] = field(default_factory=dict)
    cache: Entry | None = None

    @property
    def cooldowns(self) -> bool:
        """Whether LiteLLM sets targets aside at all."""
        return not self.said.get("disable_cooldowns", (None, 0))[1]

    @property
    def concurrency(self) -> tuple[Place, float] | None:
        """Requests at once for a target that says nothing of it; None: unlimited."""
        return self.said.get("default_max_parallel_requests")

    def defaults(self, place: Place) -> Map | None:
        """The native ``defaults``; None when nothing is said."""
        made = policies(self.said, self.default_retries, cooldowns=self.cooldowns)
        if not self.cooldowns:
            made["ejection"] = entry(self.said["disable_cooldowns"][0], value=False)
        if self.retries is not None:
            backoff = made["retries"].node.get("backoff") if "retries" in made else None  # type: ignore[union-attr]  # a map
            merged = Map(self.retries.place, dict(self.retries.entries))
            if backoff is not None:
                merged.entries["backoff"] = Entry(backoff.place, backoff)
            made["retries"] = Entry(merged.place, merged)
        if self.cache is not None:
            made["cache"] = self.cache
        if self.params:
            made["params"] = Entry(place, Map(place, self.params))
        return Map(place, made) if made else None

    @property
    def default_retries(self) -> float:
        """Retries of a group that says nothing itself."""
        return self.said.get("num_retries", (None, BUILT_IN_RETRIES))[1]


class SettingsReader:
    """Reads the two sections into one Settings."""

    def __init__(self, values: Values, findings: Findings) -> None:
        self._values = values
        self._findings = findings
        self._policies = PolicyReader(values, findings)
        self._winners = Winners(findings)
        self.settings = Settings(fallbacks.FallbackReader(findings, self._winners))
        number = self._number
        self._readers: dict[str, Callable[[Entry, Path], bool]] = {
            **dict.fromkeys(fallbacks.KEYS, self.settings.fallbacks.read),
            **dict.fromkeys(_COUNTS, self._count),
            **dict.fromkeys(("retry_after", "cooldown_time"), number),
            **dict.fromkeys(("timeout", "request_timeout", "stream_timeout"), self._seconds),
            **dict.fromkeys(("drop_params", "disable_cooldowns"), self._flag),
            "tag_filtering_match_any": self._match_any,
            "routing_strategy": self._strategy,
            "model_group_alias": self._aliases,
            "retry_policy": self._retry_policy,
            "model_group_retry_policy": self._group_retry_policy,
            "allowed_fails_policy": self._allowed_fails_policy,
            "optional_pre_call_checks": self._checks,
            "default_litellm_params": self._params,
        }

    def read(self, sections: Mapping[str, Node | None]) -> None:
        """Read ``router_settings`` and ``litellm_settings``, None where one is not in the file."""
        items: list[tuple[str, str, Entry]] = []
        for section, node in sections.items():
            if isinstance(node, Map):
                items += [(section, key, item) for key, item in node.entries.items()]
            elif node is not None and not absent(node):
                self._findings.wrong(node.place, (section,), "a map")
        node = sections["litellm_settings"]
        if isinstance(node, Map):
            self.settings.cache = caches.CacheReader(self._values, self._findings).read(node)
        for section, key, item in sorted(items, key=_rank):
            if section != "litellm_settings" or key not in caches.KEYS:
                self._read_key(section, item, (section, key))

    def _read_key(self, section: str, item: Entry, path: Path) -> None:
        key = str(path[-1])
        if absent(item.node):
            self._findings.add("exact", item.place, path)
        elif key not in self._readers or (section, key) not in ROWS:
            other_key(section, item, path, self._findings)
        elif self._readers[key](item, path):
            self._findings.row(section, item.place, path)

    # --- numbers

    def _number(self, item: Entry, path: Path) -> bool:
        return self._keep(str(path[-1]), item, path, self._values.number(item, path))

    def _count(self, item: Entry, path: Path) -> bool:
        value = self._values.number(item, path, whole=True)
        if path[-1] == "max_fallbacks" and value is not None:
            self.settings.max_fallbacks = int(value)
            return True
        return self._keep(str(path[-1]), item, path, value)

    def _seconds(self, item: Entry, path: Path) -> bool:
        key = str(path[-1])
        said = "timeout" if key == "request_timeout" else key
        return self._keep(said, item, path, self._values.seconds(item, path))

    def _flag(self, item: Entry, path: Path) -> bool:
        value = self._values.flag(item, path)
        if value and path[-1] == "disable_cooldowns":
            for key in ("allowed_fails", "cooldown_time"):
                self._winners.has(key, item.place, path)
        return self._keep(str(path[-1]), item, path, value)

    def _match_any(self, item: Entry, path: Path) -> bool:
        value = self._values.flag(item, path)
        if value is False:
            self._findings.add("exact", item.place, path)
        return bool(value)

    def _keep(self, key: str, item: Entry, path: Path, value: float | None) -> bool:
        """Take *value* as what the file says of *key*, unless another key has said it."""
        if value is None or not self._winners.has(key, item.place, path):
            return False
        self.settings.said[key] = (item.place, value)
        return True

    def concurrency(self, item: Entry, path: Path) -> None:
        """Read ``general_settings.max_parallel_requests``, a default as the router's own, which wins."""
        value = self._values.number(item, path, whole=True)
        if self._keep("default_max_parallel_requests", item, path, value):
            self._findings.row("general_settings", item.place, path)

    # --- policies by class

    def _retry_policy(self, item: Entry, path: Path) -> bool:
        self.settings.retries = self._policies.retries(item, path, self.settings.default_retries)
        return self.settings.retries is not None or not any(entries_of(item.node))

    def _group_retry_policy(self, item: Entry, path: Path) -> bool:
        if not isinstance(item.node, Map):
            self._findings.wrong(item.node.place, path, "a map")
            return False
        for group, policy in entries_of(item.node):
            made = self._policies.retries(policy, (*path, group), self.settings.default_retries)
            if made is not None:
                self.settings.group_retries[group] = made
        return True

    def _allowed_fails_policy(self, item: Entry, path: Path) -> bool:
        value = self._policies.allowed_fails(item.node, path)
        return self._keep("allowed_fails", item, path, value) or not any(entries_of(item.node))

    # --- choosing

    def _strategy(self, item: Entry, path: Path) -> bool:
        name = text_of(item.node)
        if name not in _STRATEGIES:
            if name == _BUDGETS:
                note = "targets are served by their shares; budgets are planned"
                self._findings.add("manual", item.place, path, note)
                return False
            near = suggest(name or "", sorted(_STRATEGIES))
            hint = f"did you mean `{near}`?" if near else f"write one of {', '.join(_STRATEGIES)}"
            message = f"`{shorten(str(name))}` is no routing strategy"
            self._findings.diagnostics.add("bad-value", item.node.place, message, path=path, hint=hint)
            return False
        native, note = _STRATEGIES[name]
        self.settings.shuffle, self.settings.lar1 = name == _SHUFFLE, name == _LAR1
        if native != "weighted":
            self.settings.strategy = entry(item.place, native)
        self._findings.add("approximate", item.place, path, note, native=f"strategy: {native}")
        return False

    def _checks(self, item: Entry, path: Path) -> bool:
        checks = self._values.texts(item, path)
        for index, check in enumerate(checks or ()):
            here = (*path, index)
            name = str(check.value)
            if name in _AFFINITIES:
                if not self._winners.has("affinity", check.place, here):
                    continue
                native, note = _AFFINITIES[name]
                self.settings.affinity = entry(item.place, native)
                self._findings.add("approximate", check.place, here, note, native=f"affinity: {native}")
            else:
                note = _HARMLESS_CHECKS.get(name, f"there is no check like `{shorten(name)}`")
                self._findings.add("manual", check.place, here, note)
        return checks == []

    def _params(self, item: Entry, path: Path) -> bool:
        if not isinstance(item.node, Map):
            self._findings.wrong(item.node.place, path, "a map")
            return False
        for key, other in entries_of(item.node):
            here = (*path, key)
            if key in known.PARAMS:
                value = self._values.plain(other.node, here)
                if value is not None:
                    self.settings.params[key] = Entry(other.place, value)
                    self._findings.add("exact", other.place, here, native=f"defaults.params.{key}")
            elif key in ("timeout", "stream_timeout"):
                if self._seconds(other, here):
                    self._findings.row("router_settings", other.place, here)
            else:
                note = f"LiteLLM's `{shorten(key)}` is not read here"
                self._findings.add("unsupported", other.place, here, note)
        return bool(self.settings.params) or not item.node.entries

    # --- names

    def _aliases(self, item: Entry, path: Path) -> bool:
        if not isinstance(item.node, Map):
            self._findings.wrong(item.node.place, path, "a map")
            return False
        for alias, other in entries_of(item.node):
            here = (*path, alias)
            for key, one in entries_of(other.node):
                if key not in _ALIAS:
                    hint = self._findings.diagnostics.did_you_mean(key, _ALIAS) or "remove it"
                    self._findings.diagnostics.add(
                        "unknown-key", one.place, "unknown key", path=(*here, key), hint=hint
                    )
            node = other.node.get("model") if isinstance(other.node, Map) else other.node
            if isinstance(node, Scalar) and text_of(node) is not None:
                self.settings.aliases[alias] = Entry(other.place, node)
            else:
                self._findings.wrong(other.node.place, here, "a group's name")
        return True


def _rank(said: tuple[str, str, Entry]) -> int:
    """Where a key comes: before those that it wins over, after those that it builds on."""
    section, key, _ = said
    if key in _FIRST:
        return _FIRST.index(key)
    in_order = len(_FIRST) + (section == "litellm_settings")
    return in_order + 2 if key in _LAST else in_order


def other_key(section: str, item: Entry, path: Path, findings: Findings) -> None:
    """A finding for a key of *section* that nothing reads."""
    key = str(path[-1])
    row = ROWS.get((section, key))
    off = isinstance(item.node, Scalar) and item.node.value is False
    if off and (row.status == "manual" if row is not None else key in KNOWN[section]):
        findings.add("exact", item.place, path, "it is off")
    elif row is not None:
        findings.row(section, item.place, path)
    elif key not in KNOWN[section] and (
        hint := findings.diagnostics.did_you_mean(key, sorted(KNOWN[section]))
    ):
        findings.diagnostics.add("unknown-key", item.place, "unknown key", path=path, hint=hint)
    else:
        findings.add("unsupported", item.place, path, f"LiteLLM's `{shorten(key)}` is not read")
