"""LiteLLM files by the thousand, over the keys that mean something here."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = ("chat", "batch", "bytez/*", "gpt 4: new", "naïve", "true", "007")
TEXTS = st.sampled_from(
    ["a", "no", "null", "1:30", "0755", "x: y", "# c", "- d", "ü\U0001f600", 'q"\\', "\n\t\x7f", " ", "env:X"]
)
SECONDS = st.sampled_from([0, 1, 0.25, 30, 600, 6000, "45"])
COUNTS = st.integers(0, 9)
MODELS = (
    "bytez/google/gemma-3-4b-it",
    "bytez/Qwen/Qwen3-4B",
    "openai/gpt-4o",
    "gpt-4o-mini",
    "groq/llama",
    "azure/x",
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KEYS = ("os.environ/KEY_A", "os.environ/KEY_B", "os.environ/OWN")


def _some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


PARAMS = _some(
    api_key=st.sampled_from(KEYS),
    api_base=st.sampled_from(["https://b.example/v1", "http://far:1/v1", "os.environ/BASE", "http://127.0.0.1:1"]),
    weight=st.sampled_from([0, 1, 3, 0.5, 2_000_000]),
    rpm=st.sampled_from([0, 60, 90, "30"]),
    tpm=st.sampled_from([1000, 90_000]),
    max_parallel_requests=st.integers(0, 20),
    order=st.integers(-1, 3),
    tags=st.lists(st.sampled_from(["eu", "us", "0"]), max_size=2),
    timeout=SECONDS,
    stream_timeout=SECONDS,
    num_retries=COUNTS,
    max_retries=COUNTS,
    cooldown_time=SECONDS,
    drop_params=st.booleans(),
    additional_drop_params=st.lists(st.sampled_from(["seed", "user", "tools[*].x"]), max_size=2),
    allowed_openai_params=st.just(["tools"]),
    extra_headers=st.dictionaries(
        st.sampled_from(["x-a", "x-b", "provider-key", "x-token"]), st.sampled_from(KEYS), max_size=2
    ),
    organization=st.just("org-1"),
    extra_body=st.dictionaries(st.sampled_from(["top_k", "autoScale"]), st.booleans(), max_size=2),
    input_cost_per_second=st.sampled_from([0, 0.002, "1e-3"]),
    custom_llm_provider=st.sampled_from(["openai", "groq"]),
    input_cost_per_token=st.sampled_from([0, 1.5e-06, "2e-6", 1e-07]),
    output_cost_per_token=st.sampled_from([0, 1e-05, 3.3e-06]),
    litellm_credential_name=st.just("shared"),
    max_tokens=st.integers(1, 4096),
    temperature=st.floats(0, 2),
    stop=JSON,
    user=TEXTS,
    response_format=JSON,
    repetition_penalty=st.floats(0, 2),
    mock_response=TEXTS,
)  # fmt: skip
INFO = _some(
    id=TEXTS,
    mode=st.sampled_from(["chat", "embedding", "image_generation"]),
    type=st.sampled_from(["local", "deep", "mine", 3]),
    order=st.integers(0, 2),
    cooldown_time=SECONDS,
    blocked=st.booleans(),
    max_output_tokens=COUNTS,
    supports_tool_choice=st.booleans(),
    supports_response_schema=st.booleans(),
    supports_reasoning=st.booleans(),
    input_cost_per_token=st.sampled_from([0, 2e-06]),
    max_tokens=st.integers(1, 10_000),
    max_input_tokens=st.integers(1, 10**6),
    supports_vision=st.booleans(),
    supports_function_calling=st.booleans(),
    allowed_fails=COUNTS,
    team_id=TEXTS,
)
FALLBACKS = st.lists(
    st.dictionaries(
        st.sampled_from((*NAMES, "*", "alias")),
        st.lists(st.sampled_from(NAMES), max_size=3),
        min_size=1,
        max_size=2,
    ),
    max_size=4,
)  # fmt: skip
POLICY = st.dictionaries(
    st.sampled_from(["TimeoutErrorRetries", "RateLimitErrorRetries", "DefaultRetries"]), COUNTS, max_size=3
)
ROUTER_SETTINGS = _some(
    routing_strategy=st.sampled_from(
        [
            "simple-shuffle",
            "least-busy",
            "latency-based-routing",
            "cost-based-routing",
            "usage-based-routing",
            "usage-based-routing-v2",
            "lar1",
            "provider-budget-routing",
        ]
    ),
    routing_strategy_args=st.just({"ttl": 9}),
    enable_pre_call_checks=st.booleans(),
    tag_filtering_match_any=st.booleans(),
    num_retries=COUNTS,
    retry_after=SECONDS,
    max_fallbacks=COUNTS,
    fallbacks=FALLBACKS,
    context_window_fallbacks=FALLBACKS,
    content_policy_fallbacks=FALLBACKS,
    default_fallbacks=st.lists(st.sampled_from(NAMES), max_size=2),
    model_group_alias=st.dictionaries(
        st.sampled_from(["alias", "b", "no"]),
        st.sampled_from(NAMES)
        | st.fixed_dictionaries({"model": st.sampled_from(NAMES), "hidden": st.booleans()}),
        max_size=2,
    ),
    allowed_fails=COUNTS,
    cooldown_time=SECONDS,
    disable_cooldowns=st.booleans(),
    allowed_fails_policy=st.dictionaries(
        st.sampled_from(["TimeoutErrorAllowedFails", "RateLimitErrorAllowedFails"]), COUNTS, max_size=2
    ),
    retry_policy=POLICY,
    model_group_retry_policy=st.dictionaries(st.sampled_from(NAMES), POLICY, max_size=2),
    timeout=SECONDS,
    stream_timeout=SECONDS,
    default_max_parallel_requests=st.integers(0, 20),
    default_litellm_params=st.dictionaries(
        st.sampled_from(["top_p", "seed", "unknown", "timeout", "stream_timeout"]), COUNTS, max_size=2
    ),
    optional_pre_call_checks=st.lists(
        st.sampled_from(["session_affinity", "deployment_affinity"]), unique=True, max_size=2
    ),
    enable_tag_filtering=st.booleans(),
)  # fmt: skip
LITELLM_SETTINGS = _some(
    drop_params=st.booleans(),
    num_retries=COUNTS,
    request_timeout=SECONDS,
    allowed_fails=COUNTS,
    fallbacks=FALLBACKS,
    default_fallbacks=st.lists(st.sampled_from(NAMES), max_size=2),
    context_window_fallbacks=FALLBACKS,
    content_policy_fallbacks=FALLBACKS,
    turn_off_message_logging=st.booleans(),
    cache=st.booleans(),
    cache_params=_some(
        type=st.sampled_from(["local", "local", "redis"]),
        ttl=st.sampled_from([0, 5, "60", 0.5]),
        default_in_memory_ttl=st.sampled_from([0, 7]),
        max_messages=COUNTS,
        namespace=TEXTS,
        mode=st.sampled_from(["default_on", "default_off"]),
        supported_call_types=st.lists(st.sampled_from(["acompletion", "aembedding"]), max_size=2),
        host=TEXTS,
        s3_path=TEXTS,
    ),
    callbacks=st.just(["x"]),
)


@st.composite
def litellm_files(draw: st.DrawFn) -> dict[str, Any]:
    """A LiteLLM file as data: no literal secret; names may dangle, which is an error of the file."""
    entries = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)):
        model = draw(st.sampled_from(["bytez/*", "*"])) if "*" in name else draw(st.sampled_from(MODELS))
        params = {"model": model, **draw(PARAMS)}
        entries.append({"model_name": name, "litellm_params": params, "model_info": draw(INFO)})
    made: dict[str, Any] = {"model_list": entries}
    made["router_settings"] = draw(ROUTER_SETTINGS)
    made["litellm_settings"] = draw(LITELLM_SETTINGS)
    made["general_settings"] = draw(
        _some(
            master_key=st.just("os.environ/MASTER"),
            completion_model=st.sampled_from(NAMES),
            max_parallel_requests=COUNTS,
            global_max_parallel_requests=COUNTS,
        )
    )
    made["environment_variables"] = {"OWN": "os.environ/ELSEWHERE", "BASE": "https://own.example"}
    values = {"api_key": "os.environ/KEY_C", "top_p": 0.5}
    made["credential_list"] = [{"credential_name": "shared", "credential_values": values}]
    return made
