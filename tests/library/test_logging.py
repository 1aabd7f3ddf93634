from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from router import errors
from router.telemetry import log
from router.types import RouterOptions
from tests.library.upstream import (
    DONE,
    END,
    KEY,
    MESSAGES,
    OK,
    Upstream,
    chunk,
    completion,
    config,
    open_router,
    reply,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER = "ANSWER-CANARY"
GOOD = reply(200, completion(ANSWER, usage={"prompt_tokens": 3, "completion_tokens": 2}))


@pytest.fixture
def configured() -> Iterator[list[dict[str, Any]]]:
    """A host that has configured structlog; what it logged."""
    lines: list[dict[str, Any]] = []

    def keep(_logger: Any, level: str, event: Any) -> Any:
        lines.append({"log_level": level, **event})
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    yield lines
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return dict(record.__dict__)


def test_one_line_per_request(up: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """One line says how the request came out, with its numbers and none of its words."""
    caplog.set_level(logging.INFO, "router")
    up.script(GOOD)
    with open_router(up) as router:
        reply_ = router.completion("g", MESSAGES, router=RouterOptions(caller="alice"))
    (record,) = caplog.records
    assert (record.name, record.levelname, record.message) == ("router", "INFO", "router.request_completed")
    said = fields(record)
    expected = {
        "group": "g",
        "caller": "alice",
        "target": "p1/m",
        "attempts": 1,
        "cache": "bypass",
        "stream": False,
        "outcome": "ok",
        "first_content_s": None,
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "cost": None,
        "plan": reply_.routing.plan,
        "request_id": reply_.routing.request_id,
    }
    assert {name: said[name] for name in expected} == expected
    assert 0 < said["seconds"] < 10


def test_line_of_a_stream(up: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """A stream has one line, at its end, with the time to its first content."""
    caplog.set_level(logging.INFO, "router")
    up.script(stream(chunk({"content": "x"}), END, chunk({}, usage={"completion_tokens": 5}), DONE))
    with open_router(up) as router:
        answer = router.completion("g", MESSAGES, stream=True)
        assert caplog.records == []
        list(answer)
    (record,) = caplog.records
    said = fields(record)
    assert (said["outcome"], said["stream"], said["completion_tokens"]) == ("ok", True, 5)
    assert 0 < said["first_content_s"] <= said["seconds"]


def test_lines_of_failures(up: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """A failed, an interrupted and an abandoned request have their line, with its outcome."""
    caplog.set_level(logging.INFO, "router")
    with open_router(up, defaults={"retries": 0}) as router:
        up.script(reply(429, b"{}"))
        with pytest.raises(errors.RateLimited):
            router.completion("g", MESSAGES)
        up.script(stream(chunk({"content": "x"}), end="fin"))
        with pytest.raises(errors.StreamInterrupted):
            list(router.completion("g", MESSAGES, stream=True))
        up.script(stream(chunk({"content": "x"}), end="hang"))
        router.completion("g", MESSAGES, stream=True).close()
    outcomes = [fields(record)["outcome"] for record in caplog.records]
    assert outcomes == ["rate_limit_exceeded", "stream_interrupted", "cancelled"]


def test_debug_lines(up: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """At debug level attempts and ledger are told too: names and sources, never values or words."""
    caplog.set_level(logging.DEBUG, "router")
    up.script(reply(500, {"error": {"message": f"WORDS-CANARY {KEY}"}}), GOOD)
    with open_router(up, defaults={"params": {"user": "VALUE-CANARY"}}) as router:
        router.completion("g", MESSAGES, metadata={"a": "VALUE-CANARY"})
    messages = [record.message for record in caplog.records]
    assert messages == [
        "router.request_completed",
        "router.attempt_ended",
        "router.attempt_ended",
        "router.params_merged",
    ]
    assert fields(caplog.records[1])["outcome"] == "server_error"
    assert fields(caplog.records[3])["ledger"] == ["user default (config)"]
    told = repr([fields(record) for record in caplog.records])
    for canary in (KEY, KEY[:8], "WORDS-CANARY", "PROMPT-CANARY", "VALUE-CANARY", ANSWER):
        assert canary not in told


def test_host_that_configured_structlog(up: Upstream, configured: list[dict[str, Any]]) -> None:
    """The host's pipeline gets the lines, with what it bound for the calling thread, also for sync calls."""
    up.script(GOOD)
    structlog.contextvars.bind_contextvars(trace="t-1")
    with open_router(up) as router:
        router.completion("g", MESSAGES)
    assert [line["event"] for line in configured] == [
        "router.request_completed",
        "router.attempt_ended",
        "router.params_merged",
    ]
    assert {line["trace"] for line in configured} == {"t-1"}
    assert configured[0]["log_level"] == "info"
    for canary in (KEY, "PROMPT-CANARY", ANSWER):
        assert canary not in repr(configured)
    assert structlog.contextvars.get_contextvars() == {"trace": "t-1"}


async def test_context_of_an_async_call(up: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """The host's context is merged in its own loop too; names of LogRecord do not collide."""
    caplog.set_level(logging.INFO, "router")
    up.script(GOOD)
    with structlog.contextvars.bound_contextvars(trace="t-2", name="n", module="m", message="x", args=1):
        async with open_router(up) as router:
            await router.acompletion("g", MESSAGES)
    said = fields(caplog.records[0])
    assert (said["trace"], said["context_name"], said["context_module"]) == ("t-2", "n", "m")
    assert (said["context_message"], said["context_args"], said["name"]) == ("x", 1, "router")


LEVELS = pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.WARNING, []),
        (logging.INFO, ["request_completed"]),
        (logging.DEBUG, ["request_completed", "attempts_ended", "params_merged"]),
    ],
)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that were put together."""
    work: list[str] = []

    def noted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any) -> Any:
            work.append(name)
            return original(*args)

        return note

    for name in ("request_completed", "attempts_ended", "params_merged"):
        monkeypatch.setattr(log.Log, name, noted(name, getattr(log.Log, name)))
    return work


@LEVELS
def test_disabled_level_costs_nothing(
    up: Upstream, caplog: pytest.LogCaptureFixture, work: list[str], level: int, expected: list[str]
) -> None:
    """The words of a line that nobody wants are not put together."""
    caplog.set_level(level, "router")
    up.script(OK)
    with open_router(up) as router:
        router.completion("g", MESSAGES)
    assert work == expected


@LEVELS
@pytest.mark.usefixtures("configured")
def test_disabled_level_of_a_host_costs_nothing(
    up: Upstream, work: list[str], level: int, expected: list[str]
) -> None:
    """Nor those of a line that the host's structlog, as `router serve` has it, lets nobody see."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    up.script(OK)
    with open_router(up) as router:
        router.completion("g", MESSAGES)
    assert work == expected


def test_silent_by_default(up: Upstream) -> None:
    """In a program that configures no logging, nothing is printed, whatever happens."""
    up.script(reply(500, b"{}"), GOOD, reply(400, b"{}"))
    code = f"""
    import os; os.environ["CANARY"] = {KEY!r}
    from router import Router, UpstreamError
    from router.config import RouterConfig
    router = Router(RouterConfig(**{config(up)!r}))
    router.completion("g", {MESSAGES!r})
    try: router.completion("g", {MESSAGES!r})
    except UpstreamError: pass
    """
    source = textwrap.dedent(code)
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")


def test_a_broken_pipeline_of_the_host_costs_no_answer(up: Upstream) -> None:
    """What the host does with a log line cannot fail a request."""

    def broken(_logger: Any, _level: str, _event: Any) -> Any:
        raise ValueError("the host's processor is broken")

    structlog.configure(processors=[broken])
    up.script(GOOD)
    try:
        with open_router(up) as router:
            assert router.completion("g", MESSAGES).choices[0].message.content == ANSWER
    finally:
        structlog.reset_defaults()
