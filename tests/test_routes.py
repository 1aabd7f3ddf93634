"""Wildcard routes are remembered, and no more of them than the bound."""

from __future__ import annotations

from router.core.table import Group, Plan, Provider, Route, Target, Wildcard
from router.routes import MAX_CONCRETE, Routes


def routes() -> Routes:
    def route(name: str, model: str) -> Route:
        return Route((Group(name, (Target(id=f"bytez/{model}", provider="bytez", model=model),)),))

    return Routes(
        Plan(
            digest="0" * 12,
            providers={"bytez": Provider("bytez", "bytez", segments=2)},
            routes={"g": route("g", "a/b")},
            wildcards=(Wildcard("bytez/", "", route("bytez/*", "*")),),
        )
    )


def test_found_routes_are_the_plans() -> None:
    """Exact, wildcard and unknown names give what the plan gives; a wildcard's route is made once."""
    made = routes()
    assert made.find("g") is made.plan.routes["g"]
    assert made.find("bytez/org/name") == made.plan.find("bytez/org/name")
    assert made.find("bytez/org/name") is made.find("bytez/org/name")
    assert made.find("bytez/one") is None
    assert made.find("nothing") is None


def test_memory_is_bounded() -> None:
    """However many names callers invent, only the last thousand are remembered."""
    made = routes()
    first = made.find("bytez/org/m0")
    for number in range(1, MAX_CONCRETE + 1):
        made.find(f"bytez/org/m{number}")
    assert made.find("bytez/org/m0") is not first
    assert made.find("bytez/org/m0") == first
