"""From YAML text to a validated RouterConfig, with a line number for everything."""

from router.config.codes import CODES, Code
from router.config.diagnostics import Diagnostic, Diagnostics, Place
from router.config.load import Loaded, load_data, load_file, load_text
from router.config.models import (
    BoundConfig,
    CallerConfig,
    EjectionConfig,
    FallbacksConfig,
    GroupConfig,
    HedgeConfig,
    PolicySettings,
    ProviderConfig,
    RetriesConfig,
    RouterConfig,
    StreamConfig,
    TargetConfig,
)

__all__ = [
    "CODES",
    "BoundConfig",
    "CallerConfig",
    "Code",
    "Diagnostic",
    "Diagnostics",
    "EjectionConfig",
    "FallbacksConfig",
    "GroupConfig",
    "HedgeConfig",
    "Loaded",
    "Place",
    "PolicySettings",
    "ProviderConfig",
    "RetriesConfig",
    "RouterConfig",
    "StreamConfig",
    "TargetConfig",
    "load_data",
    "load_file",
    "load_text",
]
