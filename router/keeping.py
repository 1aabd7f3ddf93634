"""Between requests and kept answers: which requests may use them, and what of an answer is kept.

Pure, but for the look into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from router.adapters.assemble import Assembler
from router.adapters.base import Chunk, Completion
from router.adapters.replay import replay, usage_asked
from router.adapters.shapes import dump
from router.cache.key import canonical
from router.cache.memory import MAX_ANSWER_BYTES, Entry
from router.eligible import eligible
from router.request import ChatRequest, parsed_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from router.adapters.base import Adapter
    from router.cache.answers import Answers
    from router.core.caching import Caching, Keyed
    from router.core.needs import Estimator
    from router.driver import Run
    from router.engine import Engine
    from router.errors import RouterError
    from router.request import Ask, Request
    from router.telemetry.events import Routing
    from router.types import RouterOptions

_KEPT_REASONS = ("stop", "length", "tool_calls")
_REFUSED = 400
"""The status of errors that say that the request itself is no good."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a request may do with kept answers.

    Attributes:
        key: of its answer.
        reads: whether it may be given one; it may always have its own kept.
        caching: how long that is.
    """

    key: bytes
    reads: bool
    caching: Caching


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that can be answered.

    Attributes:
        ask: as it came.
        request: checked; when there is an *entry*, who can carry it may be open.
        use: what it may do with kept answers; None: nothing.
        entry: the answer, when it is kept.
        estimator: how many tokens messages are.
    """

    ask: Ask
    request: Request
    estimator: Estimator
    use: Use | None = None
    entry: Entry | None = None


def prepare(engine: Engine, ask: Ask, estimator: Estimator) -> Prepared:
    """Check a request, and look whether its answer is kept.

    Raises:
        UnknownModel, InvalidRequest: as ``checked_request``.
    """
    return made_ready(engine, ask, parsed_request(engine.routes, ask), estimator)


def made_ready(engine: Engine, ask: Ask, request: Request, estimator: Estimator) -> Prepared:
    """As ``prepare``, of a *request* that *ask* was found to be.

    Raises:
        InvalidRequest: nobody can carry it.
    """
    caching = request.route.asked.cache
    if caching is not None:
        _own(request)
    # An answer under its key is one to a request that could be carried, so this one can.
    early = caching is not None and caching.when == "always"
    if not early:
        _judge(engine, request, ask, estimator)
    use = entry = None
    if caching is not None:
        found = use_of(engine, request, ask.options)
        use = found if isinstance(found, Use) else None
    if use is not None and use.reads:
        entry = engine.answers.kept(use.key)
    if early and entry is None:
        _judge(engine, request, ask, estimator)
    return Prepared(ask, request, estimator, use, entry)


def _own(request: Request) -> None:
    """Let *request* go on with a copy of its own of what the caller gave.

    He may change that as soon as he has left, while others still wait for the answer: it must remain the
    answer to what the key says.
    """
    held = orjson.loads(dump({"asked": request.asked, "params": request.params}))
    request.params = held["params"]
    setattr(request, request.subject, held["asked"])


def _judge(engine: Engine, request: Request, ask: Ask, estimator: Estimator) -> None:
    """Find out which targets can carry *request*."""
    tags = frozenset(ask.options.tags)
    request.able = eligible(request, tags, engine.adapters, estimator, metered=engine.plan.metered)


# --- which requests


def use_of(engine: Engine, request: Request, options: RouterOptions) -> Use | str:
    """What *request*, of a group that keeps answers, may do with them; nothing: why.

    Where the group says ``when: deterministic``, it must be known who can carry the request.
    """
    caching, keyed = request.route.asked.cache, request.route.keyed
    assert caching is not None
    assert keyed is not None
    if options.cache == "off":
        return "the request says so"
    if (keyed.several or "n" in request.params) and _wants_several(request):
        return "it asks for several answers"
    if caching.when == "deterministic" and not _is_deterministic(request, engine.adapters):
        return "some target is sent neither temperature 0 nor a seed"
    scope = ("caller", options.caller) if caching.scope == "caller" else ("group", None)
    key = engine.answers.keys.key(scope, keyed.digest, asked_of(request, options, keyed))
    return Use(key, options.cache != "refresh", caching)


def asked_of(request: Request, options: RouterOptions, keyed: Keyed) -> dict[str, Any]:
    """All of a request that can change what goes up to any target, but for whether it is a stream.

    What the config's digest settles for every target is left out.
    """
    outside = keyed.settled
    params = {
        name: value
        for name, value in request.params.items()
        if name != "stream_options" and name not in outside
    }
    return {request.subject: request.asked, "params": params, "tags": sorted(set(options.tags))}


def variant_of(use: Use, request: Request) -> bytes:
    """The key of an answer in the making: a stream as it was asked for is not a whole answer."""
    if not request.stream:
        return use.key
    return use.key + b"stream" + canonical(request.params.get("stream_options"))


def inputs_of(request: Request, options: RouterOptions) -> tuple[str, ...]:
    """The names of what the key of *request*'s answer is made of; ``group``: the config's part of it."""
    caching, keyed = request.route.asked.cache, request.route.keyed
    if caching is None or keyed is None:
        return ()
    params = sorted(f"params.{name}" for name in asked_of(request, options, keyed)["params"])
    whose = ("caller",) if caching.scope == "caller" else ()
    return (*whose, "group", request.subject, *params, *(("tags",) if options.tags else ()))


def _wants_several(request: Request) -> bool:
    groups = enumerate(request.route.groups)
    return any(several(request.merged(g, t).params) for g, group in groups for t in range(len(group.targets)))


def several(params: Mapping[str, Any]) -> bool:
    """Whether a target that is sent *params* gives several answers; these are not kept."""
    return bool(params.get("n", 1) != 1)


def cold(params: Mapping[str, Any]) -> bool:
    """Whether a target that is sent *params* leaves nothing to chance by its temperature."""
    return params.get("temperature") == 0 and not isinstance(params["temperature"], bool)


def _is_deterministic(request: Request, adapters: Mapping[str, Adapter]) -> bool:
    """Whether each target that may answer is sent temperature 0 or a seed; embeddings know no chance."""
    if not isinstance(request, ChatRequest):
        return True
    for g, row in enumerate(request.able.targets):
        for t, able in enumerate(row):
            if not able:
                continue
            params, wire = request.merged(g, t).params, request.wire(g, t, adapters)
            seed = params.get("seed")
            if not cold(params) and (
                seed is None or wire.sends("seed", seed) is None or not wire.carries("seed", seed)
            ):
                return False
    return True


# --- what is kept


def entry_of(
    use: Use, run: Run, pieces: tuple[bytes, ...], whole: Mapping[str, Any], now: float
) -> Entry | None:
    """The entry for an answer that has ended well; None when it must not be kept.

    Args:
        use: of the request.
        run: which answered it.
        pieces: as in Entry.
        whole: the answer, whole.
        now: on the memory's clock.
    """
    caching, routing, request = use.caching, run.routing, run.request
    times = times_of(caching, now, fell_back=run.fell_back)
    doubtful = routing.suspect or routing.skipped or run.resumed
    if doubtful or routing.target is None or times is None or sum(map(len, pieces)) > MAX_ANSWER_BYTES:
        return None
    if not (_is_good_chat(whole) if isinstance(request, ChatRequest) else whole["data"]):
        return None
    return Entry(
        key=use.key,
        pieces=pieces,
        streamed=request.stream,
        usage_apart=usage_asked(request.params),
        target=routing.target,
        assumed_finish=routing.finish_reason is not None,
        fresh_until=times[0],
        stale_until=times[1],
    )


def times_of(caching: Caching, now: float, *, fell_back: bool = False) -> tuple[float, float] | None:
    """Until when an answer that is there now is fresh, and may stand in for others; None: it is not kept.

    Args:
        caching: of its group.
        now: on the memory's clock.
        fell_back: whether another group than the asked one gave it.
    """
    ttl_s = caching.fallback_ttl_s if fell_back else caching.ttl_s
    return (now + ttl_s, now + ttl_s + caching.stale_s) if ttl_s > 0 else None


def _is_good_chat(whole: Mapping[str, Any]) -> bool:
    """Whether a chat's answer is one, has an end of its own, and says something."""
    choices = whole["choices"]
    if len(choices) != 1 or choices[0].get("finish_reason") not in _KEPT_REASONS:
        return False
    message = choices[0]["message"]
    return bool(message.get("content") or message.get("tool_calls"))


# --- what is given again


def stand_in(answers: Answers, use: Use, error: type[RouterError], *, after_s: float = 0.0) -> Entry | None:
    """The last good answer, where it may stand in for a call that has failed before its first content.

    Args:
        answers: those that are kept.
        use: of the request.
        error: what its caller would get.
        after_s: seconds from now to the failure.
    """
    if not use.reads or not replaceable(error):
        return None
    entry = answers.kept(use.key, stale=True)
    late = entry is not None and answers.memory.clock() + after_s >= entry.stale_until
    return None if late else entry


def replaceable(error: type[RouterError]) -> bool:
    """Whether a kept answer may be given in place of *error*: not where the request itself is no good."""
    return error.status_hint != _REFUSED


def note_kept(routing: Routing, entry: Entry, *, stale: bool = False) -> None:
    """Say in *routing* that *entry* answers; *stale*: though its time is over."""
    routing.cache = "stale" if stale else "hit"
    routing.target, routing.params, routing.cost = entry.target, (), 0.0
    routing.finish_reason = "assumed" if entry.assumed_finish else None


def whole_of(entry: Entry) -> Completion:
    """A kept answer as a whole: its own bytes when it was one."""
    if not entry.streamed:
        (body,) = entry.pieces
        return Completion(orjson.loads(body), raw=body, assumed_finish=entry.assumed_finish)
    assembler = Assembler()
    for piece in entry.pieces:
        assembler.add(orjson.loads(piece))
    whole = assembler.whole()
    assert whole is not None  # Else it would not be kept.
    return Completion(whole, assumed_finish=entry.assumed_finish)


def chunks_of(entry: Entry, *, usage_apart: bool) -> Iterator[Chunk]:
    """A kept answer as a stream: its own bytes when it was one.

    Args:
        entry: the answer.
        usage_apart: whether a last chunk that holds the usage is asked for.
    """
    if not entry.streamed:
        for chunk in replay(whole_of(entry).data, usage_apart=usage_apart):
            yield Chunk(chunk.data, dump(chunk.data), chunk.commits)
        return
    told = False
    for piece in entry.pieces:
        data = orjson.loads(piece)
        only_usage = not data["choices"] and data.get("usage") is not None
        told = told or only_usage
        if not only_usage or usage_apart or not entry.usage_apart:
            yield Chunk(data, piece)
    if usage_apart and not told and not entry.usage_apart:
        yield from _usage_chunk(entry)


def _usage_chunk(entry: Entry) -> Iterator[Chunk]:
    """The usage of a stream in a chunk of its own, where it is known."""
    last = orjson.loads(entry.pieces[-1])
    usage = whole_of(entry).data.get("usage")
    if usage is not None:
        data = {**last, "choices": [], "usage": usage}
        yield Chunk(data, dump(data))
