"""Which adapters there are, by the name a config gives them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from router.adapters.bytez import BytezAdapter
from router.adapters.openai import OpenAIAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from router.adapters.base import Adapter, Upstream

ADAPTERS: Mapping[str, Callable[[Upstream], Adapter]] = MappingProxyType(
    {"bytez": BytezAdapter, "openai": OpenAIAdapter}
)

DEFAULT_BASE_URL: Mapping[str, str] = MappingProxyType({"bytez": "https://api.bytez.com"})
"""Adapters that know where to go; for any other the config must say."""


def build(adapter_name: str, upstream: Upstream) -> Adapter:
    """The adapter *adapter_name* for one provider. *adapter_name* is a key of ADAPTERS."""
    return ADAPTERS[adapter_name](upstream)
