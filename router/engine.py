"""Opening a config: references resolved, adapters built, ready for requests. Sends nothing."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import weakref
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from router.adapters.base import Adapter, Upstream
from router.adapters.registry import DEFAULT_BASE_URL, build
from router.cache.answers import Answers
from router.config.decision_log import DEFAULT_KEEP, DEFAULT_SIZE
from router.config.diagnostics import Diagnostics
from router.config.models import ProviderConfig
from router.config.secrets import UnusableSecret, resolve, unencrypted, url_problem
from router.config.transports import fast_problem
from router.core.state import Shared
from router.inherited import keys, protocol
from router.loops import ForkLock
from router.plan import adapter_of, compile_plan, nowhere, passthrough_of
from router.routes import Routes
from router.telemetry.decision_log import DecisionLog
from router.telemetry.log import Log
from router.telemetry.scrub import Scrubber
from router.transport.base import TransportSettings
from router.transport.choice import open_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from router.config.models import RouterConfig
    from router.core.table import Plan
    from router.layers import Locate
    from router.seat import Seat
    from router.transport.base import Transport
    from router.types import Reference, Secret

_BYTEZ_URL = "BYTEZ_BASE_URL"


@dataclass(slots=True, weakref_slot=True)
class Engine:
    """What every request of one opened router shares.

    Attributes:
        draw: a number in [0, 1) for each step of the core; for jitter, not secrecy.
        adapters: by provider, with its first credential.
        rotation: by the index of a credential, the adapters with that one, by provider.
        parked: requests that wait for room, by serial number; under the lock.
        answers: those that are kept, and those in the making.
        decisions: where they are logged; None: nowhere.
        process: the process that the requests in flight belong to.
    """

    plan: Plan
    routes: Routes
    adapters: Mapping[str, Adapter]
    rotation: Sequence[Mapping[str, Adapter]]
    scrubber: Scrubber
    log: Log
    shared: Shared = field(default_factory=Shared)
    lock: ForkLock = field(default_factory=ForkLock)
    draw: Callable[[], float] = random.random
    parked: dict[int, Seat] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    decisions: DecisionLog | None = None
    process: int = field(default_factory=os.getpid)

    def here(self) -> None:
        """Begin anew what a forked process cannot go on with: its parent's requests end in the parent."""
        if self.process != os.getpid():
            with self.lock.lock:
                self.shared.forget_flights()
                self.parked.clear()
                self.answers.forget()
                self.process = os.getpid()

    def close(self) -> None:
        """Write what is still to be logged, for at most two seconds."""
        if self.decisions is not None:
            self.decisions.close()

    async def aclose(self) -> None:
        """As ``close``, inside a running loop."""
        if self.decisions is not None:
            await asyncio.to_thread(self.decisions.close)


def open_engine(
    config: RouterConfig, *, locate: Locate | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Engine, Callable[[str], Transport]]:
    """Make *config* ready to run.

    Args:
        config: a checked config.
        locate: where its keys are written, for errors and the ledger; None: it was made in Python.
        environ: the environment's variables; None: the process's.

    Returns:
        The engine, and what opens a transport for a provider.

    Raises:
        ConfigError: with every reference that has no usable value.
    """
    opener = Opener(config, locate or nowhere, os.environ if environ is None else environ)
    plan = compile_plan(config, locate=locate)
    upstreams = {name: opener.upstreams(name) for name in plan.providers}
    settings = {name: opener.transport(name, keyed[0]) for name, keyed in upstreams.items()}
    opener.diagnostics.raise_errors()
    engine = engine_of(plan, upstreams, Scrubber(opener.secrets))
    settings = {
        name: replace(how, http2=engine.adapters[name].streams_tell) for name, how in settings.items()
    }
    engine.decisions = opener.decision_log(config, engine.log)
    opener.diagnostics.raise_errors()
    if engine.decisions is not None:
        weakref.finalize(engine, engine.decisions.close)  # Also at exit: what waits is written.
    return engine, lambda provider: open_transport(settings[provider])


def engine_of(plan: Plan, upstreams: Mapping[str, Sequence[Upstream]], scrubber: Scrubber) -> Engine:
    """An engine to which nothing has happened, with the adapters for *upstreams*."""
    rotation = _rotation(plan, upstreams)
    return Engine(
        plan=plan,
        routes=Routes(plan),
        adapters=rotation[0],
        rotation=rotation,
        scrubber=scrubber,
        log=Log(),
    )


def _rotation(plan: Plan, upstreams: Mapping[str, Sequence[Upstream]]) -> list[dict[str, Adapter]]:
    """The adapters by credential; what a provider has too few of is never asked for."""
    built = {
        name: [build(plan.providers[name].adapter, upstream) for upstream in keyed]
        for name, keyed in upstreams.items()
    }
    most = max((len(keyed) for keyed in built.values()), default=1)
    return [
        {name: keyed[index] for name, keyed in built.items() if index < len(keyed)} for index in range(most)
    ]


class Opener:
    """Makes of a config what adapters and transports must know; problems are its ``diagnostics``."""

    def __init__(self, config: RouterConfig, locate: Locate, environ: Mapping[str, str]) -> None:
        self._providers = dict(config.providers or {})
        self._locate = locate
        self._environ = environ
        self.diagnostics = Diagnostics()
        self.secrets: list[Secret] = []

    def upstreams(self, name: str) -> list[Upstream]:
        """What an adapter of provider *name* must know, for each of its keys; problems are diagnostics."""
        upstream = self._upstream(name)
        written = self._providers.get(name)
        references = keys(written, adapter_of(written))
        several = written is not None and written.api_keys is not None
        secrets = [
            self.secret(name, f"api_keys.{index}" if several else "api_key", reference)
            for index, reference in enumerate(references)
        ]
        allowed = written is not None and written.insecure_http
        secret = any(secrets) or upstream.provider_key or upstream.headers
        if secret and not allowed and unencrypted(upstream.base_url):
            self._report(
                name,
                "base_url",
                "insecure-http",
                "a credential would travel unencrypted to another machine",
                "use https, or set `insecure_http: true`",
            )
        return [replace(upstream, credential=secret) for secret in secrets] or [upstream]

    def _upstream(self, name: str) -> Upstream:
        """All but the keys."""
        written = self._providers.get(name, ProviderConfig())
        adapter = adapter_of(self._providers.get(name))
        provider_key = self.secret(name, "provider_key", written.provider_key)
        headers = tuple(
            (header.lower(), self._header(name, header, value))
            for header, value in (written.headers or {}).items()
            if value is not None
        )
        return Upstream(
            provider=name,
            base_url=self._base_url(name, adapter, written.base_url),
            provider_key=provider_key,
            headers=headers,
            auto_scale=bool(written.auto_scale),
            passthrough=passthrough_of(self._providers.get(name)),
            protocol=protocol(self._providers.get(name)),
        )

    def transport(self, name: str, upstream: Upstream) -> TransportSettings:
        """How provider *name* is reached."""
        written = self._providers.get(name, ProviderConfig())
        self._check_ca_file(name, written.ca_file)
        return TransportSettings(
            https=upstream.base_url.startswith("https:"),
            proxy=self.text(name, "proxy", written.proxy) if written.proxy else None,
            ca_file=written.ca_file,
            connect_timeout_s=written.connect_timeout or 5.0,
            max_reply_bytes=written.max_reply or 16 * 1024 * 1024,
            fast=self._fast(name, written),
        )

    def _fast(self, name: str, written: ProviderConfig) -> bool:
        if written.transport == "httpx":
            return False
        problem = fast_problem(ca_file=written.ca_file is not None)
        if problem is not None and written.transport == "pyreqwest":
            self._report(name, "transport", "bad-transport", *problem)
        return problem is None

    def decision_log(self, config: RouterConfig, log: Log) -> DecisionLog | None:
        """Where decisions are logged, ready to write; None: nowhere, or in vain: a diagnostic."""
        written = config.decision_log
        if written is None:
            return None
        size = DEFAULT_SIZE if written.max_size is None else written.max_size
        keep = DEFAULT_KEEP if written.keep is None else written.keep
        try:
            return DecisionLog(
                written.path, size, keep, log.decisions_dropped, decisions=bool(written.decisions)
            )
        except OSError as error:
            path = ("decision_log", "path")
            self.diagnostics.add(
                "missing-reference",
                self._locate(path),
                f"the decision log cannot be written: {error.strerror}",
                path=path,
                hint="name a file in a directory that is there and may be written to",
            )
            return None

    def _check_ca_file(self, name: str, path: str | None) -> None:
        if path is None:
            return
        try:
            ssl.create_default_context(cafile=path)
        except OSError:  # Also an SSLError: no certificate in it.
            self._report(
                name, "ca_file", "missing-reference", "no certificates can be read from it", "name a PEM file"
            )

    def _base_url(self, name: str, adapter: str, written: Reference | None) -> str:
        if written is not None:
            return self.text(name, "base_url", written)
        said = self._environ.get(_BYTEZ_URL) if adapter == "bytez" else None
        if said:
            problem = url_problem(said)
            if problem:
                self._report(name, "base_url", "bad-url", f"`{_BYTEZ_URL}` {problem}", "mend the variable")
            return said.rstrip("/")
        return DEFAULT_BASE_URL[adapter]

    def text(self, name: str, key: str, reference: Reference) -> str:
        """A URL, written or referred to."""
        if reference.kind == "literal":
            return reference.name
        value = self.secret(name, key, reference)
        text = value.reveal().rstrip("/") if value is not None else ""
        problem = url_problem(text) if text else None
        if problem:
            self._report(name, key, "bad-url", f"the value of `{reference}` {problem}", "mend the value")
        return text

    def _header(self, name: str, header: str, reference: Reference) -> str | Secret:
        if reference.kind == "literal":
            return reference.name
        return self.secret(name, f"headers.{header}", reference, spaces=True) or ""

    def secret(
        self, name: str, key: str, reference: Reference | None, *, spaces: bool = False
    ) -> Secret | None:
        """What *reference*, the value of *key* of provider *name*, stands for; None: nothing, or no good."""
        if reference is None:
            return None
        try:
            secret = resolve(reference, self._environ, spaces=spaces)
        except UnusableSecret as exc:
            self._report(name, key, exc.code, str(exc), exc.hint)
            return None
        if not key.endswith("_url") and key != "proxy":
            self.secrets.append(secret)
        return secret

    def _report(self, name: str, key: str, code: str, message: str, hint: str) -> None:
        path = ("providers", name, *(int(part) if part.isdigit() else part for part in key.split(".")))
        self.diagnostics.add(code, self._locate(path), message, path=path, hint=hint)
