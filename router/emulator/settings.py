"""What can be set when an emulator is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Shape: TypeAlias = Literal["blocks", "string", "bare", "generated-text"]
"""How a chat answer's ``output`` looks; ``answers.output`` shows each."""

Tier: TypeAlias = Literal["unlimited", "free"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one emulator, fixed for its life.

    Attributes:
        keys: the accepted API keys. Empty: every key but ``bad``, ``invalid`` and those that begin
            with one of these words and a hyphen, such as ``bad-key``.
        strict_auth: accept ``Authorization: Key …`` only; by default a bare key and ``Bearer``
            are accepted too.
        tier: "free" lets each key have one call at a time; "unlimited" does not count.
        shape: the ``output`` of a chat answer, unless the model id asks for another
            (``shape/string`` and so on).
        loopback: whether the emulator is bound to a loopback address; then Host must name one.
        max_body_bytes: the largest request body, in bytes.
        body_timeout_s: seconds a client may take to send a body.
    """

    keys: frozenset[str] = field(default=frozenset(), repr=False)
    strict_auth: bool = False
    tier: Tier = "unlimited"
    shape: Shape = "blocks"
    loopback: bool = True
    max_body_bytes: int = 64 * 1024 * 1024
    body_timeout_s: float = 60.0
