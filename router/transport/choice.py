"""Opens the transport that a provider's settings name; an implementation is imported when it is needed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from router.transport.loading import inherited_pyreqwest, load_pyreqwest

if TYPE_CHECKING:
    from router.transport.base import Transport, TransportSettings


def open_transport(settings: TransportSettings) -> Transport:
    """A transport for one provider, to be used in one event loop.

    In a process forked from one that had loaded pyreqwest, httpx2 takes its place, and a warning says so:
    neither pyreqwest's thread nor its allocator survives a fork.
    """
    if settings.fast and not inherited_pyreqwest():
        load_pyreqwest()
        from router.transport.pyreqwest import PyreqwestTransport  # noqa: PLC0415 # It takes [fast].

        return PyreqwestTransport(settings)
    if settings.fast:
        warnings.warn(
            "this process was forked from one that had loaded pyreqwest: httpx2 is used in its place",
            RuntimeWarning,
            stacklevel=2,
        )
    from router.transport.httpx import HttpxTransport  # noqa: PLC0415 # A tenth of a second, for what may do without.

    return HttpxTransport(settings)
