"""Registered classes: names, versions, migration, and what happens without registration."""

from __future__ import annotations

import collections
import dataclasses
import enum
from typing import Any

import attrs
import pytest

from hdfchk import (
    CodecRegistry,
    HDF5Checkpointer,
    RegistrationError,
    UnknownTypeError,
    UnsupportedTypeError,
)
from tests.support.records import Point


def test_name() -> None:
    """The default name is module:QualName; the file holds the name alone."""
    registry = CodecRegistry()
    registry.register(Point)
    node = registry.encode(Point(1.0))
    assert node.mark.params == {"class": "tests.support.records:Point", "version": 1}


def test_decorator_and_call() -> None:
    """register works as a decorator, with and without arguments, and as a call."""
    registry = CodecRegistry()

    @registry.register
    @dataclasses.dataclass
    class A:
        x: int

    @registry.register(name="b", version=3)
    @attrs.define
    class B:
        x: int

    C = registry.register(collections.namedtuple("C", "x"), name="c")
    for value in (A(1), B(2), C(3)):
        assert registry.decode(registry.encode(value)) == value


def test_unregistered(path: str) -> None:
    """Writing an unregistered class is refused with the way out; reading one names it."""

    @dataclasses.dataclass
    class Hidden:
        x: int
        y: Any

    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedTypeError, match="register"):
        chk["a"] = {"deep": [Hidden(1, 2)]}
    registry = CodecRegistry()
    registry.register(Hidden, name="hidden")
    HDF5Checkpointer(path, registry).update({"a": Hidden(1, [2, "x"]), "b": [Hidden(3, 4)]})
    for use in (lambda: chk["a"], lambda: chk["b"], lambda: chk.load()):
        with pytest.raises(UnknownTypeError, match="'hidden'") as caught:
            use()
        assert caught.value.file == path and caught.value.key
    assert chk.group("a").load("x") == 1 and chk.group("a")["y"] == [2, "x"]
    assert "a" in chk and list(chk) == ["a", "b"]
    chk["a"] = 5
    assert chk["a"] == 5


@dataclasses.dataclass
class V2:
    total: float
    note: str = "new"


@dataclasses.dataclass
class V1:
    a: float
    b: float


def test_migrate() -> None:
    """An older version goes through migrate; without one it is an error that says so."""
    old = CodecRegistry()
    old.register(V1, name="sum")
    node = old.encode(V1(1.0, 2.0))
    new = CodecRegistry()
    new.register(
        V2,
        name="sum",
        version=2,
        migrate=lambda state, version: {
            "total": state["a"] + state["b"],
            "note": f"from {version}",
        },
    )
    assert new.decode(node) == V2(3.0, "from 1")
    without = CodecRegistry()
    without.register(V2, name="sum", version=2)
    with pytest.raises(UnknownTypeError, match="migrate"):
        without.decode(node)
    newer = CodecRegistry()
    newer.register(V2, name="sum", version=5)
    with pytest.raises(UnknownTypeError, match="version 5"):
        new.decode(newer.encode(V2(1.0)))


def test_changed_without_version() -> None:
    """A class whose fields changed without a new version is an error, not a guess."""
    old = CodecRegistry()
    old.register(V1, name="sum")
    new = CodecRegistry()
    new.register(V2, name="sum")
    with pytest.raises(UnknownTypeError, match="total"):
        new.decode(old.encode(V1(1.0, 2.0)))


def test_from_state_takes_version() -> None:
    """A from_state with a version parameter brings older states up to date itself."""

    class State:
        def __init__(self, x: int) -> None:
            self.x = x

        def to_state(self) -> dict[str, int]:
            return {"x": self.x}

        @classmethod
        def from_state(cls, state: dict[str, int], version: int = 1) -> Any:
            return cls(state["x"] * (10 if version == 1 else 1))

    old, new = CodecRegistry(), CodecRegistry()
    old.register(State, name="state")
    new.register(State, name="state", version=2)
    assert new.decode(old.encode(State(3))).x == 30
    assert new.decode(new.encode(State(3))).x == 3


def test_enum_members() -> None:
    """A member that went is an error; a migrate may rename it."""

    class Old(enum.Enum):
        RED = 1

    class New(enum.Enum):
        CRIMSON = 1

    old, new, renamed = CodecRegistry(), CodecRegistry(), CodecRegistry()
    old.register(Old, name="color")
    new.register(New, name="color")
    renamed.register(
        New, name="color", version=2, migrate=lambda name, version: {"RED": "CRIMSON"}[name]
    )
    with pytest.raises(UnknownTypeError, match="RED"):
        new.decode(old.encode(Old.RED))
    assert renamed.decode(old.encode(Old.RED)) is New.CRIMSON


def test_registration_errors() -> None:
    """A taken name, a built-in type, a class of no known kind: RegistrationError."""
    registry = CodecRegistry()
    registry.register(V1, name="one")
    registry.register(V1, name="one")
    with pytest.raises(RegistrationError):
        registry.register(V2, name="one")
    for wrong in (dict, int, type("Plain", (), {}), Exception):
        with pytest.raises(RegistrationError):
            registry.register(wrong)
    with pytest.raises(RegistrationError):
        registry.register(V2, version=0)
    with pytest.raises(RegistrationError):
        registry.register(lambda: 1)
    with pytest.raises(RegistrationError):

        @registry.register
        @dataclasses.dataclass
        class Listy(list):
            x: int = 0


def test_redefined() -> None:
    """A class that is defined again (a notebook's cell run twice) takes the place of the old."""
    registry = CodecRegistry()

    def define() -> type:
        @registry.register(name="cell")
        @dataclasses.dataclass
        class Cell:
            x: int

        return Cell

    first, second = define(), define()
    node = registry.encode(second(1))
    assert type(registry.decode(node)) is second
    with pytest.raises(UnsupportedTypeError):
        registry.encode(first(1))


def test_registries_are_apart() -> None:
    """What is registered in a copy is unknown to the original."""
    base = CodecRegistry()
    other = base.copy()
    other.register(V1, name="one")
    other.encode(V1(1, 2))
    with pytest.raises(UnsupportedTypeError):
        base.encode(V1(1, 2))
