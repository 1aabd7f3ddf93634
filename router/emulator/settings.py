"""What can be set when an emulator is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from router.emulator.tiers import ANY_SIZE

if TYPE_CHECKING:
    from decimal import Decimal

    from router.emulator.scenario import Scenario
    from router.types import Secret

Shape: TypeAlias = Literal["blocks", "string", "bare", "generated-text"]
"""How a chat answer's ``output`` looks; ``answers.output`` shows each."""

Profile: TypeAlias = Literal["openai", "container"]
"""How the OpenAI routes answer: as OpenAI does, or with the oddities of Bytez's own containers."""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """An OpenAI-compatible server that answers in the emulator's place.

    Attributes:
        url: up to where ``/chat/completions`` follows, such as ``http://127.0.0.1:8081/v1``.
        model: the model to ask there; None: the id that the emulator was asked for.
        key: the API key; None sends none.
        timeout_s: seconds for a whole answer.
        max_reply_bytes: the largest answer, in bytes on the wire.
    """

    url: str
    model: str | None = None
    key: Secret | None = None
    timeout_s: float = 600.0
    max_reply_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """The behaviour of one emulator, fixed for its life.

    Attributes:
        keys: the accepted API keys. Empty: every key but ``bad``, ``invalid`` and those that begin
            with one of these words and a hyphen, such as ``bad-key``.
        strict_auth: accept ``Authorization: Key …`` only on native routes; by default a bare key
            and ``Bearer`` are accepted too. The OpenAI routes take all three.
        tier: a name of ``tiers.NAMES``.
        credits: US dollars that each key begins with; None: no end of them.
        auto_scale_cap: US dollars that ``autoScale`` may spend for each key.
        cold_start_s: seconds that a model takes to start; 0: all are always up.
        warm_s: seconds without a call after which a model must be started again.
        shape: the ``output`` of a chat answer, unless the model id asks for another
            (``shape/string`` and so on).
        profile: how the OpenAI routes answer, unless the model id begins with ``container/``.
        run_model: the model that ``POST /run`` asks, as in a container of its own.
        scenario: faults and traits of models from a file; None: none.
        upstream: who answers; None: the emulator itself.
        loopback: whether the emulator is bound to a loopback address; then Host must name one.
        max_body_bytes: the largest request body, in bytes.
        body_timeout_s: seconds a client may take to send a body.
    """

    keys: frozenset[str] = field(default=frozenset(), repr=False)
    strict_auth: bool = False
    tier: str = ANY_SIZE
    credits: Decimal | None = None
    auto_scale_cap: int = 1_000
    cold_start_s: float = 0.0
    warm_s: float = 300.0
    shape: Shape = "blocks"
    profile: Profile = "openai"
    run_model: str = "Qwen/Qwen3-4B"
    scenario: Scenario | None = None
    upstream: UpstreamSettings | None = None
    loopback: bool = True
    max_body_bytes: int = 64 * 1024 * 1024
    body_timeout_s: float = 60.0
