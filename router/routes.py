"""Finding the route for an asked name; what wildcards resolve to is remembered, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache

from router.loops import ForkLock

if TYPE_CHECKING:
    from router.core.table import Plan, Route

MAX_CONCRETE = 1_000
"""Concrete models of wildcards that are remembered; the least recently asked are forgotten."""


class Routes:
    """``Plan.find``, remembering concrete wildcard routes. Safe to use from several threads."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._concrete: LRUCache[str, Route] = LRUCache(MAX_CONCRETE)
        self._lock = ForkLock()

    def find(self, name: str) -> Route | None:
        """The route for *name*; None when there is none, which is not remembered."""
        route = self.plan.routes.get(name)
        if route is not None:
            return route
        with self._lock.lock:
            route = self._concrete.get(name)
        if route is None:
            route = self.plan.find(name)
            if route is not None:
                with self._lock.lock:
                    self._concrete[name] = route
        return route
