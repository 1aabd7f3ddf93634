"""Every key of a LiteLLM file is spoken of, and those that files live on are taken."""

from __future__ import annotations

import pytest

from router.config import load_text
from router.config.litellm.keys import ROWS
from router.config.litellm.known import PARAMS as PARAMS_OF_LITELLM
from tests.config.litellm_entries import HEAD, TARGET, at, deployment, native


def _every_key() -> str:
    """A file with every row of the table, and some keys that are null, off or unknown."""
    values = {
        "custom_llm_provider": "openai", "routing_strategy": "least-busy", "completion_model": "m",
        "retry_policy": "{DefaultRetries: 1}", "allowed_fails_policy": "{TimeoutErrorAllowedFails: 1}",
        "model_group_retry_policy": "{m: {DefaultRetries: 1}}", "default_litellm_params": "{temperature: 1}",
        "model_group_alias": "{x: m}", "default_fallbacks": "[n]", "tags": "[a]", "drop_params": "true",
        "disable_cooldowns": "true", "tag_filtering_match_any": "true",
        "optional_pre_call_checks": "[]", "additional_drop_params": "[seed]",
        "allowed_openai_params": "[seed]", "mode": "chat", "api_base": "'https://b.example'",
        "base_url": "'https://b.example'", "extra_headers": "{}", "headers": "{}", "extra_body": "{}",
        "blocked": "false", "cache": "true", "type": "local",
        "supported_call_types": "[acompletion]",
    }  # fmt: skip
    values |= dict.fromkeys(
        ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"), "[{m: [n]}]"
    )

    def written(section: str) -> str:
        keys = [key for where, key in ROWS if where == section and key not in ("model", "supports_*")]
        return ", ".join(f"{key}: {values.get(key, 1)}" for key in keys)

    own = written("cache_params").replace("mode: chat", "mode: default_on")
    values["cache_params"] = f"{{{own}, ssl: true, redis_flush_size: null}}"
    params = written("litellm_params").replace("litellm_credential_name: 1", "litellm_credential_name: one")
    for name in ("api_key", "organization"):
        params = params.replace(f"{name}: 1", f"{name}: os.environ/K")
    info = f"{written('model_info')}, team_id: x, tier: null"
    general = written("general_settings").replace("master_key: 1", "master_key: os.environ/M")
    text = HEAD + deployment(f"{params}, silent_model: m, rust: true", info) + deployment(name="n")
    for section in ("router_settings", "litellm_settings"):
        text += f"{section}: {{{written(section)}}}\n"
    text += f"general_settings: {{{general}}}\n"
    return text + "credential_list: [{credential_name: one, credential_values: {}, credential_info: {}}]\n"


def test_each_key_has_a_finding() -> None:
    """Nothing that is written goes without a word: every row of the table, null, off, and unknown."""
    loaded = load_text(_every_key())
    assert loaded.conversion is not None
    assert [str(item) for item in loaded.diagnostics if item.severity == "error"] == []
    said = {item.path for item in loaded.conversion.findings}
    for section, key in ROWS:
        if section in ("litellm_params", "model_info") and key != "supports_*":
            assert f"model_list[0].{section}.{key}" in said, key
        elif section.endswith("_settings"):
            findings = [path for path in said if path.startswith(f"{section}.{key}")]
            assert findings, key
        elif section == "credential_list[]":
            assert f"credential_list[0].{key}" in said, key
        elif section == "cache_params":
            assert f"litellm_settings.cache_params.{key}" in said, key
    assert {"litellm_settings.cache_params.ssl", "litellm_settings.cache_params.redis_flush_size"} <= said
    assert {"model_list[0].litellm_params.silent_model", "model_list[0].model_info.team_id"} <= said


def test_of_a_key_in_both_sections_one_is_said_to_be_used() -> None:
    """Exactly one finding says what it becomes, the other that it is of no effect."""
    loaded = load_text(_every_key().replace("disable_cooldowns: true", "disable_cooldowns: false"))
    assert loaded.conversion is not None
    found = {item.path: item for item in loaded.conversion.findings}
    keys = [
        key for section, key in ROWS if section == "litellm_settings" and ("router_settings", key) in ROWS
    ]
    keys = [key for key in keys if ROWS["router_settings", key].native]
    assert len(keys) == 6
    for key in keys:
        both = [found[f"{section}.{key}"] for section in ("router_settings", "litellm_settings")]
        # `allowed_fails_policy` wins over both numbers.
        used = [item.path for item in both if item.native]
        assert used == ([] if key == "allowed_fails" else [f"router_settings.{key}"])
        assert all(
            item.status == "manual" and "of no effect" in item.note for item in both if not item.native
        )


LIVED_ON = {
    "litellm_params": "model api_key api_base weight rpm tpm order max_parallel_requests tags timeout"
    " stream_timeout num_retries cooldown_time drop_params additional_drop_params allowed_openai_params"
    " extra_headers input_cost_per_token output_cost_per_token litellm_credential_name",
    "model_info": "id mode max_tokens max_input_tokens supports_*",
    "router_settings": "routing_strategy num_retries retry_after max_fallbacks fallbacks default_fallbacks"
    " context_window_fallbacks content_policy_fallbacks model_group_alias allowed_fails cooldown_time"
    " disable_cooldowns retry_policy allowed_fails_policy timeout stream_timeout enable_pre_call_checks"
    " enable_tag_filtering tag_filtering_match_any",
    "litellm_settings": "drop_params num_retries request_timeout fallbacks default_fallbacks"
    " context_window_fallbacks content_policy_fallbacks cache cache_params turn_off_message_logging",
    "cache_params": "type ttl default_in_memory_ttl namespace mode supported_call_types max_messages",
    "general_settings": "master_key max_parallel_requests completion_model",
    "root": "environment_variables include credential_list",
    "model_list[]": "model_name litellm_params model_info",
    "credential_list[]": "credential_name credential_values credential_info",
}
STRATEGIES = (
    "simple-shuffle least-busy usage-based-routing usage-based-routing-v2 latency-based-routing"
    " cost-based-routing lar1"
)


def test_what_files_live_on_is_taken() -> None:
    """These keys are exact or approximate, and an approximate one says how it differs."""
    for section, keys in LIVED_ON.items():
        for key in keys.split():
            row = ROWS[section, key]
            assert row.status in ("exact", "approximate"), key
            # Each strategy says it for itself.
            assert row.status == "exact" or row.note or key == "routing_strategy", key


@pytest.mark.parametrize("name", STRATEGIES.split())
def test_each_strategy_is_taken(name: str) -> None:
    """All of LiteLLM's are approximate, and say how."""
    loaded = load_text(f"{HEAD}{deployment()}router_settings: {{routing_strategy: {name}}}\n")
    (found,) = loaded.diagnostics
    assert (found.code, found.path) == ("litellm-approximate", "router_settings.routing_strategy")
    assert found.message.partition(": ")[2]


@pytest.mark.parametrize("name", sorted(PARAMS_OF_LITELLM - {"stream_options", "max_length"}))
@pytest.mark.parametrize("model", ["bytez/a/b", "openai/m"])
def test_every_generation_param_is_one(name: str, model: str) -> None:
    """OpenAI's and Hugging Face's names are params, and no misspelling of another key."""
    loaded = load_text(HEAD + deployment(f"{name}: 1", model=model))
    assert list(loaded.diagnostics) == []
    assert at(native(HEAD + deployment(f"{name}: 1", model=model)), (*TARGET, "params")) == {name: 1}
