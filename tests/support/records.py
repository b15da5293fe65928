"""Classes that tests register: one of each kind."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
from typing import Any

import attrs

import hdfchk


@hdfchk.register(name="tests.Point")
@dataclasses.dataclass
class Point:
    x: float
    y: Any = None
    hidden: Any = dataclasses.field(default=0, init=False)

    @functools.cached_property
    def norm(self) -> float:
        return self.x * 2


@hdfchk.register(name="tests.Frozen")
@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: Any


@hdfchk.register(name="tests.Child")
@dataclasses.dataclass
class Child(Point):
    z: Any = 3


@hdfchk.register(name="tests.Settings")
@attrs.frozen
class Settings:
    steps: int
    _private: Any = None


@hdfchk.register(name="tests.Loose")
@attrs.define(slots=False)
class Loose:
    value: Any


@hdfchk.register(name="tests.Color")
class Color(enum.Enum):
    RED = 1
    CRIMSON = 1
    GREEN = "green"


@hdfchk.register(name="tests.Level")
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@hdfchk.register(name="tests.Name")
class Name(enum.StrEnum):
    A = "a"


@hdfchk.register(name="tests.Access")
class Access(enum.Flag):
    R = 1
    W = 2
    X = 4


Pair = collections.namedtuple("Pair", "left right")
hdfchk.register(Pair, name="tests.Pair")


@hdfchk.register(name="tests.Holder")
class Holder:
    """The state is a dict, and the methods take a serializer, as in the old signature."""

    def __init__(self, **data: Any) -> None:
        self.data = data

    def to_state(self, serializer: Any = None) -> dict[str, Any]:
        return self.data

    @classmethod
    def from_state(cls, state: dict[str, Any], serializer: Any = None) -> Holder:
        return cls(**state)


@hdfchk.register(name="tests.Whole")
class Whole:
    """The state is not a dict."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def to_state(self) -> Any:
        return self.items

    @classmethod
    def from_state(cls, state: Any) -> Whole:
        return cls(state)


def make_default() -> int:
    return 7


hdfchk.register(make_default, name="tests.make_default")
