"""What is said of a target beyond its name: what it can do, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_MTOK = 1_000_000
_NOMINAL_TOKENS = 1_000
_NOMINAL_S = 10.0


class Capability(StrEnum):
    """What a request may need of a target; the values are the config's keys under ``supports``."""

    TOOLS = "tools"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    LOGPROBS = "logprobs"
    VISION = "vision"
    AUDIO = "audio"
    VIDEO = "video"
    STREAMING = "streaming"


@dataclass(frozen=True, slots=True)
class Price:
    """What a target costs, in US dollars, ≥ 0. The two token prices are declared together or not at all.

    Attributes:
        input_per_mtok, output_per_mtok: for a million tokens read, and written; None: not declared.
        per_second: for each second that an attempt takes; None: not declared.
    """

    input_per_mtok: float | None = None
    output_per_mtok: float | None = None
    per_second: float | None = None

    def of_tokens(self, read: int, written: int) -> float | None:
        """The price of so many tokens; None when there is no token price."""
        if self.input_per_mtok is None or self.output_per_mtok is None:
            return None
        return (self.input_per_mtok * read + self.output_per_mtok * written) / _MTOK

    def of_seconds(self, seconds: float) -> float | None:
        """The price of an attempt of *seconds*; None when there is no price by time."""
        return None if self.per_second is None else self.per_second * seconds

    def nominal(self) -> float | None:
        """The price of the request by which targets are compared; None when nothing is declared.

        It reads 1,000 tokens and writes 1,000; where only the time has a price, it takes ten seconds.
        """
        by_tokens = self.of_tokens(_NOMINAL_TOKENS, _NOMINAL_TOKENS)
        return self.of_seconds(_NOMINAL_S) if by_tokens is None else by_tokens
