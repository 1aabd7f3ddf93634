from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest

from router import ConfigError, Router
from router.config import RouterConfig
from router.engine import open_engine
from router.types import Secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-canary-0123456789"


def opened(provider: dict[str, Any], environ: dict[str, str], model: str = "local/m") -> Any:
    """(adapter's Upstream or None, transport settings, scrubber) of the one provider."""
    name = model.partition("/")[0]
    config = RouterConfig.model_validate(
        {"version": 1, "providers": {name: provider}, "models": {"g": model}}
    )
    engine, make = open_engine(config, environ=environ)
    return engine, make


def problems(
    provider: dict[str, Any], environ: dict[str, str], model: str = "local/m"
) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        opened(provider, environ, model)
    assert KEY not in str(caught.value)
    return [(item.code, item.path) for item in caught.value.diagnostics]  # type: ignore[attr-defined]  # Diagnostic


LOCAL = {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize(
    ("provider", "http2"),
    [
        (LOCAL, True),
        ({"adapter": "bytez", "api_key": "env:K", "protocol": "openai"}, True),
        ({"adapter": "bytez", "api_key": "env:K", "protocol": "native"}, False),
        ({"adapter": "bytez", "api_key": "env:K"}, False),
    ],
)
def test_http2_is_left_where_an_end_could_be_a_cut(
    provider: dict[str, Any], http2: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider over whose native wire a stream ends with its message speaks HTTP/1.1 only."""
    monkeypatch.setattr("router.engine.open_transport", lambda settings: settings)
    _, make = opened(provider, {"K": KEY})
    assert make("local").http2 is http2


@pytest.mark.parametrize(
    ("provider", "environ", "expected"),
    [
        ({**LOCAL, "api_key": "env:K"}, {}, [("missing-reference", "providers.local.api_key")]),
        ({**LOCAL, "api_key": "env:K"}, {"K": ""}, [("missing-reference", "providers.local.api_key")]),
        ({**LOCAL, "api_key": "env:K"}, {"K": "two words"}, [("bad-secret", "providers.local.api_key")]),
        ({**LOCAL, "api_key": "file:/nope"}, {}, [("missing-reference", "providers.local.api_key")]),
        (
            {**LOCAL, "headers": {"x-token": "env:T"}},
            {},
            [("missing-reference", "providers.local.headers.x-token")],
        ),
        ({**LOCAL, "base_url": "env:U"}, {"U": "ftp://x"}, [("bad-url", "providers.local.base_url")]),
        ({**LOCAL, "base_url": "env:U"}, {}, [("missing-reference", "providers.local.base_url")]),
        ({**LOCAL, "proxy": "env:U"}, {"U": "nope"}, [("bad-url", "providers.local.proxy")]),
        ({**LOCAL, "ca_file": "/nope.pem"}, {}, [("missing-reference", "providers.local.ca_file")]),
        (
            {"adapter": "openai", "base_url": "http://far.example/v1", "api_key": "env:K"},
            {"K": KEY},
            [("insecure-http", "providers.local.base_url")],
        ),
    ],
)
def test_unusable_reference(provider: dict[str, Any], environ: dict[str, str], expected: Any) -> None:
    """What has no usable value is a ConfigError with code and path, and never the value."""
    assert problems(provider, environ) == expected


def test_every_problem_at_once() -> None:
    """All that is wrong is said in one error."""
    provider = {**LOCAL, "api_key": "env:A", "headers": {"x-key": "env:B"}, "ca_file": "/nope.pem"}
    assert len(problems(provider, {})) == 3


def test_file_without_certificates(tmp_path: Path) -> None:
    """A ca_file that holds no certificate is found out when the router opens."""
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    assert problems({**LOCAL, "ca_file": str(empty)}, {}) == [
        ("missing-reference", "providers.local.ca_file")
    ]


@pytest.mark.parametrize(
    "provider",
    [
        {"adapter": "openai", "base_url": "http://far.example/v1"},
        {"adapter": "openai", "base_url": "http://far.example/v1", "api_key": "env:K", "insecure_http": True},
        {"adapter": "openai", "base_url": "http://localhost:1/v1", "api_key": "env:K"},
        {"adapter": "openai", "base_url": "https://far.example/v1", "api_key": "env:K"},
    ],
)
def test_allowed_addresses(provider: dict[str, Any]) -> None:
    """http needs no permission without a credential or on this machine; https never."""
    engine, make = opened(provider, {"K": KEY})
    assert set(engine.adapters) == {"local"}
    assert make("local")


@pytest.mark.parametrize("name", ["BYTEZ_API_KEY", "OTHER"])
def test_bytez_key(name: str) -> None:
    """Bytez's key is BYTEZ_API_KEY unless another is named; the error names the variable."""
    provider: dict[str, Any] = {} if name == "BYTEZ_API_KEY" else {"api_key": f"env:{name}"}
    with pytest.raises(ConfigError, match=name):
        opened(provider, {}, "bytez/a/b")
    opened(provider, {name: KEY}, "bytez/a/b")


@pytest.mark.parametrize(
    ("provider", "environ", "url"),
    [
        ({}, {}, "https://api.bytez.com/models/v2/a/b"),
        ({}, {"BYTEZ_BASE_URL": "http://127.0.0.1:9/"}, "http://127.0.0.1:9/models/v2/a/b"),
        ({}, {"BYTEZ_BASE_URL": "http://127.0.0.1:9/models/v2"}, "http://127.0.0.1:9/models/v2/a/b"),
        ({}, {"BYTEZ_BASE_URL": ""}, "https://api.bytez.com/models/v2/a/b"),
        (
            {"base_url": "http://127.0.0.1:8/models/v2/"},
            {"BYTEZ_BASE_URL": "http://127.0.0.1:9"},
            "http://127.0.0.1:8/models/v2/a/b",
        ),
    ],
)
def test_bytez_address(provider: dict[str, Any], environ: dict[str, str], url: str) -> None:
    """The file's base_url wins over BYTEZ_BASE_URL, which wins over the built-in one."""
    from router.adapters.base import ChatCall  # noqa: PLC0415 - here only

    engine, _ = opened(provider, {"BYTEZ_API_KEY": KEY, **environ}, "bytez/a/b")
    call = ChatCall(model="a/b", messages=[{"role": "user", "content": "x"}], params={}, stream=False)
    assert engine.adapters["bytez"].wires("a/b")[0].prepare(call).url == url


def test_bad_bytez_address() -> None:
    """A BYTEZ_BASE_URL that is no URL is named."""
    found = problems({}, {"BYTEZ_API_KEY": KEY, "BYTEZ_BASE_URL": "nope"}, "bytez/a/b")
    assert found[0] == ("bad-url", "providers.bytez.base_url")


def test_headers_and_scrubbing() -> None:
    """Headers go up lower-cased, references as secrets; every secret is scrubbed, plain headers are not."""
    from router.adapters.base import ChatCall  # noqa: PLC0415 - here only

    provider = {
        **LOCAL,
        "api_key": "env:K",
        "headers": {"X-Token": "env:T", "X-Region": "eu-west-1-plain"},
    }
    engine, _ = opened(provider, {"K": KEY, "T": "Bearer token-canary"})
    call = ChatCall(model="m", messages=[{"role": "user", "content": "x"}], params={}, stream=False)
    headers = dict(engine.adapters["local"].prepare(call).headers)
    assert isinstance(headers["x-token"], Secret)
    assert headers["x-region"] == "eu-west-1-plain"
    assert engine.scrubber.clean(f"<{KEY}> <token-canary> eu-west-1-plain") == "<***> <***> eu-west-1-plain"


@pytest.mark.parametrize(
    ("written", "installed", "kind"),
    [
        ({}, True, "PyreqwestTransport"),
        ({}, False, "HttpxTransport"),
        ({"transport": "auto"}, True, "PyreqwestTransport"),
        ({"transport": "pyreqwest"}, True, "PyreqwestTransport"),
        ({"transport": "httpx"}, True, "HttpxTransport"),
        ({"ca_file": "any.pem"}, True, "HttpxTransport"),
    ],
)
def test_transport(
    monkeypatch: pytest.MonkeyPatch, written: dict[str, str], installed: bool, kind: str
) -> None:
    """pyreqwest where it is installed and can do what is asked, unless the config says otherwise."""
    if not installed:
        monkeypatch.setitem(sys.modules, "pyreqwest", None)
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    _, make = opened({**LOCAL, **written}, {})
    assert type(make("local")).__name__ == kind


def test_transport_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forcing it is an error when the router opens."""
    monkeypatch.setitem(sys.modules, "pyreqwest", None)
    assert problems({**LOCAL, "transport": "pyreqwest"}, {}) == [
        ("bad-transport", "providers.local.transport")
    ]


def test_transport_settings() -> None:
    """What a provider says of its connections reaches the transport."""
    provider = {
        **LOCAL,
        "proxy": "http://127.0.0.1:3128",
        "connect_timeout": "2s",
        "max_reply": "1MiB",
        "transport": "httpx",
        "passthrough": ["odd"],
    }
    engine, make = opened(provider, {})
    transport = make("local")
    assert (transport._max_bytes, transport._connect_s) == (1024 * 1024, 2.0)
    (wire,) = engine.adapters["local"].wires("m")
    assert wire.carries("odd", 1)
    assert not wire.carries("even", 1)


def test_names_are_followed() -> None:
    """A config that was built in Python is checked like a file: an unknown name is a ConfigError."""
    for models in ({"g": "nope/x"}, {"g": {"targets": ["bytez/a/b"], "fallbacks": ["h"]}}):
        with pytest.raises(ConfigError):
            Router(RouterConfig.model_validate({"version": 1, "models": models}))


def test_from_file_and_text(tmp_path: Path) -> None:
    """A file and its text open the same plan; what is wrong is said with its line."""
    text = "version: 1\nproviders:\n  local: {adapter: openai, base_url: http://127.0.0.1:1/v1}\n"
    text += "models: {g: local/m}\n"
    file = tmp_path / "router.yaml"
    file.write_text(text)
    with Router.from_file(file) as one, Router.from_yaml(text) as other:
        assert one.plan.digest == other.plan.digest
        assert one.config == other.config
    with pytest.raises(ConfigError, match=r":4:\d+"):
        Router.from_yaml(text.replace("local/m", "nope/m"))


def test_closed_twice_and_as_context() -> None:
    """A router that never served opens and closes without anything."""
    router = Router(
        RouterConfig.model_validate({"version": 1, "providers": {"local": LOCAL}, "models": {"g": "local/m"}})
    )
    with router as same:
        assert same is router
    router.close()
