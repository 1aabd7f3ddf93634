"""Reading decision logs: every line is checked before anything is concluded from it.

``python -m router.tools.decision_log`` prints the JSON Schema of a line.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from router.checks import MAX_INPUTS
from router.core.failure import FailureClass
from router.core.health import Health
from router.errors import RouterError
from router.telemetry.decision_log import MAX_LINE_BYTES
from router.telemetry.logged import VERSION, LoggedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LINES = 1_000_000
"""More lines at once are refused."""
MAX_TOKENS = 100_000_000
_OUTCOMES = frozenset({"ok", *FailureClass})
_HEALTH = TypeAdapter(Health)
_DIGEST = re.compile(r"([0-9a-f]{2})+")

_LINE = TypeAdapter(
    with_config(ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False))(LoggedRequest)
)


class BadLog(RouterError):
    """A decision log cannot be read; the message names file and line."""

    code = "bad_log"


@dataclass(frozen=True, slots=True)
class Line:
    """One request, and where it is written.

    Attributes:
        file, line: the file as it was named, and the line's number in it.
        request: what it says.
    """

    file: str
    line: int
    request: LoggedRequest


@dataclass(slots=True)
class Log:
    """What logs say.

    Attributes:
        lines: of each process by itself, as its requests began.
        cut: last lines that were not written to their end.
        skipped: other lines that could not be read.
    """

    lines: list[Line] = field(default_factory=list)
    cut: int = 0
    skipped: int = 0


def read_logs(paths: Sequence[str], *, skip: bool = False) -> Log:
    """The requests of several files, which may be of one log, set aside in turn, or of several.

    Their ``decision`` is not kept: a replay decides anew, and a million of them would fill the memory.

    Args:
        paths: the files, in any order.
        skip: pass over lines that cannot be read, and count them.

    Raises:
        BadLog: a file cannot be read or is none, or, without *skip*, a line is none of a decision log.
    """
    log = Log()
    for path in dict.fromkeys(paths):
        _read(path, log, skip=skip)
    log.lines.sort(key=lambda line: (line.request.process, line.request.seq))
    for first, second in zip(log.lines, log.lines[1:], strict=False):
        if (first.request.process, first.request.seq) == (second.request.process, second.request.seq):
            twice = f"the same request as {first.file}:{first.line}"
            raise BadLog(f"{second.file}:{second.line}: {twice}; name each log once")
    return log


def _read(path: str, log: Log, *, skip: bool) -> None:
    try:
        if Path(path).is_char_device():
            raise BadLog(f"{path}: it is a device, which may never end")
        with Path(path).open("rb") as file:
            number = 0
            while text := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if not text.endswith(b"\n") and len(text) <= MAX_LINE_BYTES:
                    log.cut += 1  # Its writer was stopped.
                    return
                while not text.endswith(b"\n") and (more := file.readline(MAX_LINE_BYTES)):
                    text = more if more.endswith(b"\n") else b""  # Too long: none of ours.
                _take(path, number, text, log, skip=skip)
    except OSError as error:
        raise BadLog(f"{path}: it cannot be read: {error.strerror}") from None


def _take(path: str, number: int, text: bytes, log: Log, *, skip: bool) -> None:
    found = _parsed(text)
    if isinstance(found, str):
        if not skip:
            hint = "name a file that a `decision_log` wrote, or pass over such lines with --skip"
            raise BadLog(f"{path}:{number}: {found}; {hint}")
        log.skipped += 1
    elif len(log.lines) == MAX_LINES:
        raise BadLog(f"{path}:{number}: more than {MAX_LINES:,} requests; replay fewer files at once")
    else:
        log.lines.append(Line(path, number, found))


def _parsed(text: bytes) -> LoggedRequest | str:
    """The request that a line tells of; text: why it is none."""
    try:
        found = _LINE.validate_python(_undecided(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field_name = ".".join(str(part) for part in first["loc"])
        what = f"{field_name}: {first['msg']}" if field_name else "it is no JSON object"
        return f"not a line of a decision log ({what})"
    if found.v != VERSION:
        return f"it is of version {found.v} of the format; this router reads {VERSION}"
    return _problem(found) or found


def _undecided(text: bytes) -> object:
    """*text* as JSON, but for its ``decision``: a replay makes its own, and it may be another release's."""
    try:
        data: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if isinstance(data, dict):
        data.pop("decision", None)
    return data


def _problem(found: LoggedRequest) -> str | None:
    """What of a request no router would have written; None: nothing."""
    asked, before, attempts = found.asked, found.before, found.attempts
    times = [time for one in attempts for time in (one.started_s, one.seconds, one.content_s or 0.0)]
    sound = {
        "a time is below 0": min(found.seconds, found.waited_s, *times) >= 0,
        "at is no time": _is_time(found.at),
        "a draw is not in [0, 1)": all(0 <= u < 1 for u in found.draws),
        "an attempt's outcome is unknown": all(one.outcome in _OUTCOMES for one in attempts),
        "an affinity is no digest": all(_DIGEST.fullmatch(key) for key in asked.affinity.values()),
        "there are too many inputs or tokens": asked.inputs <= MAX_INPUTS and asked.tokens <= MAX_TOKENS,
        "a state is none": all(map(_is_health, (*before.health.values(), *before.credentials.values()))),
    }
    return next((f"not a line of a decision log ({what})" for what, fine in sound.items() if not fine), None)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_health(written: dict[str, Any]) -> bool:
    try:
        return bool(_HEALTH.validate_python(written))
    except ValidationError:
        return False


def schema_text() -> str:
    """The JSON Schema of a line, as it stands in ``schemas/``."""
    body = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_LINE.json_schema(mode="serialization"),
        "title": "bytez-router decision log, one line",
    }
    for definition in [body, *body.get("$defs", {}).values()]:
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
