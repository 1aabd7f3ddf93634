"""The models the emulator knows, and what running them costs.

Ids and tasks are those of real models: one at least for each task that Bytez documents, and every open
one that a sample in its documents asks for by its task. Sizes are in billions of parameters, of the smallest
ones rounded from their kind. Prices are Bytez's published dollars per second by size; the names of the
meters and which sizes need how much memory are the emulator's own. Models that are not listed run as
well, as chat models.
"""

from __future__ import annotations

import re
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
    """One model.

    Attributes:
        id: ``organisation/name``.
        task: what it does, in Bytez's words.
        params: its size in billions of parameters.
        closed: whether another provider runs it, so that its size is not known.
    """

    id: str
    task: str
    params: float
    closed: bool = False


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
    Model("openai/gpt-oss-20b", "chat", 21.5),
    Model("google/gemma-3-4b-it", "image-text-to-text", 4.3),
    Model("google/gemma-3-12b-it", "image-text-to-text", 12.2),
    Model("google/gemma-3-27b-it", "image-text-to-text", 27.4),
    Model("google/gemma-4-E2B-it", "any-to-any", 5.1),
    Model("Qwen/Qwen2-Audio-7B-Instruct", "audio-text-to-text", 8.4),
    Model("llava-hf/LLaVA-NeXT-Video-7B-hf", "video-text-to-text", 7.06),
    Model("openai-community/gpt2", "text-generation", 0.137),
    Model("google/flan-t5-base", "text2text-generation", 0.248),
    Model("facebook/bart-large-cnn", "summarization", 0.406),
    Model("ainize/bart-base-cnn", "summarization", 0.139),
    Model("Helsinki-NLP/opus-mt-en-de", "translation", 0.074),
    Model("Helsinki-NLP/opus-mt-en-zh", "translation", 0.078),
    Model("sentence-transformers/all-MiniLM-L6-v2", "sentence-similarity", 0.023),
    Model("nomic-ai/nomic-embed-text-v1.5", "feature-extraction", 0.137),
    Model("google/vit-base-patch16-224-in21k", "image-feature-extraction", 0.086),
    Model("nomic-ai/nomic-embed-vision-v1", "image-feature-extraction", 0.093),
    Model("stabilityai/stable-diffusion-xl-base-1.0", "text-to-image", 3.5),
    Model("dreamlike-art/dreamlike-photoreal-2.0", "text-to-image", 1.07),
    Model("google/ddpm-cat-256", "unconditional-image-generation", 0.114),
    Model("afshr/cam_finetune", "unconditional-image-generation", 0.114),
    Model("suno/bark-small", "text-to-speech", 0.24),
    Model("facebook/musicgen-small", "text-to-audio", 0.59),
    Model("facebook/musicgen-stereo-small", "text-to-audio", 0.59),
    Model("ali-vilab/text-to-video-ms-1.7b", "text-to-video", 1.7),
    Model("openai/whisper-large-v3", "automatic-speech-recognition", 1.54),
    Model("facebook/data2vec-audio-base-960h", "automatic-speech-recognition", 0.093),
    Model("MIT/ast-finetuned-audioset-10-10-0.4593", "audio-classification", 0.087),
    Model("aaraki/wav2vec2-base-finetuned-ks", "audio-classification", 0.095),
    Model("google/vit-base-patch16-224", "image-classification", 0.087),
    Model("MCG-NJU/videomae-base-finetuned-kinetics", "video-classification", 0.087),
    Model("ahmedabdo/video-classifier", "video-classification", 0.086),
    Model("distilbert/distilbert-base-uncased-finetuned-sst-2-english", "text-classification", 0.067),
    Model("AdamCodd/distilbert-base-uncased-finetuned-sentiment-amazon", "text-classification", 0.067),
    Model("dslim/bert-base-NER", "token-classification", 0.108),
    Model("google-bert/bert-base-uncased", "fill-mask", 0.11),
    Model("almanach/camembert-base", "fill-mask", 0.111),
    Model("deepset/roberta-base-squad2", "question-answering", 0.124),
    Model("impira/layoutlm-document-qa", "document-question-answering", 0.128),
    Model("cloudqi/CQI_Visual_Question_Awnser_PT_v0", "document-question-answering", 0.128),
    Model("dandelin/vilt-b32-finetuned-vqa", "visual-question-answering", 0.118),
    Model("Salesforce/blip-vqa-base", "visual-question-answering", 0.385),
    Model("facebook/bart-large-mnli", "zero-shot-classification", 0.407),
    Model("openai/clip-vit-base-patch32", "zero-shot-image-classification", 0.151),
    Model("BilelDJ/clip-hugging-face-finetuned", "zero-shot-image-classification", 0.151),
    Model("google/owlvit-base-patch32", "zero-shot-object-detection", 0.153),
    Model("google/owlv2-base-patch16-finetuned", "zero-shot-object-detection", 0.155),
    Model("facebook/detr-resnet-50", "object-detection", 0.042),
    Model("Salesforce/blip-image-captioning-base", "image-to-text", 0.247),
    Model("nvidia/segformer-b0-finetuned-ade-512-512", "image-segmentation", 0.004),
    Model("sayeed99/segformer-b3-fashion", "image-segmentation", 0.047),
    Model("Intel/dpt-large", "depth-estimation", 0.344),
    Model("vinvino02/glpn-nyu", "depth-estimation", 0.061),
    Model("facebook/sam-vit-base", "mask-generation", 0.094),
)

_BY_ID = {model.id: model for model in MODELS}
_UNLISTED_PARAMS = 7.0
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d{1,3})[xX])?(\d{1,5}(?:\.\d{1,3})?)[bB](?![A-Za-z0-9])")
# Prefixes of closed providers. Under google/ and openai/ there are open models too: gemini alone is
# closed among Google's, and OpenAI's open ones are listed above.
_CLOSED = re.compile(r"(openai|anthropic|mistral|cohere)/|google/gemini")


def find(model_id: str) -> Model:
    """The listed model, or what an unlisted one is taken for: closed, or of the size in its name."""
    listed = _BY_ID.get(model_id)
    if listed is not None:
        return listed
    if _CLOSED.match(model_id):
        return Model(model_id, "chat", _UNLISTED_PARAMS, closed=True)
    size = _SIZE.search(model_id)
    params = int(size[1] or 1) * float(size[2]) if size else _UNLISTED_PARAMS
    return Model(model_id, "chat", params)


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


def meter_of(model: Model) -> Meter:
    """The price band in which *model* runs; the last one holds whatever is larger, too."""
    return next((meter for meter in METERS if model.params <= meter.up_to), METERS[-1])


def _item(model: Model) -> dict[str, Any]:
    meter = meter_of(model)
    return {
        "modelId": model.id,
        "task": model.task,
        "params": model.params,
        "ramRequired": meter.ram_gb,
        "meter": meter.name,
        "meterPrice": f"{meter.price} / sec",
    }
