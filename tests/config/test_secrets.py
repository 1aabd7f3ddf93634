"""References resolve to secrets that are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic_core import PydanticCustomError

from router.config import secrets
from router.config.secrets import (
    UnusableSecret,
    as_reference,
    credential,
    header_value_problem,
    resolve,
    unencrypted,
)
from router.types import Reference

if TYPE_CHECKING:
    from pathlib import Path


def test_variables_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value comes without its trailing line break; relative files are of the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_bytes(b"from-file\r\n")
    assert resolve(credential("env:A"), {"A": "from-env"}).reveal() == "from-env"
    assert resolve(credential("file:key"), {}).reveal() == "from-file"
    assert resolve(Reference("literal", "sk-1", secret=True), {}).reveal() == "sk-1"
    assert resolve(Reference("env", "A"), {"A": "Bearer x"}, spaces=True).reveal() == "Bearer x"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "missing-reference"),
        ("", "missing-reference"),
        ("a b", "bad-secret"),
        ("canary\nx", "bad-secret"),
        ("canaryé", "bad-secret"),
        ("c" * 65537, "bad-secret"),
        ("\n", "bad-secret"),
    ],
)
def test_unusable_variables(value: str | None, code: str) -> None:
    """A missing value or one that is no header text is refused, naming the variable and not the value."""
    with pytest.raises(UnusableSecret) as caught:
        resolve(Reference("env", "NAME", secret=True), {} if value is None else {"NAME": value})
    assert caught.value.code == code
    assert "NAME" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", [" a", "a ", "\ta", "a\t", " "])
def test_spaces_around_a_header(text: str) -> None:
    """One transport would send them and another refuse to: no header has them, written or referred to."""
    assert header_value_problem(text) is not None
    with pytest.raises(UnusableSecret, match="without spaces around it"):
        resolve(Reference("env", "NAME", secret=True), {"NAME": text}, spaces=True)


@pytest.mark.parametrize("text", ["", "a", "Bearer a", "a\tb  c"])
def test_header_values(text: str) -> None:
    """Spaces and tabs between visible characters are a header's as they stand."""
    assert header_value_problem(text) is None


def test_unusable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, too large and unreadable files, and pipes, are refused."""
    big = tmp_path / "big"
    big.write_bytes(b"x" * 70_000)
    for path, code in (
        (big, "bad-secret"),
        (tmp_path / "none", "missing-reference"),
        (tmp_path, "missing-reference"),
    ):
        with pytest.raises(UnusableSecret) as caught:
            resolve(Reference("file", str(path)), {})
        assert caught.value.code == code
    # It may vanish between the look and the reading.
    monkeypatch.setattr(secrets, "_regular", lambda _path: True)
    with pytest.raises(UnusableSecret):
        resolve(Reference("file", str(tmp_path / "none")), {})


@pytest.mark.parametrize("text", ["env:", "env:1A", "env:A B", "file:", "file:a\0b"])
def test_malformed_references(text: str) -> None:
    """What begins like a reference must be one."""
    with pytest.raises(PydanticCustomError, match="followed by"):
        as_reference(text)


@pytest.mark.parametrize("text", ["os.environ/KEY", "${KEY}", "$KEY", "env.KEY", "env/KEY", "env::KEY"])
def test_spellings_of_other_tools_get_a_hint(text: str) -> None:
    """The hint names the same variable in our spelling."""
    with pytest.raises(PydanticCustomError) as caught:
        credential(text)
    assert (caught.value.context or {})["hint"] == "write `env:KEY`"


def test_encryption() -> None:
    """http is fine to this machine only."""
    assert unencrypted("http://example.com/v1")
    assert unencrypted("http://127.evil.com/")
    assert unencrypted("http://0.0.0.0/")
    for url in (
        "https://example.com",
        "http://localhost:80",
        "http://127.0.0.1",
        "http://[::1]/v1",
        "http://x:y",
    ):
        assert not unencrypted(url)
