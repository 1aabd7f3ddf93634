"""How long to wait before asking again."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from router.core.backoff import backoff

_BELOW_ONE = math.nextafter(1.0, 0.0)


@given(
    retry=st.integers(1, 10_000),
    base_s=st.floats(0, 1e6),
    cap_s=st.floats(0, 1e6),
    u=st.floats(0, 1, exclude_max=True),
)
def test_it_lies_between_nothing_and_the_smaller_of_cap_and_growth(
    retry: int, base_s: float, cap_s: float, u: float
) -> None:
    """Any retry number, base and cap give a finite wait in [0, min(cap, base · 2^(retry-1))]."""
    wait = backoff(retry, base_s, cap_s, u)
    growth = math.inf if retry > 900 and base_s else base_s * 2.0 ** min(retry - 1, 900)
    assert 0 <= wait <= min(cap_s, growth)
    assert math.isfinite(wait)


def test_it_doubles_up_to_the_cap() -> None:
    """The upper end is base, 2 base, 4 base, … and then the cap."""
    ends = [round(backoff(retry, 0.25, 4.0, _BELOW_ONE), 9) for retry in range(1, 8)]
    assert ends == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_the_jitter_is_full() -> None:
    """Over 10,000 draws the mean is half of the upper end within four standard errors."""
    draw = random.Random(7)
    for retry, end in ((1, 0.25), (3, 1.0), (9, 4.0)):
        waits = [backoff(retry, 0.25, 4.0, draw.random()) for _ in range(10_000)]
        tolerance = 4 * end / math.sqrt(12) / math.sqrt(len(waits))
        assert abs(sum(waits) / len(waits) - end / 2) < tolerance
        assert min(waits) < 0.01 * end
        assert max(waits) > 0.99 * end
