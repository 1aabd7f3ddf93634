"""What a target costs."""

from __future__ import annotations

import pytest

from router.core.traits import Capability, Price


def test_tokens_cost_by_the_million() -> None:
    """Read and written tokens have a price each; without both there is no price by tokens."""
    assert Price(input_per_mtok=2.0, output_per_mtok=8.0).of_tokens(1_000_000, 500_000) == 6.0
    assert Price(input_per_mtok=0.0, output_per_mtok=8.0).of_tokens(10, 0) == 0.0
    for half in (Price(), Price(input_per_mtok=2.0), Price(output_per_mtok=2.0), Price(per_second=2.0)):
        assert half.of_tokens(1, 1) is None


def test_seconds_cost_by_the_second() -> None:
    """An attempt's time costs only where time has a price."""
    assert Price(per_second=0.5).of_seconds(3.0) == 1.5
    assert Price(input_per_mtok=2.0, output_per_mtok=8.0).of_seconds(3.0) is None


@pytest.mark.parametrize(
    ("price", "nominal"),
    [
        (Price(), None),
        (Price(per_second=0.5), 5.0),
        (Price(input_per_mtok=2.0, output_per_mtok=8.0), 0.01),
        (Price(input_per_mtok=2.0, output_per_mtok=8.0, per_second=0.5), 0.01),
        (Price(input_per_mtok=0.0, output_per_mtok=0.0, per_second=0.5), 0.0),
    ],
)
def test_the_request_that_prices_are_compared_by(price: Price, nominal: float | None) -> None:
    """A thousand tokens each way; ten seconds where only the time has a price."""
    assert price.nominal() == nominal


def test_capabilities_are_named_as_in_the_config() -> None:
    """The values are the keys under ``supports``."""
    names = "tools json_object json_schema logprobs vision audio video streaming"
    assert [str(capability) for capability in Capability] == names.split()
