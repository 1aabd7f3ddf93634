"""Good configs are good, and every kind of flaw can be put into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import Phase, event, find, given, settings
from hypothesis import strategies as st

import router.testing
from router.config import CODES
from router.testing import ENVIRONMENT, FLAWS, break_config, configs
from router.tools.check import check

if TYPE_CHECKING:
    from pathlib import Path

    from router.config import Diagnostic

OUTSIDE = {
    "bad-include",  # These need other files,
    "bad-transport",
    "file-encoding",  # or no YAML at all,
    "file-empty",
    "file-unreadable",
    "bad-secret",  # or an environment,
    "litellm-approximate",  # or a file of LiteLLM's,
    "litellm-manual",
    "litellm-unsupported",
    "no-models",  # or leave no config to be good,
    "too-large",  # or thousands of lines,
    "too-many-findings",
    "yaml-key",  # or a key or number that no data has.
    "yaml-number",
}


def findings(text: str, folder: Path) -> tuple[Diagnostic, ...]:
    path = folder / "generated.yaml"
    path.write_text(text, encoding="utf-8")
    return check(path, environ=ENVIRONMENT).diagnostics


def test_every_code_is_a_flaw_or_says_why_not() -> None:
    """No finding of a single file's policy is left out."""
    assert set(FLAWS) == {code for code in CODES if not code.startswith("live-")} - OUTSIDE


@given(data=configs())
def test_good_configs_have_no_finding(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither an error nor a warning nor a note."""
    found = findings(yaml.safe_dump(data, sort_keys=False), tmp_path_factory.getbasetemp())
    assert [str(item) for item in found] == []
    event(f"groups: {len(data['models'])}")


def test_a_strategy_of_ones_own() -> None:
    """Any config with a group can be broken, in its short form too."""
    own = st.just({"version": 1, "models": {"chat": "bytez/a/b"}})
    for code in FLAWS:
        broken = find(
            break_config(own, code=code), lambda _: True, settings=settings(phases=[Phase.generate])
        )
        assert broken.code == code
        assert broken.good == "version: 1\nmodels:\n  chat: bytez/a/b\n"
        assert broken.text != broken.good


def test_names_of_the_kit() -> None:
    """What is public loads on first use; what is not there says so."""
    assert all(getattr(router.testing, name) is not None for name in router.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        router.testing.nothing  # noqa: B018 - the access is what is tried
