"""What can be imported from ``router`` itself."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import router
from router import errors

SOURCE = Path(router.__file__).read_text(encoding="utf-8")


def _for_types() -> dict[str, str]:
    """What a type checker sees: each name that is imported under TYPE_CHECKING, and from where."""
    [block] = [
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("name", router.__all__)
def test_name(name: str) -> None:
    """Each public name can be imported, and is what a type checker takes it for."""
    if name == "__version__":
        assert router.__version__
        return
    home = import_module(_for_types()[name])
    assert getattr(router, name) is getattr(home, name)


def test_all_is_complete() -> None:
    """``__all__`` is sorted, and names what type checkers see, no more and no less."""
    assert sorted(router.__all__) == router.__all__
    assert set(router.__all__) == {*_for_types(), "__version__"}


def test_every_error() -> None:
    """Every error that a user can meet is public."""
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert len(tree) == 21
    assert tree == set(errors.__all__) - {"upstream_error"}
    assert tree <= set(router.__all__)


def test_other_names() -> None:
    """Any other name is an AttributeError that says so."""
    with pytest.raises(AttributeError, match="module 'router' has no attribute 'nothing'"):
        router.nothing  # noqa: B018 - reading it is the test
