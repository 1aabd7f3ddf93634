"""LiteLLM's ``cache`` and ``cache_params`` as native ``cache``, for every group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from router.config.diagnostics import shorten
from router.config.litellm.keys import ROWS
from router.config.litellm.known import CACHE_PARAMS
from router.config.litellm.values import absent, duration, entry
from router.config.litellm.winners import Winners
from router.config.nodes import Entry, Map, entries_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.config.diagnostics import Path
    from router.config.litellm.findings import Findings, Status
    from router.config.litellm.values import Values

KEYS: Final = ("cache", "cache_params")
_SECTION: Final = "cache_params"
_PATH: Final[Path] = ("litellm_settings", _SECTION)
_BUILT_IN_S: Final = 600.0
# Of the two times LiteLLM takes `default_in_memory_ttl`, wherever it stands, for answers kept in memory.
_ORDER: Final = {"type": 0, "default_in_memory_ttl": 1, "ttl": 2}
_CHATS: Final = frozenset({"completion", "acompletion"})


class CacheReader:
    """Reads the two keys together. LiteLLM keeps answers in Redis unless the file says ``type: local``."""

    def __init__(self, values: Values, findings: Findings) -> None:
        self._values = values
        self._findings = findings
        self._winners = Winners(findings)
        self._ttl_s = _BUILT_IN_S
        self._kept = True  # Whether what the file says can be had here.
        self._used: list[tuple[Entry, Path]] = []  # Keys that count if anything is kept.
        self._readers: dict[str, Callable[[Entry, Path], bool]] = {
            "type": self._type,
            "ttl": self._ttl,
            "default_in_memory_ttl": self._ttl,
            "mode": self._mode,
            "supported_call_types": self._calls,
        }

    def read(self, settings: Map) -> Entry | None:
        """The native ``cache``; None where nothing is kept.

        Args:
            settings: ``litellm_settings``.
        """
        params = settings.entries.get(_SECTION)
        item = settings.entries.get("cache")
        path = ("litellm_settings", "cache")
        if item is None or absent(item.node):
            on = None if item is None else False
        else:
            on = self._values.flag(item, path)
        if item is not None and on is False:
            self._findings.add("exact", item.place, path, "it is off")
        if item is None or not on:
            if params is not None:
                self._findings.add("exact", params.place, _PATH, "of no effect: `cache` is off")
            return None
        given = params.node.get("type") if params is not None and isinstance(params.node, Map) else None
        if given is None or absent(given):
            self._elsewhere("redis", item, path)
            self._read_params(params)
        else:
            self._read_params(params)
            if not (self._kept and self._ttl_s):
                self._kept = False
                self._findings.add("manual", item.place, path, "nothing is kept; see `cache_params`")
        self._tell(params)
        if not self._kept:
            return None
        self._findings.row("litellm_settings", item.place, path)
        return Entry(item.place, Map(item.place, {"ttl": entry(item.place, duration(self._ttl_s))}))

    def _read_params(self, params: Entry | None) -> None:
        node = params.node if params is not None else None
        if params is not None and not isinstance(node, Map) and not absent(params.node):
            self._findings.wrong(params.node.place, _PATH, "a map")
            return
        for key, item in sorted(entries_of(node), key=lambda pair: _ORDER.get(pair[0], len(_ORDER))):
            here = (*_PATH, key)
            if absent(item.node):
                self._findings.add("exact", item.place, here)
            elif key in self._readers:
                if self._readers[key](item, here):
                    self._used.append((item, here))
            elif (_SECTION, key) in ROWS:
                self._used.append((item, here))
            else:
                self._unknown(key, item, here)

    def _tell(self, params: Entry | None) -> None:
        """The findings of keys that are read well, now that it is known whether anything is kept."""
        if params is not None and self._kept:
            self._findings.row("litellm_settings", params.place, _PATH)
        elif params is not None:
            self._findings.add("exact", params.place, _PATH, ROWS["litellm_settings", _SECTION].note)
        for item, path in self._used:
            row = ROWS[_SECTION, str(path[-1])]
            if self._kept or row.status == "manual" or path[-1] == "type":
                self._findings.row(_SECTION, item.place, path)
            else:
                # What is the same when nothing is kept is nothing to warn of.
                status: Status = "exact" if row.status == "exact" else "unsupported"
                self._findings.add(status, item.place, path, "of no effect here: nothing is kept")

    def _unknown(self, key: str, item: Entry, path: Path) -> None:
        if key in CACHE_PARAMS:
            note = f"LiteLLM's `{shorten(key)}` is not read"
            self._findings.add("unsupported", item.place, path, note)
            return
        hint = self._findings.diagnostics.did_you_mean(key, sorted(CACHE_PARAMS)) or "remove it"
        self._findings.diagnostics.add("unknown-key", item.place, "unknown key", path=path, hint=hint)

    def _type(self, item: Entry, path: Path) -> bool:
        if text_of(item.node) == "local":
            return True
        self._elsewhere(str(text_of(item.node)), item, path)
        return False

    def _elsewhere(self, kind: str, item: Entry, path: Path) -> None:
        self._kept = False
        note = "answers kept outside of the process are planned; `type: local` keeps them in it"
        self._findings.add("manual", item.place, path, f"`{shorten(kind)}`: {note}")

    def _ttl(self, item: Entry, path: Path) -> bool:
        value = self._values.number(item, path)
        if value is None:
            return False
        if self._kept and not self._winners.has("ttl", item.place, path):
            return False
        self._ttl_s = value
        if not value:
            self._findings.add("exact", item.place, path, "0 keeps nothing")
        return bool(value)

    def _mode(self, item: Entry, path: Path) -> bool:
        if text_of(item.node) == "default_on":
            return True
        if text_of(item.node) == "default_off":
            self._kept = False
            note = (
                "a request cannot switch it on here; write `cache: {}` for the groups that shall keep answers"
            )
            self._findings.add("manual", item.place, path, note)
        else:
            self._findings.wrong(item.node.place, path, "`default_on` or `default_off`")
        return False

    def _calls(self, item: Entry, path: Path) -> bool:
        calls = self._values.texts(item, path)
        if calls is None or _CHATS & {str(call.value) for call in calls}:
            return calls is not None
        self._kept = False
        note = "chats and embeddings are kept alike; write `cache: {}` for the groups that shall keep answers"
        self._findings.add("manual", item.place, path, note)
        return False
