"""How one model behaves: by its id, by the scenario, by the settings, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from router.emulator.exchange import Refused
from router.emulator.settings import Profile, Shape

if TYPE_CHECKING:
    from router.emulator.settings import Settings

MISSING = "missing/"
SHAPED = "shape/"
CONTAINER = "container/"


@dataclass(frozen=True, slots=True)
class Traits:
    """One model's behaviour; the fields are those of ``Settings``."""

    shape: Shape
    profile: Profile
    cold_start_s: float
    warm_s: float


def traits_of(model_id: str, settings: Settings) -> Traits:
    """How *model_id* behaves.

    Raises:
        Refused: 404, it names a shape that there is not.
    """
    told = None if settings.scenario is None else settings.scenario.model(model_id)
    shape = settings.shape if told is None or told.shape is None else told.shape
    profile = settings.profile if told is None or told.profile is None else told.profile
    cold_s = settings.cold_start_s if told is None or told.cold_start is None else told.cold_start
    warm_s = settings.warm_s if told is None or told.warm_for is None else told.warm_for
    return Traits(
        shape=_named_shape(model_id) or shape,
        profile="container" if model_id.startswith(CONTAINER) else profile,
        cold_start_s=cold_s,
        warm_s=warm_s,
    )


def _named_shape(model_id: str) -> Shape | None:
    if not model_id.startswith(SHAPED):
        return None
    shapes: tuple[Shape, ...] = get_args(Shape)
    for shape in shapes:
        if model_id == SHAPED + shape:
            return shape
    raise Refused(404, f"{SHAPED} must be followed by one of {', '.join(shapes)}")
