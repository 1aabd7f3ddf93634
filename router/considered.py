"""A request looked at from all sides, also when it is refused: for those who want to know why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.core.needs import estimated_tokens
from router.eligible import eligible, judged
from router.errors import InvalidRequest
from router.request import parsed_request

if TYPE_CHECKING:
    from router.core.needs import Estimator
    from router.eligible import Problem
    from router.engine import Engine
    from router.request import Ask, Request, Tokens


@dataclass(frozen=True, slots=True)
class Considered:
    """A request that was looked at.

    Attributes:
        request: checked; also when it is refused because no target can carry it.
        problems: for each group and target what stands in its way.
        tokens: about how many its messages or its input are.
        refused: why it is not served; None: it is.
    """

    request: Request
    problems: list[list[list[Problem]]]
    tokens: int
    refused: InvalidRequest | None


def consider(
    engine: Engine, ask: Ask, *, estimator: Estimator = estimated_tokens, tokens: Tokens | None = None
) -> Considered:
    """Check *ask* and find out which targets can carry it, and what keeps the others from it.

    Args:
        engine: as it stands; nothing of it changes.
        ask: what a caller asks.
        estimator: how many tokens messages are.
        tokens: about how many *ask* is, where that was counted; None: it was not.

    Raises:
        RequestError: it is malformed, or names no group: there is no chain to speak of.
    """
    request = parsed_request(engine.routes, ask)
    request.counted = tokens
    tags, metered = frozenset(ask.options.tags), engine.plan.metered
    request.able, problems = judged(request, tags, engine.adapters, estimator, metered=metered)
    refused = None
    try:
        eligible(request, tags, engine.adapters, estimator, metered=metered)
    except InvalidRequest as error:
        refused = error
    return Considered(request, problems, request.tokens(estimator).in_all, refused)
