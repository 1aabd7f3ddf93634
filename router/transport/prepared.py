"""What many requests have in common, made once: addresses and headers as an HTTP client takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from router.transport.base import TransportFailure
from router.types import FailureClass, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.adapters.base import UpstreamRequest

_MANY = 256
"""Addresses kept, and sets of headers; a plan has few, a wildcard may have many."""

# Replies are small and CPU is dear; an upstream that compresses all the same is decoded under the cap.
_ALWAYS = {"accept-encoding": "identity", "user-agent": "bytez-router"}

HeaderPairs: TypeAlias = list[tuple[str, str]]

_Address = TypeVar("_Address")
_Headers = TypeVar("_Headers")


class Prepared(Generic[_Address, _Headers]):
    """The addresses and headers that one transport sends. It holds secrets, revealed.

    Args:
        address: makes a client's form of an address; a ValueError says that it cannot be read.
        headers: the same of headers; a ValueError says that they cannot be sent.
    """

    def __init__(
        self, address: Callable[[str], _Address], headers: Callable[[HeaderPairs], _Headers]
    ) -> None:
        self._make_address = address
        self._make_headers = headers
        self._addresses: dict[str, _Address] = {}
        # By identity: an adapter's requests share their headers. They are held, so that no id comes again.
        self._headers: dict[int, tuple[object, _Headers]] = {}

    def of(self, request: UpstreamRequest) -> tuple[_Address, _Headers]:
        """The address and the headers of *request*.

        Raises:
            TransportFailure: they cannot be sent.
        """
        address = self._addresses.get(request.url)
        if address is None:
            address = self._address(request.url)
        held = self._headers.get(id(request.headers))
        if held is None:
            held = self._held(request)
        return address, held[1]

    def _address(self, url: str) -> _Address:
        try:
            address = self._make_address(url)
        except ValueError as exc:
            raise TransportFailure(FailureClass.CONNECTION, "the address cannot be read") from exc
        if len(self._addresses) >= _MANY:
            self._addresses.clear()
        self._addresses[url] = address
        return address

    def _held(self, request: UpstreamRequest) -> tuple[object, _Headers]:
        try:
            held = (request.headers, self._make_headers(_wire_headers(request)))
        except ValueError as exc:
            raise TransportFailure(FailureClass.PROTOCOL, "a header cannot be sent") from exc
        if len(self._headers) >= _MANY:
            self._headers.clear()
        self._headers[id(request.headers)] = held
        return held


def _wire_headers(request: UpstreamRequest) -> HeaderPairs:
    """What goes out as the headers of *request*: its own, secrets revealed, and ours that it lacks."""
    named = {name for name, _ in request.headers}
    return [
        *(always for always in _ALWAYS.items() if always[0] not in named),
        *((name, value.reveal() if isinstance(value, Secret) else value) for name, value in request.headers),
    ]
