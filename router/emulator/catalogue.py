"""The models the emulator knows, and what running them costs.

Ids and tasks are those of real models; sizes are in billions of parameters. Prices are Bytez's
published dollars per second by size; the names of the meters and which sizes need how much memory
are the emulator's own. Models that are not listed run as well, as a chat model of 7B.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Meter:
    """A price band.

    Attributes:
        name: as in ``inference-meter``.
        up_to: the largest model it holds, in billions of parameters.
        ram_gb: the memory it stands for.
        price: US dollars per second.
    """

    name: str
    up_to: float
    ram_gb: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Model:
    """One model: id, task and size in billions of parameters."""

    id: str
    task: str
    params: float


METERS = (
    Meter("sm", 7, 16, Decimal("0.000072")),
    Meter("md", 15, 24, Decimal("0.000108")),
    Meter("lg", 35, 32, Decimal("0.000144")),
    Meter("xl", 70, 48, Decimal("0.000216")),
    Meter("xxl", 120, 80, Decimal("0.00036")),
)

MODELS = (
    Model("Qwen/Qwen3-4B", "chat", 4.02),
    Model("Qwen/Qwen3-8B", "chat", 8.19),
    Model("microsoft/Phi-3-mini-4k-instruct", "chat", 3.82),
    Model("google/gemma-3-4b-it", "image-text-to-text", 4.3),
    Model("google/gemma-3-12b-it", "image-text-to-text", 12.2),
    Model("google/gemma-3-27b-it", "image-text-to-text", 27.4),
    Model("Qwen/Qwen2-Audio-7B-Instruct", "audio-text-to-text", 8.4),
    Model("llava-hf/LLaVA-NeXT-Video-7B-hf", "video-text-to-text", 7.06),
)

_UNLISTED_PARAMS = 7.0


def list_models(task: str | None, model_id: str | None) -> list[dict[str, Any]]:
    """The listed models in the wire's form, filtered; None does not filter."""
    return [
        _item(model)
        for model in MODELS
        if (task is None or model.task == task) and (model_id is None or model.id == model_id)
    ]


def list_tasks() -> list[str]:
    """The tasks of the listed models, in alphabetical order."""
    return sorted({model.task for model in MODELS})


def meter_of(model_id: str) -> Meter:
    """The price band in which *model_id* runs."""
    params = next((model.params for model in MODELS if model.id == model_id), _UNLISTED_PARAMS)
    return _meter(params)


def _meter(params: float) -> Meter:
    return next(meter for meter in METERS if params <= meter.up_to)


def _item(model: Model) -> dict[str, Any]:
    meter = _meter(model.params)
    return {
        "modelId": model.id,
        "task": model.task,
        "params": model.params,
        "ramRequired": meter.ram_gb,
        "meter": meter.name,
        "meterPrice": f"{meter.price} / sec",
    }
