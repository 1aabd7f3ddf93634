"""What can be set when a gateway is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Bounds of one gateway, fixed for its life.

    Attributes:
        any_host: without callers, accept any Host header: for a server that is open to a network on
            purpose (``router serve --insecure``).
        max_body_bytes: the largest request body.
        body_timeout_s: seconds a client may take to send a body.
        stall_s: seconds a client may take to read what was sent; then its request is given up.
        keep_alive_s: seconds of silence, while a stream is held back (``on_break: buffer``), before the
            head goes out, and between comments from then on.
    """

    any_host: bool = False
    max_body_bytes: int = 10 * 1024 * 1024
    body_timeout_s: float = 60.0
    stall_s: float = 60.0
    keep_alive_s: float = 15.0
