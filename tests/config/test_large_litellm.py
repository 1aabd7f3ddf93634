"""LiteLLM's files of many groups and long chains."""

from __future__ import annotations

from router.config import load_text
from tests.config.test_litellm_chains import chain, groups


def test_many_groups_that_all_fall_back_on_each_other() -> None:
    """A chain has at most a hundred groups, and a big file is not dear."""
    names = [f"g{number}" for number in range(300)]
    listed = ", ".join(f"{{{name}: [{', '.join(names)}]}}" for name in names)
    made = groups(f"fallbacks: [{listed}]", *names)
    assert {len(chain(group)) for group in made.values()} == {100}


def test_chains_written_out_are_bounded() -> None:
    """A small file cannot become a huge one; the error names the lists where they stand."""
    count = 1_000
    entries = "".join(f"- {{model_name: g{i}, litellm_params: {{model: bytez/a/b}}}}\n" for i in range(count))
    listed = ", ".join(f"{{g{i}: [g{(i + 1) % count}]}}" for i in range(count))
    text = (
        f"model_list:\n{entries}router_settings: {{max_fallbacks: 100}}\n"
        f"litellm_settings: {{fallbacks: [{listed}]}}\n"
    )
    (found,) = [item for item in load_text(text).diagnostics if item.severity == "error"]
    assert (found.code, found.path) == ("too-large", "litellm_settings.fallbacks")
    assert found.line == count + 3
