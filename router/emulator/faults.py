"""Every fault the emulator can show: one table.

A fault is asked for by model id (``faulty/503``) or put on any model while the emulator runs
(``switch.FaultSwitch``). In a name ``N`` stands for a whole number.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

import orjson

from router.emulator.exchange import JSON_TYPE, NO_HEADERS, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAULTY = "faulty/"


@dataclass(frozen=True, slots=True)
class Canned:
    """Answer this instead of the model's answer, plain or streamed."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON_TYPE})


@dataclass(frozen=True, slots=True)
class Delay:
    """Say nothing for so many seconds, then answer as usual."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FirstCalls:
    """Fail the first calls of a model with a 500, then answer as usual."""

    count: int


@dataclass(frozen=True, slots=True)
class EveryOtherCall:
    """Fail calls 1, 3, 5 … of a model with a 500, answer the others as usual."""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Say nothing for so many seconds on the first call of a model, then answer as usual."""

    seconds: float


class Trouble(Enum):
    """Faults that need no more than a name."""

    TASK_FILTER = auto()
    HANG = auto()
    CUT = auto()
    STREAM_CUT = auto()
    STREAM_STALL = auto()
    STREAM_ERROR_FIRST = auto()
    STREAM_ERROR_LAST = auto()


Played: TypeAlias = Canned | Delay | Trouble
"""What one call shows."""

Effect: TypeAlias = Played | FirstCalls | EveryOtherCall | ColdStart
"""What a name stands for; the counting ones come to something Played call by call."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    Attributes:
        name: as in ``faulty/<name>``, N where a number goes.
        does: what happens, in a few words.
        effect: makes the effect from the number (0 when the name has none).
        largest: the largest number; 0 when the name has none.
    """

    name: str
    does: str
    effect: Callable[[int], Effect]
    largest: int = 0


def _error(status: int, message: str, headers: Mapping[str, str] = NO_HEADERS) -> Canned:
    body = orjson.dumps({"error": message, "output": None})
    return Canned(status, body, {"content-type": JSON_TYPE, **headers})


def _status(status: int, message: str) -> Fault:
    does = f'{status} with {{"error": "{message}", "output": null}}'
    return Fault(str(status), does, lambda _n: _error(status, message))


def _fixed(name: str, does: str, effect: Effect) -> Fault:
    return Fault(name, does, lambda _n: effect)


def _retry_after(status: int, message: str, seconds: int) -> Canned:
    return _error(status, message, {"retry-after": str(seconds)})


_RATE_LIMITED = "Rate limit exceeded"
_OVERLOADED = "Service Unavailable"
NO_CREDIT = {
    "status": 402,
    "error": "Payment Required",
    "message": "Insufficient credits to run this model",
}
_HTML = b"<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"
_HTML_TYPE = {"content-type": "text/html; charset=utf-8"}
_GOOD = b'{"error":null,"output":{"role":"assistant","content":"Hello from the emulator"}}'

_NO_MODELS = b'{"error":null,"output":[]}'

TASK_FILTER_ERROR = Canned(500, b'{"error":"Expected parameter(s): modelId","output":[]}')
"""What the list of models has answered to the filter ``task``."""

SERVER_ERROR = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")
"""What the counting faults answer."""

ERROR_TEXT = "Error: CUDA out of memory"
"""What a container writes into a stream when the model breaks."""

FAULTS: tuple[Fault, ...] = (
    _status(400, "Bad request"),
    _status(401, "Unauthorized"),
    _fixed("402", "402, with Bytez's own body for missing credits", Canned(402, orjson.dumps(NO_CREDIT))),
    _status(403, "Forbidden"),
    _status(404, "Model does not exist or has yet to be added to the Bytez catalog"),
    _status(408, "Request timeout"),
    _status(409, "Conflict"),
    _status(413, "Payload too large"),
    _status(422, "Unsupported params were passed to the api: [temperature]"),  # A container's words.
    _status(429, _RATE_LIMITED),
    Fault(
        "429-retry-after-Ns",
        "429 with Retry-After: N seconds",
        partial(_retry_after, 429, _RATE_LIMITED),
        10**9,
    ),
    _status(451, "Unavailable for legal reasons"),
    _status(500, "Internal server error"),
    _status(502, "Bad gateway"),
    _status(503, _OVERLOADED),
    Fault(
        "503-retry-after-Ns",
        "503 with Retry-After: N seconds",
        partial(_retry_after, 503, _OVERLOADED),
        10**9,
    ),
    _status(504, "Gateway timeout"),
    _status(529, "Overloaded"),
    _fixed(
        "200-with-error", "200 whose body holds an error", _error(HTTPStatus.OK, "The model failed to load")
    ),
    _fixed("html", "200 with an HTML page", Canned(200, _HTML, _HTML_TYPE)),
    _fixed("html-502", "502 with an HTML page", Canned(502, _HTML, _HTML_TYPE)),
    _fixed("truncated-json", "200 whose JSON stops in the middle", Canned(200, _GOOD[:50])),
    _fixed("invalid-json", "200 that says JSON and is none", Canned(200, b"output: Hello")),
    _fixed("empty", "200 with an empty body", Canned(200, b"")),
    _fixed(
        "redirect",
        "302 to another model of the emulator",
        Canned(302, b"", {"location": "/models/v2/redirected/model"}),
    ),
    Fault("slow-Nms", "N ms of silence, then the usual answer", lambda n: Delay(n / 1000), 600_000),
    Fault(
        "cold-start-Nms",
        "N ms of silence before the first answer, as of a model that must be started",
        lambda n: ColdStart(n / 1000),
        60_000,
    ),
    _fixed("hang", "silence until the client leaves", Trouble.HANG),
    _fixed("cut", "the connection is cut before an answer", Trouble.CUT),
    Fault("fails-N-then-works", "500 for the first N calls, then the usual answer", FirstCalls, 1_000),
    _fixed("flaky", "500 for every other call, the first included", EveryOtherCall()),
    _fixed("empty-list", "200 with an empty output, as the lists have had it", Canned(200, _NO_MODELS)),
    _fixed(
        "task-filter-500",
        "500 for a list of models with the filter `task`, and for nothing else",
        Trouble.TASK_FILTER,
    ),
    _fixed("stream-cut", "the connection is cut in the middle of a stream (*)", Trouble.STREAM_CUT),
    _fixed("stream-stall", "a stream falls silent in the middle (*)", Trouble.STREAM_STALL),
    _fixed("stream-error-text", f"a stream ends with {ERROR_TEXT!r} (*)", Trouble.STREAM_ERROR_LAST),
    _fixed("stream-error-first", f"a stream is nothing but {ERROR_TEXT!r} (*)", Trouble.STREAM_ERROR_FIRST),
)


def faults_table() -> str:
    """The table for people: one line a fault, the model id first."""
    width = max(len(fault.name) for fault in FAULTS)
    lines = [f"{FAULTY}{fault.name:{width}}  {fault.does}" for fault in FAULTS]
    return "\n".join([*lines, "", "N is a whole number. (*) a request without stream is answered as usual."])


def find(name: str) -> Effect:
    """The effect called *name*, such as ``503`` or ``slow-500ms``.

    Raises:
        Refused: 404, with the nearest name.
    """
    for fault in FAULTS:
        match = re.fullmatch(re.escape(fault.name).replace("N", r"(\d{1,10})"), name, re.ASCII)
        if match is None:
            continue
        number = int(match[1]) if match.groups() else 0
        if number <= fault.largest:
            return fault.effect(number)
        raise Refused(404, f"in the fault {fault.name} N is at most {fault.largest}")
    near = difflib.get_close_matches(name[:100], [fault.name for fault in FAULTS], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise Refused(404, f"there is no fault of this name; {hint}`router emulate --faults` lists all")
