"""LiteLLM's ``config.yaml`` as a native tree, every node keeping its place.

What is read: ``model_list`` with ``model_name`` and ``litellm_params`` (model, api_key, api_base and
generation params), and ``general_settings.master_key``. Every other key is refused by name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from router.config.diagnostics import shorten, suggest
from router.config.nodes import Entry, Map, Scalar, Sequence, entries_of, items_of, text_of
from router.types import Reference

if TYPE_CHECKING:
    from router.config.diagnostics import Diagnostics, Path, Place
    from router.config.nodes import Node

# fmt: off
ROOT_KEYS: Final = frozenset({
    "model_list", "litellm_settings", "router_settings", "general_settings", "environment_variables",
    "include", "credential_list", "callback_settings", "guardrails", "policies", "prompts",
    "search_tools", "sandbox_tools", "mcp_servers", "mcp_tools", "agents", "agent_list",
    "vector_store_registry", "assistant_settings", "finetune_settings", "files_settings",
    "default_vertex_config",
})
# fmt: on
ENTRY_KEYS: Final = frozenset({"model_name", "litellm_params", "model_info"})
READ_KEYS: Final = ("model", "api_key", "api_base")
# litellm_params that steer LiteLLM itself: none of them is a generation param.
# fmt: off
STEERING_KEYS: Final = frozenset({
    "api_version", "organization", "region_name", "custom_llm_provider", "litellm_credential_name",
    "base_url", "weight", "rpm", "tpm", "itpm", "otpm", "rpd", "tpd", "order", "max_parallel_requests",
    "tags", "tag_regex", "silent_model", "provider_affinity_header", "timeout", "stream_timeout",
    "num_retries", "max_retries", "cooldown_time", "keepalive_seconds", "timeout_by_service_tier",
    "stream_timeout_by_service_tier", "drop_params", "additional_drop_params", "allowed_openai_params",
    "extra_body", "extra_headers", "headers", "merge_reasoning_content_in_choices",
    "use_in_pass_through", "use_litellm_proxy", "configurable_clientside_auth_params", "mock_response",
    "input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second",
    "cost_per_second", "max_budget", "budget_duration", "rust", "stream", "fallbacks",
    "litellm_trace_id", "max_file_size_mb", "default_api_key_rpm_limit", "default_api_key_tpm_limit",
})
# fmt: on
_STEERING_PREFIXES = (
    "aws_",
    "vertex_",
    "azure_",
    "watsonx_",
    "auto_router_",
    "complexity_router_",
    "adaptive_router_",
    "quality_router_",
)
_ADAPTERS = ("bytez", "openai")
_OPENAI_URL = "https://api.openai.com/v1"
_ENVIRONMENT = "os.environ/"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")


def recognised(root: Map) -> bool:
    """Whether a file is LiteLLM's: it has a ``model_list``."""
    return "model_list" in root.entries


def convert(root: Map, diagnostics: Diagnostics) -> Map:
    """The native tree that says the same as LiteLLM's *root*."""
    return _Converter(root, diagnostics).convert()


@dataclass(slots=True)
class _Params:
    """One entry's ``litellm_params``, sorted."""

    model: Scalar | None = None
    account: dict[str, Scalar] = field(default_factory=dict)
    params: dict[str, Entry] = field(default_factory=dict)


class _Converter:
    def __init__(self, root: Map, diagnostics: Diagnostics) -> None:
        self._root = root
        self._diagnostics = diagnostics
        self._groups: dict[str, Entry] = {}
        self._providers: dict[str, Entry] = {}
        self._accounts: dict[tuple[str, ...], str] = {}
        self._account_counts: Counter[str] = Counter()
        self._meanings: dict[str, str | None] = {}

    def convert(self) -> Map:
        place = self._root.place
        native = Map(place, {"version": Entry(place, Scalar(place, 1))})
        for key, entry in self._root.entries.items():
            if key == "model_list":
                self._model_list(entry)
                native.entries["models"] = Entry(entry.place, Map(entry.node.place, self._groups))
                native.entries["providers"] = Entry(entry.place, Map(entry.node.place, self._providers))
            elif key == "general_settings":
                callers = self._general_settings(entry.node)
                if callers is not None:
                    native.entries["callers"] = Entry(entry.place, callers)
            else:
                self._refuse(key, entry.place, (key,), ROOT_KEYS)
        return native

    def _refuse(self, key: str, place: Place, path: Path, known: frozenset[str]) -> None:
        if key in known or key.startswith(_STEERING_PREFIXES):
            hint = "remove it, or write a native file"
            message = f"LiteLLM's `{shorten(key)}` is not read"
            self._diagnostics.add("litellm-unsupported", place, message, path=path, hint=hint)
        else:
            hint = self._diagnostics.did_you_mean(key, sorted(known)) or "remove it"
            self._diagnostics.add("unknown-key", place, "unknown key", path=path, hint=hint)

    def _wrong(self, node: Node, what: str, path: Path) -> None:
        self._diagnostics.add("wrong-type", node.place, f"must be {what}", path=path)

    # --- model_list

    def _model_list(self, entry: Entry) -> None:
        if not isinstance(entry.node, Sequence):
            self._wrong(entry.node, "a list", ("model_list",))
        for index, item in enumerate(items_of(entry.node)):
            path: Path = ("model_list", index)
            if not isinstance(item, Map):
                self._wrong(item, "a map with `model_name` and `litellm_params`", path)
                continue
            for key, other in item.entries.items():
                if key not in ("model_name", "litellm_params"):
                    self._refuse(key, other.place, (*path, key), ENTRY_KEYS)
            self._deployment(item, path)

    def _deployment(self, item: Map, path: Path) -> None:
        name = self._needed(item, "model_name", path)
        params = item.get("litellm_params")
        if params is None:
            self._missing(item, "litellm_params", path)
            return
        if not isinstance(params, Map):
            self._wrong(params, "a map", (*path, "litellm_params"))
            return
        read = self._litellm_params(params, (*path, "litellm_params"))
        target = self._target(params, read, (*path, "litellm_params"))
        if name is None or target is None:
            return
        group = self._groups.get(str(name.value))
        if group is None:
            targets = Entry(item.place, Sequence(item.place))
            group = Entry(name.place, Map(item.place, {"targets": targets}))
            self._groups[str(name.value)] = group
        assert isinstance(group.node, Map)
        listed = group.node.get("targets")
        assert isinstance(listed, Sequence)
        listed.items.append(target)

    def _needed(self, item: Map, key: str, path: Path) -> Scalar | None:
        node = item.get(key)
        if node is None:
            self._missing(item, key, path)
        elif text_of(node) is None or not isinstance(node, Scalar):
            self._wrong(node, "text", (*path, key))
        else:
            return node
        return None

    def _missing(self, item: Map, key: str, path: Path) -> None:
        if not any(suggest(written, (key,)) for written in list(item.entries)[:64]):
            self._diagnostics.add(
                "missing-key", item.place, f"`{key}` is missing", path=path, hint=f"add `{key}`"
            )

    def _litellm_params(self, params: Map, path: Path) -> _Params:
        read = _Params(model=self._needed(params, "model", path))
        for key, entry in params.entries.items():
            here = (*path, key)
            if key == "model":
                continue
            if key in ("api_key", "api_base"):
                node = self._value(key, entry.node, here)
                if node is not None:
                    read.account[key] = node
            elif key in STEERING_KEYS or key.startswith(_STEERING_PREFIXES):
                self._refuse(key, entry.place, here, STEERING_KEYS)
            elif meant := self._meant(key):
                hint = f"did you mean `{meant}`?"
                self._diagnostics.add("unknown-key", entry.place, "unknown key", path=here, hint=hint)
            elif (text_of(entry.node) or "").startswith(_ENVIRONMENT):
                message = "`os.environ/` is read in `api_key` and `api_base` only"
                self._diagnostics.add("litellm-unsupported", entry.node.place, message, path=here)
            else:
                read.params[key] = entry
        return read

    def _meant(self, key: str) -> str | None:
        # Not one of the collector's suggestions: what is misspelt must not go up as a param.
        if key not in self._meanings:
            self._meanings[key] = suggest(key, READ_KEYS)
        return self._meanings[key]

    def _value(self, key: str, node: Node, path: Path) -> Scalar | None:
        """``os.environ/NAME`` as a reference; a literal URL as it is, a literal key as a secret."""
        text = text_of(node)
        if isinstance(node, Scalar) and node.value is None:
            return None
        if text is None:
            self._wrong(node, "text", path)
            return None
        if text.startswith(_ENVIRONMENT):
            name = text.removeprefix(_ENVIRONMENT)
            if not _VARIABLE.fullmatch(name):
                message = "`os.environ/` must be followed by a variable's name"
                self._diagnostics.add(
                    "bad-reference", node.place, message, path=path, hint="write `os.environ/NAME`"
                )
                return None
            return Scalar(node.place, f"env:{name}")
        if key == "api_base":
            return Scalar(node.place, text)
        self._literal(node.place, path)
        return Scalar(node.place, Reference("literal", text, secret=True))

    def _literal(self, place: Place, path: Path) -> None:
        message = "a secret is written into the file"
        hint = "write `os.environ/NAME`"
        self._diagnostics.add("literal-secret", place, message, path=path, hint=hint, severity="warning")

    # --- targets and providers

    def _target(self, params: Map, read: _Params, path: Path) -> Map | None:
        if read.model is None:
            return None
        prefix, slash, model = str(read.model.value).partition("/")
        if prefix not in _ADAPTERS or not slash:
            message = (
                f"only models of `bytez/` and `openai/` are read, not `{shorten(str(read.model.value))}`"
            )
            hint = (
                self._diagnostics.did_you_mean(prefix, _ADAPTERS)
                if slash
                else f"write `openai/{shorten(prefix)}` or `bytez/org/name`"
            )
            place = read.model.place
            self._diagnostics.add("litellm-unsupported", place, message, path=(*path, "model"), hint=hint)
            return None
        provider = self._provider(prefix, read.account, params.place)
        place = read.model.place
        target = Map(params.place, {"model": Entry(place, Scalar(place, f"{provider}/{model}"))})
        if read.params:
            target.entries["params"] = Entry(params.place, Map(params.place, read.params))
        return target

    def _provider(self, prefix: str, account: dict[str, Scalar], place: Place) -> str:
        key, url = account.get("api_key"), account.get("api_base")
        identity = (prefix, _identity(key), _identity(url))
        if identity in self._accounts:
            return self._accounts[identity]
        self._account_counts[prefix] += 1
        count = self._account_counts[prefix]
        name = prefix if count == 1 else f"{prefix}-{count}"
        self._accounts[identity] = name
        entries = {"adapter": Entry(place, Scalar(place, prefix))}
        if url is None and prefix == "openai":
            url = Scalar(place, _OPENAI_URL)
            key = key or Scalar(place, "env:OPENAI_API_KEY")  # What LiteLLM takes when the file names none.
        for name_of, node in (("base_url", url), ("api_key", key)):
            if node is not None:
                entries[name_of] = Entry(node.place, node)
        self._providers[name] = Entry(place, Map(place, entries))
        return name

    # --- general_settings

    def _general_settings(self, node: Node) -> Sequence | None:
        path: Path = ("general_settings",)
        if not isinstance(node, Map):
            if not (isinstance(node, Scalar) and node.value is None):
                self._wrong(node, "a map", path)
            return None
        callers: Sequence | None = None
        for key, entry in entries_of(node):
            if key != "master_key":
                hint = self._diagnostics.did_you_mean(key, ("master_key",))
                code = "unknown-key" if hint else "litellm-unsupported"
                message = "unknown key" if hint else f"LiteLLM's `{shorten(key)}` is not read"
                self._diagnostics.add(code, entry.place, message, path=(*path, key), hint=hint or "remove it")
                continue
            value = self._value("api_key", entry.node, (*path, key))
            if value is not None:
                place = entry.place
                fields = {"name": Entry(place, Scalar(place, "master")), "key": Entry(value.place, value)}
                callers = Sequence(place, [Map(place, fields)])
        return callers


def _identity(node: Scalar | None) -> str:
    """What tells two accounts apart; stays in memory, since a literal key is part of it."""
    if node is None:
        return ""
    return node.value.name if isinstance(node.value, Reference) else str(node.value)
