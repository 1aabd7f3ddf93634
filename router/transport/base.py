"""The seam between the engine and the network: one request out, one response in, both bounded.

Times are absolute, on the running loop's clock (``loop.time()``): a deadline that is handed down
cannot be stretched by an upstream that drips bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.adapters.base import UpstreamRequest
    from router.types import FailureClass


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How one provider is reached.

    Attributes:
        https: whether the base URL is https; only then is a TLS context made.
        proxy: URL of a proxy, or None; the environment is never consulted.
        ca_file: PEM file of certificate authorities in place of the system's, or None.
        connect_timeout_s: seconds for name look-up, TCP and TLS.
        max_reply_bytes: a decoded reply larger than this is a failure, unless ``lift_cap`` was called.
        http2: whether HTTP/2 may be spoken. Not where a stream's good end is the message's alone: pyreqwest
            takes a stream that was reset without an error for one that ended.
        fast: whether pyreqwest is to be used, which then is installed; it knows nothing of *ca_file*.
    """

    https: bool
    proxy: str | None = None
    ca_file: str | None = None
    connect_timeout_s: float = 5.0
    max_reply_bytes: int = 16 * 1024 * 1024
    http2: bool = True
    fast: bool = False


STALE_S = 1.0
"""A kept connection that breaks later than this, in seconds, broke while the upstream was at work."""

CODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""What a transport decodes, one at most; anything else cannot be read. Only ``identity`` is asked for."""


class TransportFailure(Exception):
    """What went wrong below HTTP: ``connection``, ``timeout`` or ``protocol``."""

    def __init__(self, kind: FailureClass, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class UpstreamResponse(Protocol):
    """A response whose headers have arrived. Must be closed; closing twice is fine.

    Attributes:
        status: HTTP status.
        headers: names lower-cased.
    """

    status: int
    headers: Mapping[str, str]

    async def read(self, until: float) -> bytes:
        """The whole decoded body.

        Raises:
            TransportFailure: not complete by *until*, larger than the cap, broken, or undecodable.
        """
        ...

    async def next(self, until: float) -> bytes | None:
        """The next piece of the decoded body, not empty; None after its proper end.

        Raises:
            TransportFailure: as for ``read``.
        """
        ...

    def lift_cap(self) -> None:
        """Let the rest be of any size: who reads it piece by piece passes it on and keeps none of it.

        A piece is small all the same, at most 1 MiB, whatever the content-encoding makes of its bytes.
        """
        ...

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        ...


class Transport(Protocol):
    """Sends requests to one provider over connections of its own, in one event loop."""

    async def send(self, request: UpstreamRequest, until: float, *, whole: bool = False) -> UpstreamResponse:
        """Send *request* and wait for the response's headers.

        Redirects are not followed; cookies are not kept. Cancelled, it closes the connection.

        Args:
            request: what to send.
            until: when the response's headers must have come.
            whole: the body will be read as a whole, by *until* too; a transport may then wait for all
                of it here, and fail here where reading would have failed.

        Raises:
            TransportFailure: no response headers by *until*, or the connection failed.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
