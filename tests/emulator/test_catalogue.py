"""What a model's id says of its size."""

from __future__ import annotations

import pytest

from router.emulator.catalogue import find, meter_of


@pytest.mark.parametrize(
    ("model_id", "params"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.5),
        ("org/model-32B", 32),
        ("meta-llama/Llama-3.1-405B-Instruct", 405),
        ("org/moe-1200b", 1200),
        ("Qwen/Qwen3-235B-A22B", 235),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 17),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 56),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", 176),
        ("org/moe-4X1.5b", 6),
        ("org/model-7Bit", 7),
        ("org/v4B2", 7),
        ("org/model-123456789B", 7),
        ("org/model", 7),
    ],
)
def test_the_size_in_a_name(model_id: str, params: float) -> None:
    """A number before B counts, N experts of M are N times M; without a number of that kind it is 7."""
    assert find(model_id).params == params


def test_the_last_meter_holds_what_is_larger() -> None:
    """Bytez names no price above 120B."""
    assert meter_of(find("meta-llama/Llama-3.1-405B-Instruct")).up_to == 120
