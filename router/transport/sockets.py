"""Sockets by number: which descriptor of this process carries a lane's number, and how its connection is.

A socket's number is its TCP_USER_TIMEOUT, less the usual one (see lanes.py). To look at every descriptor
takes milliseconds where thousands are open, and the event loop stands still meanwhile. So a socket is looked
for where it was, or from where the next one was to be on, and everywhere only when it is not there, and
seldom.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

USUAL_MS = 30_000
"""The TCP_USER_TIMEOUT that would be number 0."""

ESTABLISHED = 1
"""The state, with which struct tcp_info begins, of a connection that nobody has closed."""

_OPEN = frozenset({ESTABLISHED, 8})
"""With CLOSE_WAIT: those in which a request may be on its way."""

_NEAR = 16
"""Descriptors that are looked at from a guess on: as many may have been opened at the same time."""

_SHARE = 20
"""Looking everywhere may take one part of this many of the time."""

_DESCRIPTORS = "/proc/self/fd"

# Python's own takes a socket object: five calls of the system, and the descriptor must be duplicated. This
# one reads, so that it harms no descriptor, whatever that is; and it holds the interpreter, as it is short.
_getsockopt = ctypes.PyDLL(None).getsockopt
_TCP, _TIMEOUT, _INFO = socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, socket.TCP_INFO
# The system writes there how many bytes it gave, which are always as many: threads may share them.
_ONE, _FOUR = ctypes.byref(ctypes.c_uint(1)), ctypes.byref(ctypes.c_uint(4))


class Places:
    """Where numbered sockets are. Any thread may ask: an answer that is out of date is not given."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._not_before = 0.0

    def find(self, number: int, guess: int) -> int | None:
        """The descriptor with *number*, looked for from *guess* on.

        None: it is not open, or is elsewhere and all were looked at too short a time ago.
        """
        for descriptor in range(guess, guess + _NEAR):
            if _option(descriptor) == number:
                return descriptor
        began = time.monotonic()
        if began >= self._not_before:
            self._seen = dict(_walk())
            ended = time.monotonic()
            self._not_before = ended + _SHARE * (ended - began)
        seen = self._seen.get(number)
        return seen if seen is not None and _option(seen) == number else None


def next_descriptor() -> int:
    """The descriptor that what is opened next will have, if nothing else comes first."""
    try:
        descriptor = os.eventfd(0)
    except OSError:  # None is left.
        return 0
    os.close(descriptor)
    return descriptor


def state(descriptor: int, number: int) -> int:
    """The TCP state of the socket *descriptor*, as in struct tcp_info; 0: it does not carry *number*."""
    if _option(descriptor) != number:
        return 0
    value = ctypes.c_ubyte()
    failed = _getsockopt(descriptor, _TCP, _INFO, ctypes.byref(value), _ONE)
    return 0 if failed else value.value


def shut_down_all(numbers: Container[int]) -> set[int]:
    """Shut down the sockets of this process that carry one of *numbers*; those that had an open one."""
    return {number for number, found in list(_walk()) if number in numbers and shut_down(found, number)}


def shut_down(descriptor: int, number: int) -> bool:
    """Shut the socket *descriptor* down if it carries *number*; whether it did, and was open.

    It is done to a duplicate, which nobody can close and open as something else meanwhile: the socket
    itself stays its owner's.
    """
    try:
        own = os.dup(descriptor)
    except OSError:  # Closed meanwhile.
        return False
    # One that blocks is none of ours; making a socket object of it might change that.
    if _option(own) != number or os.get_blocking(own):
        os.close(own)
        return False
    with socket.socket(fileno=own) as found:
        was = state(own, number)
        try:
            found.shutdown(socket.SHUT_RDWR)
        except OSError:  # Broken meanwhile.
            return False
    return was in _OPEN


def _walk() -> list[tuple[int, int]]:
    """Number and descriptor of every numbered socket of this process."""
    names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 # Names are all that is wanted, and they are many.
    return [(number, at) for at in map(int, names) if (number := _option(at)) > 0]


def _option(descriptor: int) -> int:
    """The number of the socket *descriptor*; below 1: it has none, or is no TCP socket."""
    value = ctypes.c_int()
    failed = _getsockopt(descriptor, _TCP, _TIMEOUT, ctypes.byref(value), _FOUR)
    return 0 if failed else value.value - USUAL_MS
