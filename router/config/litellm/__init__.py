"""LiteLLM's ``config.yaml`` as a native tree, every node keeping its place.

``keys.ROWS`` says what becomes of each key; ``docs/from-litellm.md`` is written from it.
"""

from router.config.litellm.convert import Conversion, convert, recognised
from router.config.litellm.findings import Finding, Status

__all__ = ["Conversion", "Finding", "Status", "convert", "recognised"]
