"""References to secrets: how they are written, whether they exist, and their values.

A secret's value exists only inside a ``Secret``; nothing here puts one into a message.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from router.config.units import finding
from router.types import Reference, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import PydanticCustomError

MAX_SECRET_BYTES: Final = 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
# A header's value may hold spaces, but neither begins nor ends with one (RFC 9110, section 5.5).
_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
_DIGEST = re.compile(r"sha256:[0-9a-fA-F]{64}")
# Spellings of other tools, so that the hint can name the variable instead of only the form.
_FOREIGN = re.compile(r"(?:os\.environ/|env/|env\.|\$\{?|env::)([A-Za-z_][A-Za-z0-9_]{0,255})\}?")
_SECRET_WORDS = ("authorization", "cookie", "key", "token", "secret")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1", re.IGNORECASE)


class UnusableSecret(Exception):
    """A reference has no usable value. ``code`` is the diagnostic's; the text never holds the value."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def as_reference(value: object) -> Reference | None:
    """The reference that *value* spells (``env:NAME``, ``file:PATH``), or None if it spells none.

    Raises:
        PydanticCustomError: it begins like a reference and cannot be one.
    """
    if isinstance(value, Reference):
        return value
    if not isinstance(value, str):
        return None
    kind, _, name = value.partition(":")
    if kind == "env":
        if not _VARIABLE.fullmatch(name):
            foreign = _FOREIGN.fullmatch(value)
            hint = f"write `env:{foreign[1] if foreign else 'NAME'}`"
            raise finding("bad-reference", "`env:` must be followed by a variable's name", hint)
        return Reference("env", name, secret=True)
    if kind == "file":
        if not name or "\0" in name:
            raise finding("bad-reference", "`file:` must be followed by a path", "write `file:PATH`")
        return Reference("file", absolute(name), secret=True)
    return None


def absolute(path: str, base: str = "") -> str:
    """*path* as seen from the directory *base*; symbolic links stay, since mounted secrets change by them."""
    return os.path.abspath(os.path.join(base, path))  # noqa: PTH100, PTH118 - Path.resolve would follow links


def credential(value: object) -> Reference:
    """A reference where a secret is expected; a literal is refused and never shown."""
    reference = as_reference(value)
    if reference is not None:
        return reference
    raise literal_secret(value)


def literal_secret(value: object) -> PydanticCustomError:
    """The error for something that stands where a reference to a secret must stand."""
    match = _FOREIGN.fullmatch(value) if isinstance(value, str) else None
    if match:
        return finding("bad-reference", "this is not how a variable is named here", f"write `env:{match[1]}`")
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        message = "a secret must not be written into the file"
        return finding("literal-secret", message, "write `env:NAME` or `file:PATH`")
    return finding("wrong-type", "must be a reference", "write `env:NAME` or `file:PATH`")


def caller_key(value: object) -> Reference | str:
    """A caller's key: a reference, or ``sha256:`` and 64 hexadecimal digits of the key's digest."""
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return value.lower()
    if isinstance(value, str) and value.startswith("sha256:"):
        raise finding("bad-reference", "`sha256:` must be followed by 64 hexadecimal digits")
    return credential(value)


def url(value: object) -> Reference:
    """A URL, as a literal reference, or a reference to one."""
    reference = as_reference(value)
    if reference is not None:
        return reference
    if not isinstance(value, str):
        raise finding("wrong-type", "must be a URL or a reference to one", "write `https://…` or `env:NAME`")
    problem = url_problem(value)
    if problem:
        raise finding("bad-url", problem, "write an absolute URL such as `https://api.example.com/v1`")
    return Reference("literal", value.rstrip("/"))


def url_problem(text: str) -> str | None:
    """What keeps *text* from being a base URL; None when nothing does. Never quotes it."""
    if not _VISIBLE_ASCII.fullmatch(text) or "\\" in text:
        return "a URL is visible ASCII without spaces"
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be an absolute `http` or `https` URL"
    if "@" in parts.netloc:
        return "must not hold a user or password"
    if "?" in text or "#" in text:
        return "must not have a query or fragment"
    return None


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # Reading it is what checks it.
    except ValueError:
        return None
    return parts


def unencrypted(text: str) -> bool:
    """Whether the URL is ``http`` to anywhere but this machine."""
    parts = _split(text)
    return parts is not None and parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or "")


def secret_header(name: str) -> bool:
    """Whether a header of this name carries a secret, so that its value must be a reference."""
    lower = name.lower()
    return any(word in lower for word in _SECRET_WORDS)


def header_value_problem(text: str) -> str | None:
    """What keeps *text* from being a header's value; None when nothing does. Never quotes it."""
    return (
        None if _HEADER_VALUE.fullmatch(text) else "a header's value is visible ASCII and, between it, spaces"
    )


def missing(reference: Reference, environ: Mapping[str, str]) -> str | None:
    """Why *reference* has no value, without reading it; None when it has one."""
    if reference.kind == "env":
        value = environ.get(reference.name)
        return (
            None
            if value
            else f"environment variable `{reference.name}` is {'empty' if value == '' else 'not set'}"
        )
    if reference.kind == "file":
        return None if _regular(reference.name) else f"`{reference.name}` is not a readable file"
    return None


def _regular(path: str) -> bool:
    try:
        return stat.S_ISREG(FilePath(path).stat().st_mode) and os.access(path, os.R_OK)
    except (OSError, ValueError):
        return False


def resolve(reference: Reference, environ: Mapping[str, str], *, spaces: bool = False) -> Secret:
    """The value of *reference*, without a trailing line break.

    Args:
        reference: where the value is.
        environ: the environment's variables.
        spaces: whether spaces may be in it, as in a header's ``Bearer …``.

    Raises:
        UnusableSecret: it is missing, larger than 64 KiB, or not visible ASCII.
    """
    problem = missing(reference, environ)
    if problem:
        hint = "set the variable" if reference.kind == "env" else "create the file"
        raise UnusableSecret("missing-reference", problem, hint)
    if reference.kind == "file":
        text = _read(FilePath(reference.name))
    else:
        text = environ[reference.name] if reference.kind == "env" else reference.name
    value = text.rstrip("\r\n")
    allowed = _HEADER_VALUE if spaces else _VISIBLE_ASCII
    if not value.strip() or len(value) > MAX_SECRET_BYTES or not allowed.fullmatch(value):
        where = " around it" if spaces else ""
        message = (
            f"the value of `{reference}` is not a key: at most 64 KiB of visible ASCII without spaces{where}"
        )
        raise UnusableSecret("bad-secret", message, "look for line breaks, quotes or a wrong file")
    return Secret(value)


def _read(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SECRET_BYTES + 3).decode("ascii", "replace")
    except OSError:
        message = f"`{path}` is not a readable file"
        raise UnusableSecret("missing-reference", message, "create the file") from None
