"""Who may call: the three spellings of the Authorization header, and which keys are good."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from router.emulator.exchange import Refused

if TYPE_CHECKING:
    from router.emulator.settings import Settings

_BAD_KEY = re.compile(r"(bad|invalid)(-.*)?", re.IGNORECASE)


def authenticate(authorization: str, settings: Settings, *, native: bool = True) -> str:
    """The API key in an Authorization header's value ("" when there is none).

    ``Key k`` always counts; ``Bearer k`` and a bare ``k`` do unless ``settings.strict_auth`` holds
    on a *native* route.

    Raises:
        Refused: 401 ``Unauthorized``, whatever is wrong.
    """
    key = _key(authorization.strip(), strict=settings.strict_auth and native)
    if not key or not _accepted(key, settings.keys):
        raise Refused(401, "Unauthorized")
    return key


def _key(authorization: str, *, strict: bool) -> str:
    scheme, space, key = authorization.partition(" ")
    schemes = ("key",) if strict else ("key", "bearer")
    if space:
        return key.strip() if scheme.lower() in schemes else ""
    is_bare = not strict and scheme.lower() not in schemes  # "Key" alone is a scheme without a key.
    return scheme if is_bare else ""


def _accepted(key: str, keys: frozenset[str]) -> bool:
    if not keys:
        return _BAD_KEY.fullmatch(key) is None
    return any(hmac.compare_digest(key.encode(), known.encode()) for known in keys)
