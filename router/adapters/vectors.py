"""Embeddings on both wires: inputs, vectors in the form that is wanted, OpenAI's reply object.

A vector is written as a list of numbers, or as base64 of its numbers as little-endian float32.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any

from router.adapters.params import KNOWN_CHAT, KNOWN_EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FLOAT_BYTES = 4


def inputs_of(given: str | Sequence[Any]) -> Sequence[Any]:
    """Each input of an embedding request by itself: a text or a list of token ids."""
    if isinstance(given, str) or (given and isinstance(given[0], int)):
        return (given,)
    return given


def known_elsewhere(param: str) -> bool:
    """Whether *param* belongs to chat: what a group sets for its chats means nothing here."""
    return param in KNOWN_CHAT and param not in KNOWN_EMBEDDING


def in_wanted_form(vector: object, params: Mapping[str, Any]) -> list[float] | str | None:
    """*vector* as ``encoding_format`` of *params* wants it, itself where it is so; None: it is no vector."""
    wanted_base64 = params.get("encoding_format") == "base64"
    if isinstance(vector, str):
        numbers = _decoded(vector)
        return vector if wanted_base64 and numbers is not None else numbers
    if not isinstance(vector, list) or not vector:
        return None
    try:
        if wanted_base64:
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        array("d", vector)  # The quickest proof that it holds nothing but numbers.
    except (struct.error, TypeError, OverflowError):
        return None
    return vector


def dimensions(vector: list[float] | str) -> int:
    """How many numbers *vector*, in either form, has."""
    if isinstance(vector, str):
        return (len(vector) * 3 // 4 - vector.count("=", -2)) // _FLOAT_BYTES
    return len(vector)


def embedding_list(model: str, vectors: Sequence[Any], usage: Any) -> dict[str, Any]:
    """OpenAI's reply object; *usage* None when the upstream gave none."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _decoded(text: str) -> list[float] | None:
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not packed or len(packed) % _FLOAT_BYTES:
        return None
    numbers = array("f", packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    listed = numbers.tolist()
    return listed if all(map(math.isfinite, listed)) else None
