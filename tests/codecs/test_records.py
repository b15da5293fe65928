"""Registered classes: names, versions, migration, and what happens without registration."""

from __future__ import annotations

import collections
import dataclasses
import enum
import inspect
import types
import typing
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import hdfchk
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


class Theirs:
    """A class of somebody else's: nothing of it is known but how it is made."""

    def __init__(self, a: int, b: Any = None) -> None:
        self._a, self._b = a, b


def parts_of(value: Theirs) -> dict[str, Any]:
    return {"a": value._a, "b": value._b}


def test_a_class_of_others(path: str) -> None:
    """Functions beside a class make and rebuild its state; a file keeps it as a group of fields."""
    registry = CodecRegistry()
    made = registry.register(
        Theirs, to_state=parts_of, from_state=lambda state: Theirs(**state), name="theirs"
    )
    assert made is Theirs
    HDF5Checkpointer(path, registry).update({"x": Theirs(1, [2]), "y": [Theirs(3)]})
    chk = HDF5Checkpointer(path, registry, mode="r")
    assert vars(chk["x"]) == {"_a": 1, "_b": [2]} and vars(chk["y"][0]) == {"_a": 3, "_b": None}
    assert type(chk["x"]) is Theirs and chk["x/a"] == 1
    with pytest.raises(UnknownTypeError, match="'theirs'"):
        HDF5Checkpointer(path)["x"]


def test_a_class_of_others_by_decorator() -> None:
    """The functions may be given to the decorator; they come before methods of the class."""
    registry = CodecRegistry()

    @registry.register(
        to_state=lambda value: value.x, from_state=lambda state: Mine(state), name="m"
    )
    class Mine:
        def __init__(self, x: int) -> None:
            self.x = x

        def to_state(self) -> Any:
            raise AssertionError

        from_state = to_state

    assert registry.decode(registry.encode(Mine(4))).x == 4


def test_states_of_others_migrate() -> None:
    """An older state goes through migrate, or to a from_state that takes the version."""
    old, new, itself = CodecRegistry(), CodecRegistry(), CodecRegistry()
    old.register(
        Theirs, to_state=lambda value: value._a, from_state=Theirs, name="theirs", version=1
    )
    node = old.encode(Theirs(3))
    assert old.decode(node)._a == 3
    options: Any = {"to_state": parts_of, "name": "theirs", "version": 2}
    new.register(
        Theirs,
        from_state=lambda state: Theirs(**state),
        migrate=lambda state, version: {"a": state, "b": f"from {version}"},
        **options,
    )
    itself.register(Theirs, from_state=lambda state, version: Theirs(state, version), **options)
    assert vars(new.decode(node)) == {"_a": 3, "_b": "from 1"}
    assert vars(itself.decode(node)) == {"_a": 3, "_b": 1}
    with pytest.raises(UnknownTypeError, match="version 2"):
        old.decode(new.encode(Theirs(1)))


def test_refused_registrations_of_others() -> None:
    """One function alone, what is no class, a type that has a codec: RegistrationError."""
    import pandas as pd

    registry = CodecRegistry()
    for options in ({"to_state": parts_of}, {"from_state": Theirs}):
        with pytest.raises(RegistrationError, match="only one"):
            registry.register(Theirs, **options)
    both: Any = {"to_state": parts_of, "from_state": Theirs}
    for target in (len, Theirs(1)):
        with pytest.raises(RegistrationError, match="not a class"):
            registry.register(target, **both)
    for cls in (dict, np.ndarray, pd.DataFrame):
        with pytest.raises(RegistrationError, match="already has a codec"):
            registry.register(cls, **both)
    with pytest.raises(RegistrationError, match="to_state="):
        registry.register(Theirs)


def test_subclasses_of_others(path: str) -> None:
    """A subclass is another class: it is refused, and no part of it is dropped."""

    class Special(Theirs):
        pass

    registry = CodecRegistry()
    registry.register(Theirs, to_state=parts_of, from_state=lambda state: Theirs(**state))
    with pytest.raises(UnsupportedTypeError, match="register"):
        HDF5Checkpointer(path, registry)["x"] = {"ok": Theirs(1), "not": Special(2)}
    assert not Path(path).exists()


def test_a_name_taken_twice() -> None:
    """A name is of one class, or of one factory; the same function defined again takes it over."""

    def factory() -> list[int]:
        return []

    registry = CodecRegistry()
    registry.register(V1, name="class")
    registry.register(factory, name="factory")
    both: Any = {"to_state": parts_of, "from_state": Theirs}
    for name, owner in (("class", "V1"), ("factory", "factory")):
        with pytest.raises(RegistrationError, match=f"{name!r} already belongs to .*{owner}"):
            registry.register(Theirs, name=name, **both)
        with pytest.raises(RegistrationError, match=f"{name!r} already belongs to .*{owner}"):
            registry.register(len, name=name)
    again = types.FunctionType(factory.__code__, globals(), "factory")
    again.__qualname__ = factory.__qualname__
    registry.register(again, name="factory")
    assert registry.callable_named("factory") is again


def test_unregister() -> None:
    """What was registered can be taken back, under each name, and its names are free again."""
    registry = CodecRegistry()
    registry.register(V1, name="one")
    registry.register(V1, name="two")
    node = registry.encode(V1(1.0, 2.0))
    registry.register(parts_of, name="factory")
    registry.unregister(V1)
    registry.unregister(parts_of)
    with pytest.raises(UnsupportedTypeError):
        registry.encode(V1(1.0, 2.0))
    with pytest.raises(UnknownTypeError, match="'two'"):
        registry.decode(node)
    for gone in (V1, parts_of, Theirs):
        with pytest.raises(RegistrationError, match="not registered"):
            registry.unregister(gone)
    for name in ("one", "two", "factory"):
        registry.register(V2, name=name)
    assert hdfchk.unregister == hdfchk.codecs.registry.default_registry.unregister


def test_types_of_register() -> None:
    """A type checker knows what `register` gives back, as a call and as a decorator."""
    typed = typing.get_overloads(CodecRegistry.register)
    results = [str(inspect.signature(one).return_annotation) for one in typed]
    assert results == ["type[C]", "F", "Callable[[F], F]"]
