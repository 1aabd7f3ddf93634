"""Is the healthy target found?"""

from __future__ import annotations

from bench.probes.base import DOWN, Row, all_down, failures, group, none_failed, succeeded
from router import errors
from tests.faults.server import MESSAGES, FaultServer, healthy, open_router, provider, whole

FAULTS = {
    "healthy": healthy,
    "down-1": DOWN,
    "down-2": DOWN,
    "down-3": DOWN,
    "short": whole(400, {"error": {"message": "too long", "code": "context_length_exceeded"}}),
}


async def one_of_three(*, quick: bool) -> list[Row]:
    """Three targets, of which one is healthy."""
    rows = []
    many = 300 if quick else 1000
    with FaultServer(FAULTS) as server:
        providers = {"p": provider(server.url)}

        failed = 0
        for turn in range(120):
            targets = all_down(2)
            targets.insert(turn % 3, "p/healthy")
            async with open_router(providers, {"g": group(*targets)}) as router:
                failed += not await succeeded(router, "g")
        rows.append(none_failed("3 targets, 1 healthy: a fresh router per request", failed, 120))

        models = {"g": group(*all_down(2), "p/healthy")}
        async with open_router(providers, models) as router:
            failed = sum([not await succeeded(router, "g") for _ in range(many)])
        rows.append(none_failed("3 targets, 1 healthy: one router, in sequence", failed, many))

        async with open_router(providers, models, {"timeout": "30s"}) as router:
            failed = await failures(succeeded(router, "g") for _ in range(many))
        rows.append(none_failed("3 targets, 1 healthy: one router, all at once", failed, many))
    return rows


async def primary_down(*, quick: bool) -> list[Row]:
    """The primary group is down, its fallback is healthy."""
    many = 50 if quick else 200
    with FaultServer(FAULTS) as server:
        models = {"g": group(*all_down(3), fallbacks=["f"]), "f": group("p/healthy")}
        async with open_router({"p": provider(server.url)}, models) as router:
            failed = await failures(succeeded(router, "g") for _ in range(many))
    return [none_failed("primary group down, fallback healthy, all at once", failed, many)]


async def names(*, quick: bool) -> list[Row]:  # noqa: ARG001 - the same either way
    """Fallbacks by way of an alias, and of a wildcard."""
    models = {
        "main": group("p/down-1", aliases=["by-alias"], fallbacks=["spare-alias"], retries=0),
        "spare": group("p/healthy", aliases=["spare-alias"]),
        "wild-*": group("p/*", fallbacks={"on_context_overflow": ["spare"]}, retries=0),
    }
    with FaultServer(FAULTS) as server:
        async with open_router({"p": provider(server.url, passthrough="any")}, models) as router:
            alias = await succeeded(router, "by-alias")
            wild = await succeeded(router, "wild-short")
    return [
        Row("fallbacks of a group named by its alias", "fire", "fire" if alias else "do not fire", alias),
        Row("on_context_overflow through a wildcard", "fires", "fires" if wild else "does not fire", wild),
    ]


async def retries_in_the_body(*, quick: bool) -> list[Row]:  # noqa: ARG001 - the same either way
    """A caller cannot ask for retries."""
    with FaultServer(FAULTS) as server:
        async with open_router({"p": provider(server.url)}, {"g": group("p/down-1")}) as router:
            try:
                await router.acompletion("g", MESSAGES, num_retries=12)
                here = "accepted"
            except errors.InvalidRequest as refused:
                here = f"{refused.status_hint}, names {refused.param}"
        calls = server.calls["down-1"]
    good = here == "400, names num_retries" and calls == 0
    return [Row("body asks num_retries: 12", "400 by name, 0 calls", f"{here}, {calls} calls", good)]
