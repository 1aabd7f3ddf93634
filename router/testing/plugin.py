"""pytest plugin: ``--router-config``, and the fixtures ``policy``, ``router_config`` and ``bytez_emulator``.

Loaded by pytest in every project that has the package installed, so it imports nothing of it until
one of them is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from router.emulator.serve import EmulatorServer
    from router.testing.policy import Policy
    from router.tools.policy_test import TestResult

_OPTION = "--router-config"
_NO_CONFIG = (
    "no config is named: run pytest with --router-config FILE, set router_config in pytest's own "
    'configuration, or mark the test with @pytest.mark.router_config("FILE")'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option, and the key of pytest's own configuration that stands for it."""
    what = "the config file of the fixtures `policy` and `router_config`"
    group = parser.getgroup("bytez-router")
    group.addoption(_OPTION, metavar="FILE", help=f"{what}; it and its own `tests` are tests, too")
    parser.addini("router_config", f"{what}, relative to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and collect the config file that the option names beside the tests."""
    what = "router_config(file): the config file of the fixtures, relative to the test's own file"
    config.addinivalue_line("markers", what)
    named = _named(config)
    if named is not None:
        if not named.is_file():
            raise pytest.UsageError(f"{_OPTION}: there is no file {named}")
        config.args.append(str(named))


def _named(config: pytest.Config) -> Path | None:
    """The file that the option names."""
    given = config.getoption(_OPTION)
    return None if given is None else Path(config.invocation_params.dir, given).resolve()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the config file that the option names; no other."""
    if file_path.resolve() != _named(parent.config):
        return None
    return ConfigFile.from_parent(parent, path=file_path)


def _shown(path: Path) -> Path:
    """*path* as messages name it: from the working directory, when it is below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


class ConfigFile(pytest.File):
    """A config file among the tests."""

    _results: Sequence[TestResult] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """That it has no errors, and each of its own ``tests``."""
        from router.config import load_file  # noqa: PLC0415 - see the module's docstring

        yield CheckItem.from_parent(self, name="check")
        config = load_file(_shown(self.path)).config
        for index, test in enumerate((config.tests if config is not None else None) or ()):
            yield TestItem.from_parent(self, name=test.name, index=index)

    def result(self, index: int) -> TestResult:
        """What came of the test of this number; all of them run when the first is asked for."""
        from router.config import load_file  # noqa: PLC0415 - see the module's docstring
        from router.tools.policy_test import run_tests  # noqa: PLC0415 - likewise

        if self._results is None:
            self._results = run_tests(load_file(_shown(self.path))).results
        return self._results[index]


class CheckItem(pytest.Item):
    """A config file has no errors; references are not read."""

    def runtest(self) -> None:
        """Load and compile it."""
        from router.testing.policy import Policy  # noqa: PLC0415 - see the module's docstring

        Policy(_shown(self.path))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None) -> str:
        """The findings alone: our own lines say nothing about them."""
        return _said(excinfo) or str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]  # As it came.

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is, and what it is called."""
        return self.path, None, f"{self.path.name}: {self.name}"


class TestItem(pytest.Item):
    """One entry of a config's ``tests``, as ``router test`` runs it."""

    def __init__(self, *, index: int, **more: Any) -> None:
        super().__init__(**more)
        self._index = index

    def runtest(self) -> None:
        """Run it."""
        result = self._result()
        if not result.ok:
            from router.tools.policy_test import TestReport  # noqa: PLC0415 - see the module's docstring
            from router.tools.policy_test_text import render  # noqa: PLC0415 - likewise

            told, _, _summary = render(TestReport((result,))).rstrip().rpartition("\n")
            raise _TestFailed(told.rstrip())

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None) -> str:
        """The expected and the actual route, and where that is written."""
        return _said(excinfo) or str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]  # As it came.

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is, and what it is called."""
        return self.path, None, f"{self.path.name}: {self.name}"

    def _result(self) -> TestResult:
        assert isinstance(self.parent, ConfigFile)
        return self.parent.result(self._index)


class _TestFailed(AssertionError):
    """A test of a config does not hold; the message is all that there is to say."""


def _said(excinfo: pytest.ExceptionInfo[BaseException]) -> str | None:
    """What a failure of a config says itself; None: it is another one."""
    from router.errors import ConfigError  # noqa: PLC0415 - see the module's docstring

    return str(excinfo.value) if isinstance(excinfo.value, ConfigError | _TestFailed) else None


@pytest.fixture
def router_config(request: pytest.FixtureRequest) -> Path:
    """The config file under test: of the mark ``router_config``, of the option, or of pytest's own config."""
    mark = request.node.get_closest_marker("router_config")
    if mark is not None:
        return Path(request.path.parent, *mark.args)
    config = request.config
    given = config.getini("router_config")
    found = _named(config) or (
        Path(config.inipath or config.rootpath / "_").parent / given if given else None
    )
    if found is None:
        pytest.fail(_NO_CONFIG, pytrace=False)
    return found


@pytest.fixture
def policy(router_config: Path) -> Policy:
    """The policy of ``router_config``, as ``check_policy``, ``play`` and ``VirtualClock`` take it."""
    from router.testing.policy import Policy  # noqa: PLC0415 - see the module's docstring

    return Policy(_shown(router_config))


@pytest.fixture(scope="session")
def _bytez_emulator_server() -> Iterator[EmulatorServer]:
    from router.emulator.serve import EmulatorServer  # noqa: PLC0415 - see the module's docstring
    from router.emulator.settings import Settings  # noqa: PLC0415 - likewise
    from router.emulator.tiers import UNLIMITED  # noqa: PLC0415 - likewise

    # With one call at a time, the next after one that was given up would be a 429 now and then.
    with EmulatorServer(Settings(tier=UNLIMITED)) as server:
        yield server


@pytest.fixture
def bytez_emulator(_bytez_emulator_server: EmulatorServer) -> EmulatorServer:
    """A local Bytez on a free port, as new for each test.

    ``base_url`` is what ``base_url`` or ``BYTEZ_BASE_URL`` takes; any key but ``bad`` and
    ``invalid`` is accepted. ``requests()`` lists what was asked, ``clear()`` forgets it,
    ``fail(model, fault)`` and ``heal(model)`` switch faults (``router emulate --faults`` lists
    them). Its tier is ``unlimited``: a 429 comes only when a test asks for it.
    """
    _bytez_emulator_server.reset()
    return _bytez_emulator_server
