"""From a file or text to a RouterConfig, with every finding in one pass."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from router.config import reader, source
from router.config.check_models import check_models, check_timeouts
from router.config.check_providers import Located, check_providers, reference_nodes, references
from router.config.diagnostics import Diagnostics, Path, Place
from router.config.includes import Includer
from router.config.litellm.recognise import recognised
from router.config.nodes import Map, Scalar, entries_of, find, tree
from router.config.secrets import UnusableSecret, absolute, resolve, url_problem
from router.config.validation import validate
from router.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.config.codes import Severity
    from router.config.litellm.convert import Conversion
    from router.config.models import RouterConfig

TEXT = "<text>"
PYTHON = "<python>"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a config.

    Attributes:
        config: None when there is an error.
        diagnostics: every finding so far; checks of the compiled plan may add to it.
        root: the united, native tree with its places; None when a file could not be read as YAML.
        references: every reference that is written, in the file's order.
        file: the root file as it was named.
        conversion: what became of each key of a LiteLLM file; None: it is a native one.
    """

    config: RouterConfig | None
    diagnostics: Diagnostics
    root: Map | None
    references: tuple[Located, ...]
    file: str
    conversion: Conversion | None = None

    def __post_init__(self) -> None:
        """Hold that a config which cannot be used says why."""
        assert self.config is not None or not self.diagnostics.ok, "no config, and no error"

    def locate(self, path: Path) -> Place:
        """Where the value at *path* is written; for one that is not, where its map is."""
        if self.root is None:
            return Place(self.file, 1, 1)
        return find(self.root, path).value

    def require(self) -> RouterConfig:
        """The config.

        Raises:
            ConfigError: there are errors; it has every finding.
        """
        if self.config is None or not self.diagnostics.ok:
            raise ConfigError(tuple(self.diagnostics))
        return self.config

    def check_references(self, environ: Mapping[str, str], *, required: bool = True) -> None:
        """Add a finding for each reference without a usable value; *required*: an error, else a note.

        Built-in references, such as ``env:BYTEZ_API_KEY``, are never a finding.
        """
        severity: Severity | None = None if required else "note"
        for item in self.references:
            try:
                self._check_reference(item, environ)
            except UnusableSecret as error:
                self.diagnostics.add(
                    error.code, item.place, str(error), path=item.path, hint=error.hint, severity=severity
                )

    def _check_reference(self, item: Located, environ: Mapping[str, str]) -> None:
        last = item.path[-1]
        if last == "ca_file":
            if not os.access(item.reference.name, os.R_OK):
                raise UnusableSecret("missing-reference", "the file cannot be read", "create the file")
            return
        value = resolve(item.reference, environ, spaces="headers" in item.path).reveal()
        problem = url_problem(value) if last in ("base_url", "proxy") else None
        if problem:
            raise UnusableSecret("bad-url", f"the value of `{item.reference}` {problem}", "correct the value")


def load_file(path: str | os.PathLike[str], *, large: bool = False) -> Loaded:
    """Load a YAML file, native or LiteLLM's.

    Args:
        path: the file; its includes and ``file:`` references are relative to its directory.
        large: allow 32 MiB and 2,000,000 values in place of 1 MiB and 200,000.
    """
    name = os.fspath(path)
    diagnostics = Diagnostics()
    limit = reader.limits(large=large)
    text = reader.read_file(FilePath(name), limit, diagnostics)
    if text is None:
        return Loaded(None, diagnostics, None, (), name)
    root = source.parse(text, name, limit, diagnostics)
    return _finish(
        root, name, absolute(name), Includer(limit, diagnostics, {name: str(FilePath(absolute(name)).parent)})
    )


def load_text(
    text: str, *, file: str = TEXT, base_dir: str | os.PathLike[str] | None = None, large: bool = False
) -> Loaded:
    """Load YAML text; as ``load_file``.

    Args:
        text: the YAML.
        file: what to call it in findings.
        base_dir: what relative paths are relative to; None: the working directory.
        large: as in ``load_file``.
    """
    diagnostics = Diagnostics()
    limit = reader.limits(large=large)
    directory = absolute(os.fspath(base_dir or ""))
    root = source.parse(text, file, limit, diagnostics)
    return _finish(root, file, absolute(file, directory), Includer(limit, diagnostics, {file: directory}))


def load_data(data: Mapping[str, Any]) -> Loaded:
    """Check a config that was built in Python: what a file would hold, as dicts and lists.

    ``load_data(config.model_dump(exclude_unset=True))`` follows the names of a RouterConfig.
    """
    root = tree(dict(data), PYTHON)
    assert isinstance(root, Map)
    diagnostics = Diagnostics()
    return _finish(root, PYTHON, "", Includer(reader.NORMAL, diagnostics, {PYTHON: absolute("")}))


def _finish(root: Map | None, file: str, path: str, includer: Includer) -> Loaded:
    diagnostics = includer.diagnostics
    if root is None:
        return Loaded(None, diagnostics, None, (), file)
    conversion = _convert(root, includer, path) if recognised(root) else None
    root = conversion.root if conversion is not None else includer.unite(root, (path,))
    _make_absolute(root, includer.directories)
    config = validate(root, diagnostics)
    check_providers(root, diagnostics)
    check_models(root, diagnostics)
    if config is not None:
        check_timeouts(config, root, diagnostics)
    return Loaded(config if diagnostics.ok else None, diagnostics, root, references(root), file, conversion)


def _convert(root: Map, includer: Includer, path: str) -> Conversion:
    from router.config.litellm.convert import convert  # noqa: PLC0415 - a tenth of what the import would take

    return convert(root, includer, path)


def _make_absolute(root: Map, directories: Mapping[str, str]) -> None:
    """Make paths, those of ``file:`` references too, relative to the file they stand in."""
    for _, node in reference_nodes(root):
        if isinstance(node.value, str) and node.value.startswith("file:") and len(node.value) > len("file:"):
            name = node.value.removeprefix("file:")
            node.value = f"file:{absolute(name, directories[node.place.file])}"
    for _, entry in entries_of(root.get("providers")):
        _make_path_absolute(entry.node, "ca_file", directories)
    _make_path_absolute(root.get("decision_log"), "path", directories)


def _make_path_absolute(node: object, key: str, directories: Mapping[str, str]) -> None:
    path = node.get(key) if isinstance(node, Map) else None
    if isinstance(path, Scalar) and isinstance(path.value, str) and path.value:
        path.value = absolute(path.value, directories[path.place.file])
