"""Which changes of a file's tables are made, and which are not."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.tables import changes


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ('NAME = "a"', ["NAME = 'XXaXX'"]),
        ("NUMBER: float = 2.5", ["NUMBER: float = 3.5"]),
        ("ON = False", ["ON = True"]),
        ("NOTHING = None", []),
        ("DAY_S = 24 * HOUR_S", ["DAY_S = (24 / HOUR_S)", "DAY_S = 25 * HOUR_S"]),
        ("KIND = Kind.A, Kind.B", ["KIND = *(), Kind.B", "KIND = Kind.A, *()", "KIND = Kind.B, Kind.B"]),
        ("ALONE = Kind.A", []),
        ("TABLE = {X: y, Z: w}", ["TABLE = {**{}, Z: w}", "TABLE = {X: y, **{}}"]),
        (
            "SOME = frozenset({a, b}) | more",
            ["SOME = (frozenset({a, b}) & more)", "SOME = frozenset({*(), b}) | more"],
        ),
        ('é = {"ü": ö}', ["é = {**{}}", "é = {'XXüXX': ö}"]),
        ("Either = One | Other", []),
        ("Many: TypeAlias = list[1]", []),
        ('__all__ = ["a"]', []),
        ('"""Words."""', []),
    ],
)
def test_each_value_by_itself(line: str, changed: list[str]) -> None:
    """One change at a time, the rest as it was; what is no table of values stays."""
    made = list(changes(f"import a\n\n{line}\nlast = name\n"))
    assert {change.now for change in made} >= set(changed)
    assert bool(made) == bool(changed)
    for change in made:
        assert change.was == line
        assert change.source == f"import a\n\n{change.now}\nlast = name\n"
        ast.parse(change.source)


CLASSES = '''
class Named(StrEnum):
    """Words."""
    ONE = "one"

class Labelled(Enum):
    ONE = "for people"

@dataclass
class Row:
    size: int = 3
    name: str

    @property
    def big(self) -> bool:
        """Words."""
        return self.size > 5 and self.on

    @staticmethod
    def mutmuts() -> int:
        return 7

    def mutmuts_too(self) -> int:
        return 8
'''


def test_classes() -> None:
    """Defaults, values of a StrEnum, and what has a decorator that mutmut does not take."""
    assert {change.now for change in changes(CLASSES)} == {
        "ONE = 'XXoneXX'",
        "size: int = 4",
        "return (self.size > 5 or self.on)",
        "return (self.size >= 5) and self.on",
        "return self.size > 6 and self.on",
    }
