"""How long to wait before asking again."""

from __future__ import annotations


def backoff(retry: int, base_s: float, cap_s: float, u: float) -> float:
    """Seconds to wait before retry number *retry* (1 = first), with full jitter.

    Uniform in [0, min(cap_s, base_s · 2^(retry-1))).

    Args:
        retry: ≥ 1.
        base_s: seconds, ≥ 0.
        cap_s: seconds, ≥ 0.
        u: in [0, 1), drawn by the driver.

    Source: AWS, "Exponential Backoff And Jitter" (full jitter).
    """
    # Beyond 64 doublings any base has passed any cap; the bound keeps 2**n from overflowing.
    return u * min(cap_s, base_s * 2.0 ** min(retry - 1, 64))
