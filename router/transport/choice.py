"""Opens the transport that a provider's settings name; an implementation is imported when it is needed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from router.transport.loading import load_pyreqwest

if TYPE_CHECKING:
    from router.transport.base import Transport, TransportSettings


def open_transport(settings: TransportSettings) -> Transport:
    """A transport for one provider, to be used in one event loop.

    pyreqwest's thread does not survive a fork. In a process forked from one that had used it, httpx2
    takes its place, and a warning says so.
    """
    if settings.fast:
        load_pyreqwest()
        from router.transport.pyreqwest import PyreqwestTransport  # noqa: PLC0415 # It takes [fast].

        try:
            return PyreqwestTransport(settings)
        except RuntimeError:
            warnings.warn(
                "this process was forked from one that had used pyreqwest: httpx2 is used in its place",
                RuntimeWarning,
                stacklevel=2,
            )
    from router.transport.httpx import HttpxTransport  # noqa: PLC0415 # A tenth of a second, for what may do without.

    return HttpxTransport(settings)
