"""What is typed after ``make demo ASK=`` reaches the demo as it was typed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRINT = '.PHONY: shown\nshown:\n\t@printf %s "$$ASK"\n'


@pytest.mark.parametrize(
    "question",
    [
        "Why is the sky blue?",
        'What\'s "up" with $HOME and $$x?',
        "$(shell touch pwned)",
        "`id` ; ls | cat \\",
    ],
)
@pytest.mark.parametrize("by_environment", [False, True])
def test_a_question_is_text(question: str, by_environment: bool, tmp_path: Path) -> None:
    """Neither make nor the shell reads anything into it."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text() + PRINT)
    environment = dict(os.environ)
    arguments = ["make", "--silent", "shown"]
    if by_environment:
        environment["ASK"] = question
    else:
        arguments.append(f"ASK={question}")
    result = subprocess.run(
        arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=20, check=True
    )
    assert result.stdout == question
    assert list(tmp_path.iterdir()) == [tmp_path / "Makefile"]
