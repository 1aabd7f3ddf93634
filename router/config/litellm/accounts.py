"""LiteLLM's deployments name an account each; here equal ones are one provider."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from router.config import secrets
from router.config.check_providers import FRAMING_HEADERS
from router.config.litellm.known import OPENAI, UPSTREAMS
from router.config.litellm.values import absent, entry
from router.config.nodes import Entry, Map, Scalar, entries_of
from router.types import Reference

if TYPE_CHECKING:
    from router.config.diagnostics import Path, Place
    from router.config.litellm.findings import Findings
    from router.config.litellm.values import Values
    from router.config.nodes import Node

BYTEZ: Final = "bytez"
_PROVIDER_KEY: Final = "provider-key"
_BYTEZ_URL: Final = "BYTEZ_BASE_URL"


@dataclass(slots=True)
class Account:
    """What one deployment says of its account.

    Attributes:
        prefix: LiteLLM's name of the upstream.
        place: of the deployment's params.
        entries: native keys of the provider that are written.
        headers: header → its value.
    """

    prefix: str
    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)
    headers: dict[str, Entry] = field(default_factory=dict)


class Accounts:
    """Gives each account a provider's name.

    Attributes:
        providers: name → the native provider.
    """

    def __init__(self, values: Values, findings: Findings) -> None:
        self._values = values
        self._findings = findings
        self._names: dict[tuple[tuple[str, str], ...], str] = {}
        self._counts: Counter[str] = Counter()
        self.providers: dict[str, Entry] = {}

    def name(self, account: Account, path: Path) -> str | None:
        """The provider for *account*; None, with a finding, when it has no address."""
        if not self._complete(account, path):
            return None
        identity = _identity(account)
        if identity not in self._names:
            self._counts[account.prefix] += 1
            count = self._counts[account.prefix]
            name = account.prefix if count == 1 else f"{account.prefix}-{count}"
            self._names[identity] = name
            self.providers[name] = Entry(account.place, self._provider(account, path))
        return self._names[identity]

    def headers(self, account: Account, node: Node, path: Path) -> None:
        """Add *node*, a map of headers, to *account*."""
        if not isinstance(node, Map):
            self._findings.wrong(node.place, path, "a map")
            return
        for header, item in entries_of(node):
            here = (*path, header)
            if header.lower() in FRAMING_HEADERS:
                self._findings.add("unsupported", item.place, here, "the router sets this header itself")
                continue
            bytez_key = account.prefix == BYTEZ and header.lower() == _PROVIDER_KEY
            value = self._values.reference(item.node, here, secret=bytez_key or secrets.secret_header(header))
            if value is None:
                continue
            if bytez_key:
                account.entries["provider_key"] = Entry(item.place, value)
            else:
                account.headers[header] = Entry(item.place, value)

    def _complete(self, account: Account, path: Path) -> bool:
        """Add what LiteLLM takes when the file does not say it; False when there is no address."""
        place, entries = account.place, account.entries
        if account.prefix == BYTEZ:
            key = None if "api_key" in entries else self._values.named("BYTEZ_API_KEY", place, secret=True)
            url = None if "base_url" in entries else self._values.named(_BYTEZ_URL, place, secret=False)
        else:
            upstream = UPSTREAMS[account.prefix]
            url = None
            if "base_url" not in entries:
                if upstream.url is None:
                    note = "the deployment is left out: it has no `api_base`"
                    self._findings.add("manual", place, path, note)
                    return False
                url = Scalar(place, upstream.url)
            key = self._own_key(account, upstream.variable) if url is not None else None
        for name, node in (("base_url", url), ("api_key", key)):
            if node is not None:
                entries[name] = Entry(node.place, node)
        return True

    def _own_key(self, account: Account, variable: str | None) -> Scalar | None:
        """The key of an upstream that the file does not move elsewhere."""
        if variable is None or "api_key" in account.entries:
            return None
        named = self._values.named(variable, account.place, secret=True)
        return named or Scalar(account.place, f"env:{variable}")

    def _provider(self, account: Account, path: Path) -> Map:
        place = account.place
        adapter = BYTEZ if account.prefix == BYTEZ else OPENAI
        entries = {"adapter": entry(place, adapter), **account.entries}
        if account.headers:
            entries["headers"] = Entry(place, Map(place, account.headers))
        if adapter == OPENAI:
            # As LiteLLM does: params that OpenAI does not know go up as they are.
            entries["passthrough"] = entry(place, "any")
        if self._unencrypted(account):
            entries["insecure_http"] = entry(place, value=True)
            url = account.entries["base_url"]
            note = "a credential travels unencrypted, as the file says; use `https`"
            self._findings.add("manual", url.place, (*path, "api_base"), note)
        return Map(place, entries)

    @staticmethod
    def _unencrypted(account: Account) -> bool:
        url = account.entries.get("base_url")
        text = url.node.value if url is not None and isinstance(url.node, Scalar) else None
        if not isinstance(text, str) or not secrets.unencrypted(text):
            return False
        keys = (account.entries.get(key) for key in ("api_key", "provider_key"))
        with_key = account.prefix == BYTEZ or any(key and not absent(key.node) for key in keys)
        return with_key or any(secrets.secret_header(name) for name in account.headers)


def _identity(account: Account) -> tuple[tuple[str, str], ...]:
    """What tells two accounts apart; stays in memory, since a literal key is part of it."""
    said = [(key, _said(item.node)) for key, item in account.entries.items()]
    headers = [(f"headers.{name}", _said(item.node)) for name, item in account.headers.items()]
    return (("", account.prefix), *sorted([*said, *headers]))


def _said(node: Node) -> str:
    value = node.value if isinstance(node, Scalar) else None
    return f"literal:{value.name}" if isinstance(value, Reference) else str(value)
