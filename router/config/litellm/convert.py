"""The whole file: its sections in the order in which they depend on each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from router.config.diagnostics import shorten
from router.config.litellm import known
from router.config.litellm.accounts import Accounts
from router.config.litellm.chains import Chains, Groups
from router.config.litellm.credentials import Credentials
from router.config.litellm.deployments import DeploymentReader
from router.config.litellm.findings import Finding, Findings
from router.config.litellm.groups import group
from router.config.litellm.includes import unite
from router.config.litellm.keys import ROWS
from router.config.litellm.recognise import SECTIONS
from router.config.litellm.settings import SettingsReader, other_key
from router.config.litellm.values import Values, absent, entry
from router.config.nodes import Entry, Map, Scalar, Sequence, entries_of, items_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.config.includes import Includer
    from router.config.litellm.readers import Deployment
    from router.config.nodes import Node

_READ: Final = (*SECTIONS, "model_list", "environment_variables", "include", "credential_list")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a LiteLLM file says.

    Attributes:
        root: the native tree; each node has the place of what it was made from.
        findings: one for each key of the source, in the file's order.
        names: literal secret → the variable that it should be read from; never shown.
    """

    root: Map
    findings: tuple[Finding, ...]
    names: Mapping[str, str] = field(repr=False)


def convert(root: Map, includer: Includer, path: str) -> Conversion:
    """The native tree that says the same as LiteLLM's *root*.

    Args:
        root: the file's tree.
        includer: reads included files; its diagnostics take the findings.
        path: the absolute path of the file.
    """
    findings = Findings(includer.diagnostics)
    united = unite(root, includer, findings, path)
    return _Converter(united, findings, includer.limit.nodes).convert()


class _Converter:
    def __init__(self, root: Map, findings: Findings, most: int) -> None:
        self._most = most
        self._root = root
        self._findings = findings
        self._values = Values(root.get("environment_variables"), findings)
        self._accounts = Accounts(self._values, findings)
        self._settings = SettingsReader(self._values, findings)

    def convert(self) -> Conversion:
        place = self._root.place
        native = Map(place, {"version": entry(place, 1)})
        self._root_keys()
        sections = ("router_settings", "litellm_settings")
        self._settings.read({name: self._root.get(name) for name in sections})
        settings = self._settings.settings
        general = self._root.entries.get("general_settings")
        callers = self._general_settings(general.node) if general is not None else None
        groups = self._groups()
        defaults = settings.defaults(place)
        if self._accounts.providers:
            native.entries["providers"] = Entry(place, Map(place, self._accounts.providers))
        if defaults is not None:
            native.entries["defaults"] = Entry(place, defaults)
        listed = self._root.entries.get("model_list", Entry(place, Map(place)))
        native.entries["models"] = Entry(listed.place, Map(listed.node.place, groups))
        if callers is not None:
            native.entries["callers"] = Entry(callers.place, callers)
        return Conversion(native, tuple(self._findings), self._values.names)

    def _root_keys(self) -> None:
        for key, item in self._root.entries.items():
            path = (key,)
            if key in _READ:
                self._findings.row("root", item.place, path)
            elif key in known.ROOT:
                note = f"LiteLLM's `{shorten(key)}` is not read"
                self._findings.add("unsupported", item.place, path, note)
            else:
                hint = self._findings.diagnostics.did_you_mean(key, sorted(known.ROOT)) or "remove it"
                self._findings.diagnostics.add("unknown-key", item.place, "unknown key", path=path, hint=hint)
        variables = self._root.get("environment_variables")
        if variables is not None and not isinstance(variables, Map) and not absent(variables):
            self._findings.wrong(variables.place, ("environment_variables",), "a map")
        for name, item in entries_of(variables):
            self._findings.add(
                "exact",
                item.place,
                ("environment_variables", name),
                ROWS["root", "environment_variables"].note,
            )

    # --- model_list

    def _groups(self) -> dict[str, Entry]:
        credentials = Credentials(self._root.get("credential_list"), self._findings)
        reader = DeploymentReader(self._values, self._findings, self._accounts, credentials)
        by_name: dict[str, list[tuple[Deployment, str]]] = {}
        places: dict[str, Entry] = {}
        asked: set[str] = set()
        node = self._root.get("model_list")
        if node is not None and not isinstance(node, Sequence) and not absent(node):
            self._findings.wrong(node.place, ("model_list",), "a list")
        for index, item in enumerate(items_of(node)):
            deployment = reader.read(item, ("model_list", index))
            if isinstance(item, Map):
                asked.add(text_of(item.get("model_name")) or "")
            provider = self._accounts.name(deployment.account, deployment.path) if deployment else None
            if deployment is None or provider is None:
                continue
            name = str(deployment.name.value)
            places.setdefault(name, Entry(deployment.name.place, deployment.name))
            by_name.setdefault(name, []).append((deployment, provider))
        credentials.tell_unnamed()
        settings = self._settings.settings
        made = {name: Entry(places[name].place, group(found, settings)) for name, found in by_name.items()}
        for found in by_name.values():
            self._check_space(found)
        groups = Groups(made, asked - by_name.keys(), self._findings)
        groups.add_aliases(settings)
        others = self._completion_model(groups)
        self._check_group_policies(groups)
        Chains(groups, settings, self._most).write()
        if others is not None and isinstance(others.node, Map):
            kept = {key: item for key, item in others.node.entries.items() if key != "aliases"}
            groups.groups["*"] = Entry(others.place, Map(others.node.place, kept))
        return groups.groups

    def _check_space(self, deployments: list[tuple[Deployment, str]]) -> None:
        """Say of a group that embeds by several models what LiteLLM mixes."""
        first = str(deployments[0][0].model.value)
        for one, _ in deployments:
            if one.embeds is not None and str(one.model.value) != first:
                note = (
                    f"vectors of two models are never mixed: embeddings go to `{shorten(first)}` alone;"
                    " write one `embedding_space` at both targets where they are alike"
                )
                self._findings.add("approximate", *one.embeds, note, native="targets[].embedding_space")

    def _check_group_policies(self, groups: Groups) -> None:
        for name, policy in self._settings.settings.group_retries.items():
            path = ("router_settings", "model_group_retry_policy", name)
            if groups.check(name, Scalar(policy.place, name), path):
                own = groups.own(name, policy.place)
                if own is not None:
                    own.entries["retries"] = Entry(policy.place, policy)

    def _completion_model(self, groups: Groups) -> Entry | None:
        """The group for names that are no group's, as LiteLLM's file names it; None: it names none."""
        general = self._root.get("general_settings")
        item = general.entries.get("completion_model") if isinstance(general, Map) else None
        name = text_of(item.node) if item is not None else None
        if item is None or name is None:
            return None
        path = ("general_settings", "completion_model")
        if "*" in groups.groups:
            note = "left out: `*` is a group already, and serves every other name"
            self._findings.add("manual", item.place, path, note)
            return None
        if not groups.check(name, Scalar(item.node.place, name), path):
            return None
        own = groups.own(name, item.place)
        if own is None:
            return None
        self._findings.row("general_settings", item.place, path)
        return Entry(item.place, own)

    # --- general_settings

    def _general_settings(self, node: Node) -> Sequence | None:
        path = ("general_settings",)
        if not isinstance(node, Map):
            if not absent(node):
                self._findings.wrong(node.place, path, "a map")
            return None
        callers: Sequence | None = None
        for key, item in entries_of(node):
            here = (*path, key)
            if absent(item.node):
                self._findings.add("exact", item.place, here)
            elif key == "master_key":
                value = self._values.reference(item.node, here, secret=True)
                if value is not None:
                    fields = {"name": entry(item.place, "master"), "key": Entry(value.place, value)}
                    callers = Sequence(item.place, [Map(item.place, fields)])
                    self._findings.row("general_settings", item.place, here)
            elif key == "max_parallel_requests":
                self._settings.concurrency(item, here)
            elif key != "completion_model":
                other_key("general_settings", item, here, self._findings)
            elif text_of(item.node) is None:
                self._findings.wrong(item.node.place, here, "a group's name")
        return callers
