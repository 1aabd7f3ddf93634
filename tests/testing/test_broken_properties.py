"""Every kind of flaw that is put into a good config is found, on its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from router.testing import FLAWS, Broken, break_config
from tests.testing.test_broken import findings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("code", FLAWS)
def test_each_flaw_is_found_at_its_line(code: str, tmp_path: Path) -> None:
    """It is not there before, it is there after, and on the line that is at fault."""

    @settings(max_examples=12)
    @given(broken=break_config(code=code))
    def found(broken: Broken) -> None:
        assert findings(broken.good, tmp_path) == ()
        places = {(item.code, item.line) for item in findings(broken.text, tmp_path)}
        assert places & {(code, line) for line in broken.lines}, broken.text

    found()
