"""What a request cost: as the upstream stated it, else from declared prices and stated usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.telemetry.records import token_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.core.traits import Price


def cost_of(
    stated: float | None, price: Price | None, usage: Mapping[str, object] | None, seconds: float
) -> float | None:
    """US dollars; None when unknown.

    Args:
        stated: by the upstream; it holds.
        price: declared for the target.
        usage: as the upstream gave it; tokens that it did not state are never estimated.
        seconds: how long the attempt that answered took; counts where tokens have no price.
    """
    if stated is not None or price is None:
        return stated
    if price.input_per_mtok is None:
        return price.of_seconds(seconds)
    read, written = (token_count(usage or {}, name) for name in ("prompt_tokens", "completion_tokens"))
    total = token_count(usage or {}, "total_tokens")
    if written is None and read is not None and total is not None:
        written = total - read  # Embeddings state no completion tokens; their total says that there are none.
    if read is None or written is None or read < 0 or written < 0:
        return None
    return price.of_tokens(read, written)
