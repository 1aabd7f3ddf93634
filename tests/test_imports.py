"""Imports point one way, stay cheap, and need no extra."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTER = Path(__file__).parents[1] / "router"

_BASE = {"types", "errors"}
_CORE = {"core", *_BASE}
_SIDES = {"cache", "adapters", "transport", "telemetry"}
_COMPILER = {"plan", "digests", "layers", "inherited", "preconditions", "spaces"}
_PLAN = {*_COMPILER, "config", "adapters", *_CORE}
_CLIENT = {
    *(
        "account",
        "arrival",
        "attempt",
        "cached",
        "chain_decision",
        "checks",
        "client",
        "considered",
        "decision",
    ),
    *("default", "driver", "eligible", "engine", "flight", "held", "keeping", "loops", "making", "offline"),
    *("outcomes", "part", "plainjson", "rehearsal", "request", "resume", "rights", "routes", "runs", "seat"),
    *("shape", "snapshot", "starting", "streams", "trace"),
}
_UNDER = {*_CLIENT, *_PLAN, *_SIDES, "virtual"}
_MAY: dict[str, set[str]] = {
    "types": set(),
    "errors": {"types"},
    "core": _CORE,
    "config": {"config", *_CORE},
    "cache": {"cache", *_CORE},
    "adapters": {"adapters", *_CORE},
    "telemetry": {"telemetry", *_CORE},
    "transport": {"transport", "adapters", *_CORE},
    **dict.fromkeys(_COMPILER, _PLAN),
    **dict.fromkeys(_CLIENT, _UNDER),
    "address": set(),
    "collector": set(),
    "virtual": _CORE,
    "emulator": {"emulator", "address", *_UNDER},
    "testing": {"testing", "tools", "emulator", *_UNDER},
    "server": {"server", "address", "collector", *_UNDER},
    "inprocess": {"server", *_UNDER},
    "tools": {"tools", "emulator", *_UNDER},
    "cli": {"cli", "server", "tools", "testing", "emulator", "address", "collector", *_UNDER},
}
"""Which rooms each room may import. A room is a package or module right under ``router``."""

_STDLIB_ONLY = {"", "types", "errors", "core"}
_HTTPX = {"transport", "emulator", "inprocess"}
_HEAVY = ("pydantic", "pydantic_settings", "httpcore2", "httpx2", "yaml")
_EXTRAS = ("pyreqwest", "uvicorn", "uvloop", "httptools", "hypothesis", "pytest", "_pytest")
_NEEDS_AN_EXTRA = {
    "router.testing.plugin",  # A pytest plugin: only pytest imports it.
    "router.testing.broken",  # These make examples by Hypothesis, and load on first use.
    "router.testing.edits",
    "router.testing.flaws",
    "router.testing.good",
    "router.testing.mistakes",
    "router.testing.search",
    "router.testing.strategies",
    "router.transport.lanes",  # These two are chosen when [fast] is installed.
    "router.transport.pyreqwest",
    "router.emulator.uvicorn_server",  # These two are imported when a server starts, which takes [server].
    "router.server.uvicorn_server",
}
"""The modules that may not be importable from the core install; nothing may import them at its top."""


@dataclass(frozen=True)
class Import:
    """One imported module, as written in one file.

    Attributes:
        place: ``file:line``, for the failure's message.
        room: the room of the importing file; "" for the package's own ``__init__``.
        name: the imported module's dotted name.
        typing_only: inside ``if TYPE_CHECKING``.
    """

    place: str
    room: str
    name: str
    typing_only: bool

    @property
    def target(self) -> str | None:
        """The imported room of this package; None for other packages and for the bare package."""
        parts = self.name.split(".")
        return parts[1] if parts[0] == "router" and len(parts) > 1 else None


def _room(path: Path) -> str:
    parts = path.relative_to(ROUTER).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def _names(node: ast.AST, path: Path) -> list[str]:
    """The modules that *node* imports, with relative names made absolute."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = ["router", *path.relative_to(ROUTER).parts[:-1]]
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        is_room = module == "router"
        return [f"router.{alias.name}" for alias in node.names if alias.name in _MAY] if is_room else [module]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        "import_module",
        "__import__",
    ):
        return [ast.literal_eval(node.args[0])] if isinstance(node.args[0], ast.Constant) else []
    return []


def _imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for name in _names(node, path):
            place = f"{path.relative_to(ROUTER.parent)}:{getattr(node, 'lineno', 0)}"
            yield Import(place, _room(path), name, typing_only=id(node) in for_types)


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    """Every import of the package: read for these tests only, not by each process that collects them."""
    return [item for path in sorted(ROUTER.rglob("*.py")) for item in _imports(path)]


_DOWNSTAIRS = ("client", "router.inprocess")
"""``Router.http_client()`` needs the gateway, which stands on the client: imported only when it is called."""


def _wrong_way(item: Import) -> bool:
    if item.target is None or item.room == "":
        return False
    if (item.room, item.name) == _DOWNSTAIRS:
        return False
    if item.room in _BASE and item.typing_only and item.target == "telemetry":
        return False  # Annotations only: the records that a reply and an error carry.
    return item.target not in _MAY[item.room]


def test_every_room_has_its_place() -> None:
    """A new package or module under router is given its place in the order before anything else."""
    rooms = {_room(path) for path in ROUTER.rglob("*.py")} - {""}
    assert rooms <= set(_MAY), "add the new room to _MAY, with the rooms that it may import"


def test_imports_point_one_way(imports: list[Import]) -> None:
    """No room imports one above it, neither at the top, in a function nor for types."""
    wrong = [f"{item.place}: {item.room} must not import {item.name}" for item in imports if _wrong_way(item)]
    assert wrong == []


def test_the_order_itself_has_no_way_back() -> None:
    """If one room may import another, then not the other way round, except inside one room."""
    inside = [_CLIENT, _COMPILER]
    for room, others in _MAY.items():
        for other in others - {room}:
            assert room not in _MAY[other] or any({room, other} <= group for group in inside), (room, other)


@pytest.mark.parametrize(
    ("room", "target"),
    [
        ("core", "config"),
        ("core", "adapters"),
        ("adapters", "transport"),
        ("adapters", "telemetry"),
        ("transport", "telemetry"),
        ("plan", "transport"),
        ("config", "plan"),
        ("types", "core"),
        ("client", "server"),
        ("telemetry", "client"),
        ("server", "cli"),
    ],
)
def test_the_order_forbids_what_the_design_forbids(room: str, target: str) -> None:
    """The table above is not looser than the written rules, also for types."""
    assert _wrong_way(Import("x", room, f"router.{target}.y", typing_only=False))
    assert _wrong_way(Import("x", room, f"router.{target}.y", typing_only=True))


def test_only_annotations_of_types_and_errors_look_up() -> None:
    """types and errors may name telemetry's records in annotations, and nobody else may."""
    assert not _wrong_way(Import("x", "types", "router.telemetry.events", typing_only=True))
    assert _wrong_way(Import("x", "types", "router.telemetry.events", typing_only=False))
    assert _wrong_way(Import("x", "core", "router.telemetry.events", typing_only=True))


def test_the_core_needs_the_standard_library_only(imports: list[Import]) -> None:
    """core, types, errors and the package itself import nothing that must be installed."""
    foreign = [
        f"{item.place}: {item.name}"
        for item in imports
        if item.room in _STDLIB_ONLY and item.name.split(".")[0] not in {*sys.stdlib_module_names, "router"}
    ]
    assert foreign == []


def test_the_package_itself_imports_nothing_of_its_own_eagerly(imports: list[Import]) -> None:
    """What router/__init__.py names, it names for types; the rest loads on first use."""
    eager = [item.place for item in imports if item.room == "" and item.target and not item.typing_only]
    assert eager == []


def test_http_is_spoken_in_three_rooms_only(imports: list[Import]) -> None:
    """httpx2, and nothing of its kind: in the transport, the emulator, and for clients that want its face."""
    clients = {"httpx", "httpx2", "requests", "aiohttp", "urllib3", "pyreqwest"}
    users = {item.room for item in imports if item.name.split(".")[0] in clients}
    assert users <= _HTTPX
    assert "transport" in users


def _run(code: str) -> str:
    """What *code* prints in a fresh interpreter that shows every warning as an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROUTER.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_cheap() -> None:
    """`import router` loads none of the big dependencies, and nothing of its own."""
    loaded = set(_run("import sys, router; print(*sys.modules)").split())
    assert {name for name in loaded if name.partition(".")[0] == "router"} == {"router"}
    assert loaded.isdisjoint(_HEAVY)


def test_everything_imports_without_the_extras() -> None:
    """With only the core dependencies installed each module loads, but for those that are an extra's own."""
    modules = [
        ".".join(path.relative_to(ROUTER.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(ROUTER.rglob("*.py"))
        if path.name != "__main__.py"
    ]
    code = f"""
import importlib, sys
for name in {_EXTRAS!r}:
    sys.modules[name] = None  # An import of it fails, as when it is not installed.
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name)
"""
    assert set(_run(code).split()) == _NEEDS_AN_EXTRA
