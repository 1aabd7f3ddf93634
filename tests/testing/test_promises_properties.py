"""What is promised for every config, tried by the kit itself: on every example, and on made-up configs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from router.config import RouterConfig, load_file
from router.core.streams import OnBreak
from router.testing import (
    Policy,
    check_policy,
    commits_once,
    configs,
    invariant,
    no_secret_leaves_its_provider,
    play,
    strategies,
)

if TYPE_CHECKING:
    from router.testing import Told

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = [
    path
    for path in sorted(EXAMPLES.glob("*/*.yaml"))
    if path.parent.name != "flawed" and load_file(path).diagnostics.ok
]
_HALF_US = 5e-7
_MANY = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])


def within_its_worst_case(told: Told) -> str | None:
    """No story is worse than what was computed when the file was loaded."""
    worst = told.checked.route.worst if told.checked is not None else None
    if worst is None or told.seconds is None:
        return None
    if len(told.targets) > worst.attempts and not told.resumed:
        return f"{len(told.targets)} attempts, {worst.attempts} at most were promised"
    if told.seconds > worst.seconds + _HALF_US:
        return f"{told.seconds} seconds, {worst.seconds} at most were promised"
    return None


def no_target_that_lacks_what_is_required(told: Told) -> str | None:
    """Whoever is asked could carry the request."""
    wrong = {target.id for target in told.targets} - {target.id for target in told.candidates}
    return f"{wrong} were asked" if wrong else None


def _gives_on(told: Told) -> bool:
    """Whether no group of the chain lets another attempt go on with a stream."""
    groups = told.checked.route.groups if told.checked is not None else ()
    return not any(group.on_break in (OnBreak.CONTINUE, OnBreak.SPLICE) for group in groups)


def _name(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


PROMISES = [
    invariant(within_its_worst_case),
    invariant(no_target_that_lacks_what_is_required),
    no_secret_leaves_its_provider,
    commits_once.when(_gives_on),
]


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_example_breaks_what_every_config_is_promised(path: Path) -> None:
    """The worst case is one, the requirements hold, keys stay at home, streams are of one attempt."""
    goes_on = path.parent.name == "streams" and path.stem in ("continue", "splice")
    check_policy(path, *(PROMISES[:-1] if goes_on else PROMISES), examples=60)


@_MANY
@given(data=st.data())
def test_no_config_breaks_what_every_config_is_promised(data: st.DataObject) -> None:
    """The same of whatever config can be made up, in whatever story."""
    policy = Policy(RouterConfig(**data.draw(configs())))
    run = play(policy, data.draw(strategies.stories(policy)))
    for told in run.requests:
        event(f"attempts: {min(len(told.targets), 4)}")
        for one in PROMISES:
            assert not one.applies(told) or one.check(told) is None
