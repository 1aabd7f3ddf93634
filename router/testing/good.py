"""Configs by the thousand in which a check finds nothing: what a policy looks like when it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

Data = dict[str, Any]
"""A config as its file would hold it: dicts, lists and scalars."""

ENVIRONMENT = dict.fromkeys(
    ("BYTEZ_API_KEY", "FIRST_KEY", "SECOND_KEY", "THIRD_KEY", "CALLER_KEY"), "any-key"
)
"""The variables that these configs refer to."""

_GROUPS = ("chat", "small", "careful", "batch-2")
_PROVIDERS: dict[str, Data] = {
    "bytez": {"api_keys": ["env:BYTEZ_API_KEY", "env:FIRST_KEY"]},
    "spare": {
        "adapter": "openai",
        "base_url": "https://spare.example/v1",
        "api_keys": ["env:SECOND_KEY", "env:THIRD_KEY"],
    },
    "near": {"adapter": "openai", "base_url": "http://127.0.0.1:8081/v1", "connect_timeout": "500ms"},
}


def _some(**values: Any) -> SearchStrategy[Data]:
    return st.fixed_dictionaries(
        {}, optional={key: st.sampled_from(list(value)) for key, value in values.items()}
    )


# Chosen so that they fit each other: an attempt is shorter than a request, a wait shorter than both.
_POLICY = _some(
    timeout=["2m", "5m", "1h"],
    attempt_timeout=["2s", "5s"],
    retries=[0, 2, {"max": 3, "max_wait": "5s", "backoff": {"base": "100ms", "cap": "2s"}}],
    max_attempts=[5, 9],
    stream=[{"idle_timeout": "20s"}, {"first_chunk_timeout": "1s", "timeout": "10m", "on_break": "buffer"}],
    ejection=[False, {"consecutive": 3, "base": "10s"}],
    unsupported=["drop", "error"],
    cache=[{"ttl": "10m"}, {"when": "deterministic", "scope": "group", "stale_if_error": "1h"}],
    bounds=[{"max_tokens": {"max": 4096}}, {"temperature": {"min": 0, "max": 1.5, "on_violation": "error"}}],
    drop=[["logit_bias"], False],
)
_TARGET = _some(
    weight=[1, 3, 0.5],
    tier=[1, 2, 3],
    params=[{"seed": 7}],
    supports=[{"tools": False}, {"prefill": True}],
    price=[{"input_per_mtok": 0.1, "output_per_mtok": 0.4}],
    limits=[{"concurrency": 4, "max_wait": "1s"}],
)
_GROUP = _some(
    params=[{"max_tokens": 200}, {"presence_penalty": 0.5, "max_tokens": 64}],
    force=[{"temperature": 0}],
    strategy=["weighted", "least_busy", "fastest", "cheapest"],
    affinity=["user", "header:x-session"],
    require=[["eu"]],
    limits=[{"rpm": 600, "max_wait": "2s"}, {"concurrency": "adaptive"}],
    worst_case=[{"max_attempts": 50, "max_seconds": "2h"}],
)


@st.composite
def configs(draw: DrawFn) -> Data:
    """Native configs without any finding, given the variables of ``ENVIRONMENT``."""
    names = draw(st.permutations(_GROUPS))[: draw(st.integers(1, len(_GROUPS)))]
    windows = draw(st.booleans())
    models = {name: _group(draw, name, windows=windows) for name in names}
    for name in names:
        others = [other for other in names if other != name]
        _fall_back(draw, models[name], others)
    used = {target["model"].partition("/")[0] for model in models.values() for target in model["targets"]}
    data: Data = {"version": 1, "providers": {name: dict(_PROVIDERS[name]) for name in sorted(used)}}
    if draw(st.booleans()):
        data["defaults"] = {**draw(_POLICY), "params": {"top_p": 0.9}}
    if draw(st.booleans()):
        data["profiles"] = {"slow": draw(_POLICY)}
        models[draw(st.sampled_from(names))]["profile"] = "slow"
    data["models"] = models
    if "bytez" in used and draw(st.booleans()):
        models["bytez/*"] = {"targets": ["bytez/*"]}
    if draw(st.booleans()):
        caller: Data = {"name": "alice", "key": "env:CALLER_KEY"}
        data["callers"] = [caller | draw(st.sampled_from([{}, {"groups": list(models)}]))]
    if draw(st.booleans()):
        data["tests"] = [{"name": "is answered", "request": {"model": names[0], "own_param": 1}}]
    good: Data = unshared(data)
    return good


def unshared(value: Any) -> Any:
    """A copy of data in which no map or list stands twice: YAML would write an anchor for it."""
    if isinstance(value, dict):
        return {key: unshared(item) for key, item in value.items()}
    return [unshared(item) for item in value] if isinstance(value, list) else value


def _group(draw: DrawFn, name: str, *, windows: bool) -> Data:
    """A group whose targets no other group has."""
    where = draw(st.lists(st.sampled_from(list(_PROVIDERS)), min_size=1, max_size=3))
    targets = []
    for index, provider in enumerate(where):
        model = f"{provider}/{name}/model-{index}"
        window = {"context_window": 32768} if windows else {}
        targets.append({"model": model, **draw(_TARGET), **window})
    group: Data = {"targets": targets, **draw(_POLICY), **draw(_GROUP), "tags": ["eu"]}
    if len(targets) > 1 and draw(st.booleans()):
        group["hedge"] = draw(st.sampled_from([{"after": "500ms"}, {"after": "p95", "max": 2}]))
    if draw(st.booleans()):
        group["aliases"] = [f"{name}-latest"]
    return group


def _fall_back(draw: DrawFn, group: Data, others: list[str]) -> None:
    """Maybe give *group* fallbacks, in either form."""
    chosen = [name for name in others if draw(st.booleans())]
    if chosen:
        group["fallbacks"] = draw(
            st.sampled_from([chosen, {"on_error": chosen, "on_content_policy": chosen[:1]}])
        )
