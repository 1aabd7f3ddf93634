"""Rehearsing a request: all is real but the upstreams, which follow a script, and the time, which flies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from router.part import part_of
from router.request import ChatRequest
from router.resume import delivery_of
from router.virtual import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.adapters.base import ChatWire
    from router.core.events import Send
    from router.core.state import Chain, Shared
    from router.engine import Engine
    from router.request import Request
    from router.virtual import Replies, Reply, Story


def rehearse(
    engine: Engine,
    request: Request,
    replies: Replies,
    *,
    now: float,
    timeout_s: float | None = None,
    draw: Callable[[], float] | None = None,
) -> Story:
    """The story of *request*, asked now of the engine as it stands; nothing changes for others.

    Args:
        engine: what the request may touch of its shared state is copied.
        request: checked, with the targets that can carry it.
        replies: what plays the upstreams.
        now: on the clock of the engine's state.
        timeout_s: the caller's own, if any.
        draw: gives the core's *u*; None: always 0.5, the middle of every jitter.
    """
    chain = request.chain(now, timeout_s)
    timeline = Timeline(engine.plan, shared=copied(engine, chain), draw=draw, now=now)
    return timeline.play(chain, as_asked(request, engine, replies))


def copied(engine: Engine, chain: Chain) -> Shared:
    """What *chain*, which has not begun, may touch of the engine's shared state as it stands, for oneself."""
    with engine.lock.lock:
        return part_of(engine.plan, engine.shared, chain)


def as_asked(request: Request, engine: Engine, replies: Replies) -> Replies:
    """*replies* as they come over the wires that *request* takes: what depends on these is filled in."""
    if not isinstance(request, ChatRequest) or not request.stream:
        return replies

    def reply(send: Send, story: Story) -> Reply:
        wire = cast("ChatWire", request.wire(send.group, send.target, engine.adapters))
        return replace(
            replies(send, story),
            held_whole=not wire.streams_tell,
            resumable=delivery_of(request, send) is not None,
        )

    return reply
