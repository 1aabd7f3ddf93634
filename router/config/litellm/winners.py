"""Keys of LiteLLM's that say the same thing: one holds, each other is told that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from router.config.diagnostics import format_path

if TYPE_CHECKING:
    from router.config.diagnostics import Path, Place
    from router.config.litellm.findings import Findings

# Where LiteLLM has both: one number for each class of errors, for a key and for a deployment, two affinities.
_HERE_ALONE: Final = frozenset(
    {"allowed_fails_policy", "default_max_parallel_requests", "optional_pre_call_checks"}
)


class Winners:
    """Who says what; whoever asks first has it, so the keys must be read in the order in which they win.

    Args:
        findings: takes a warning for each key that comes too late.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._paths: dict[str, Path] = {}

    def has(self, subject: str, place: Place, path: Path) -> bool:
        """Whether the key at *path* is the one that says *subject*; a warning when it is not.

        Args:
            subject: what the keys say, such as ``num_retries``.
            place: of the key.
            path: of the key.
        """
        winner = self._paths.setdefault(subject, path)
        if winner == path:
            return True
        where = " here" if winner[1] in _HERE_ALONE else ", as in LiteLLM"
        note = f"of no effect{where}: `{format_path(winner)}` wins"
        self._findings.add("manual", place, path, note)
        return False
