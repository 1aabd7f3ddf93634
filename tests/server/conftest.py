"""Fixtures: a scripted upstream and gateways before it, on real sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.server.world import GatewayThread, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.server.settings import GatewaySettings

Lines = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """``serve`` configures logging for its process, which here is the tests'; so does capture_logs."""
    root = logging.getLogger()
    handlers = root.handlers
    yield
    root.handlers = handlers
    structlog.reset_defaults()


@pytest.fixture
def log_lines() -> Iterator[Lines]:
    """What routers made in the test log."""
    with capture_logs() as lines:
        yield lines


MakeGateway = Callable[..., GatewayThread]


@pytest.fixture(scope="session")
def _upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def upstream(_upstream: Upstream) -> Upstream:
    """The scripted upstream, as new."""
    _upstream.reset()
    return _upstream


@pytest.fixture(scope="session")
def config_yaml(_upstream: Upstream) -> str:
    """A config whose models lead to the scripted upstream; ``up/*`` reaches every behaviour."""
    return f"""
version: 1
providers:
  up: {{adapter: openai, base_url: "{_upstream.base_url}", passthrough: any}}
defaults: {{retries: 0, timeout: 30s}}
models:
  chat: {{targets: [up/plain], aliases: [talk]}}
  stream: up/stream
  secret: up/plain
  second: {{targets: [up/500], fallbacks: [chat]}}
  "up/*": up/*
"""


@pytest.fixture(scope="module")
def gateway(config_yaml: str) -> Iterator[GatewayThread]:
    """A gateway without callers."""
    served = GatewayThread(config_yaml)
    yield served
    served.close()


@pytest.fixture
def make_gateway(config_yaml: str) -> Iterator[MakeGateway]:
    """Makes gateways: more YAML for the config, and settings."""
    served: list[GatewayThread] = []

    def make(more: str = "", settings: GatewaySettings | None = None) -> GatewayThread:
        served.append(GatewayThread(config_yaml + more, settings))
        return served[-1]

    yield make
    for one in served:
        one.close()
