"""Where decisions are logged, as it is written under ``decision_log``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router.config.fields import FilePathText, Settings, Size, optional

MAX_KEPT = 1_000
DEFAULT_SIZE = 100 * 1024**2
DEFAULT_KEEP = 5


class DecisionLogConfig(Settings):
    """One JSON line for each request, with what its decision depended on; for `router replay`."""

    path: FilePathText = Field(
        title="Path",
        description="The file, relative to this one; its directory must be there.",
        examples=["decisions.jsonl"],
    )
    max_size: Size | None = optional(
        "Size",
        "A file that grows beyond it is set aside under its name and the time, and another is begun.",
        default="100MiB",
        examples=["16MiB"],
    )
    keep: Annotated[int, Field(ge=0, le=MAX_KEPT)] | None = optional(
        "Files kept",
        "How many files that were set aside are kept; older ones are deleted.",
        default=5,
        examples=[30],
    )
    decisions: bool | None = optional(
        "Decisions",
        "Whether each line also holds the record that `router explain` makes of the request as it came: "
        "the chain, shares, params, limits, what was expected. Texts among params are left out.",
        default=False,
        examples=[True],
    )
