"""The inputs of tasks that are no chat: named fields, or ``input`` in place of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.emulator.exchange import Refused
from router.emulator.messages import medium

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.emulator.tasks import Task

MAX_LABELS = 1_000

_MEDIUM = ("url", "base64")
# Bytez's page of this task says `image` where its sample says `url`.
_IMAGE_TOO = "visual-question-answering"
_MASK = ("[MASK]", "<mask>")


def names_of(task: Task) -> tuple[str, ...]:
    """The named fields that *task* takes."""
    plain = tuple(name for name in task.needs if name != "medium")
    if "medium" not in task.needs:
        return plain
    return (*plain, *_MEDIUM, *(("image",) if task.name == _IMAGE_TOO else ()))


def read_fields(given: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """Check the inputs of a run of *task*.

    Args:
        given: ``input`` or named fields, as sent.
        task: which.

    Returns:
        By the names of ``task.needs``; under ``medium`` stands the description of it.

    Raises:
        Refused: 400, naming the field and what to write instead; never the content.
    """
    named = _named(given, task)
    allowed = names_of(task)
    unknown = sorted(set(named) - set(allowed))
    if unknown:
        raise Refused(400, f"input has unknown field(s): {', '.join(map(repr, unknown))}")
    return {need: _field(named, need, task) for need in task.needs}


def _named(given: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    """What is given, as named fields."""
    if "input" not in given:
        return given
    if len(given) > 1:
        raise Refused(400, "Expected parameter(s): either input or the named fields, not both")
    value = given["input"]
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and not task.needs:
        return {}  # Nothing is asked of it; the SDKs send whatever they were given.
    if isinstance(value, str) and len(task.needs) == 1:
        name = task.needs[0]
        if name == "medium":
            name = "base64" if value.startswith("data:") else "url"
        return {name: value}
    wanted = " and ".join(names_of(task)) if len(task.needs) > 1 else "a string or an object"
    raise Refused(400, f"input must be {f'an object with {wanted}' if len(task.needs) > 1 else wanted}")


def _field(named: Mapping[str, Any], need: str, task: Task) -> Any:
    if need == "medium":
        return _medium(named, task)
    if need not in named:
        raise Refused(400, f"Expected parameter(s): {need}")
    value = named[need]
    if need == "candidate_labels":
        good = isinstance(value, list) and 0 < len(value) <= MAX_LABELS
        if not good or not all(isinstance(label, str) for label in value):
            raise Refused(400, f"candidate_labels must be a list of 1 to {MAX_LABELS:,} strings")
        return value
    if not isinstance(value, str):
        raise Refused(400, f"{need} must be a string")
    if task.name == "fill-mask" and not any(mask in value for mask in _MASK):
        raise Refused(400, f"text must hold the mask: {' or '.join(_MASK)}")
    return value


def _medium(named: Mapping[str, Any], task: Task) -> str:
    assert task.medium is not None  # The table gives a kind to every task that needs a medium.
    if "image" in named:
        value = named["image"]
        inline = isinstance(value, str) and value.startswith("data:")
        return medium({"base64" if inline else "url": value}, task.medium, "image")
    return medium(named, task.medium, "the body")
