"""Gives the contract's tests each transport in turn, and something to call."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from router.transport.base import TransportSettings
from tests.faults import certificates
from tests.faults.server import full_backlog as full_backlog_port
from tests.library.upstream import Upstream
from tests.transport.kit import KINDS, in_use, open_kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from router.transport.base import Transport
    from tests.faults.certificates import Certificate
    from tests.transport.kit import Made


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The transport's name in a config."""
    name: str = request.param
    return name


@pytest.fixture
def make(kind: str) -> Made:
    """What opens a transport of this kind."""
    return functools.partial(open_kind, kind)


@pytest.fixture
async def transport(make: Made) -> AsyncIterator[Transport]:
    """One with small limits, that must end with nothing in use."""
    made = make(TransportSettings(https=False, max_reply_bytes=1024 * 1024))
    yield made
    assert in_use(made) == (0, 0)
    await made.aclose()


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port whose next connection is never answered."""
    with full_backlog_port() as port:
        yield port


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """An authority that the system does not know."""
    try:
        return certificates.make(tmp_path_factory.mktemp("authority"))
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@pytest.fixture(scope="session")
def certificate(authority: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for 127.0.0.1 of that authority, which is not its own."""
    return certificates.make(tmp_path_factory.mktemp("certificate"), issuer=authority)


@pytest.fixture
def trusting(kind: str, authority: Certificate, monkeypatch: pytest.MonkeyPatch) -> TransportSettings:
    """Settings under which the authority is trusted; pyreqwest knows the system's only, so it becomes one."""
    file = str(authority.file)
    if kind == "httpx":
        return TransportSettings(https=True, ca_file=file)
    monkeypatch.setenv("SSL_CERT_FILE", file)
    return TransportSettings(https=True)
