"""pytest plugin: the fixture ``bytez_emulator``.

Loaded by pytest in every project that has the package installed, so it imports nothing of it until
the fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.emulator.serve import EmulatorServer


@pytest.fixture(scope="session")
def _bytez_emulator_server() -> Iterator[EmulatorServer]:
    from router.emulator.serve import EmulatorServer  # noqa: PLC0415 - see the module's docstring

    with EmulatorServer() as server:
        yield server


@pytest.fixture
def bytez_emulator(_bytez_emulator_server: EmulatorServer) -> EmulatorServer:
    """A local Bytez on a free port, as new for each test.

    ``base_url`` is what ``base_url`` or ``BYTEZ_BASE_URL`` takes; any key but ``bad`` and
    ``invalid`` is accepted. ``requests()`` lists what was asked, ``clear()`` forgets it,
    ``fail(model, fault)`` and ``heal(model)`` switch faults (``router emulate --faults`` lists
    them).
    """
    _bytez_emulator_server.reset()
    return _bytez_emulator_server
