"""Keeping secrets out of an upstream's words."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from router.types import Secret

WINDOW = 8
"""A run of this many characters of a secret is masked, so that a partial echo shows nothing of use."""
MAX_CHARS = 1024
"""Longer messages are cut: whatever an upstream says, an error stays small."""


class Scrubber:
    """Masks configured secrets in text, also where an upstream echoes them in part or encoded."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            value = secret.reveal()
            forms.update((value, quote(value, safe=""), base64.b64encode(value.encode()).decode()))
        self._forms = forms

    def clean(self, text: str) -> str:
        """*text*, at most 1 KiB of it, with every run of 8 characters of a secret masked as ``***``."""
        text = text.encode()[:MAX_CHARS].decode(errors="ignore")
        # All forms look at the same text: one must not cut another's runs into short ones.
        hidden = [False] * len(text)
        for form in self._forms:
            _mark(text, form, hidden)
        return _masked(text, hidden)


def _mark(text: str, form: str, hidden: list[bool]) -> None:
    """Note where *form*, or a part of it of at least ``WINDOW`` characters, stands in *text*."""
    width = min(WINDOW, len(form))
    windows = {form[i : i + width] for i in range(len(form) - width + 1)}
    for start in range(len(text) - width + 1):
        if text[start : start + width] in windows:
            hidden[start : start + width] = [True] * width


def _masked(text: str, hidden: list[bool]) -> str:
    kept = []
    for index, char in enumerate(text):
        if not hidden[index]:
            kept.append(char)
        elif index == 0 or not hidden[index - 1]:
            kept.append("***")
    return "".join(kept)
