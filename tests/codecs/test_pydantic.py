"""Pydantic: models, registered by their classes."""

from __future__ import annotations

import functools
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, UnknownTypeError, UnsupportedTypeError
from tests.support import exact
from tests.support.libraries import is_untouched, library

pydantic: Any = library("pydantic")


class Inner(pydantic.BaseModel):
    x: float = 0.5


class Model(pydantic.BaseModel):
    model_config = {"arbitrary_types_allowed": True, "extra": "allow"}

    n: int
    inner: Inner = Inner()
    data: Any = None
    _private: list[int] = pydantic.PrivateAttr(default_factory=list)

    @functools.cached_property
    def twice(self) -> int:
        return 2 * self.n


class Frozen(pydantic.BaseModel):
    model_config = {"frozen": True, "validate_assignment": True}
    a: int


class Root(pydantic.RootModel[list[int]]):
    pass


@pydantic.dataclasses.dataclass
class Data:
    a: int
    b: str = "x"


REGISTRY = CodecRegistry()
for cls in (Inner, Model, Frozen, Root, Data):
    REGISTRY.register(cls)


def state(value: Any) -> Any:
    """All that pydantic pickles of a model."""
    if not isinstance(value, pydantic.BaseModel):
        return value
    inside = value.__getstate__()
    fields = {name: state(item) for name, item in inside.pop("__dict__").items()}
    return type(value).__name__, fields, inside


def _full() -> Model:
    value = Model(n=1, data=np.arange(3.0), more=["x"])
    value._private.append(5)
    assert value.twice == 2
    return value


CASES = {
    "defaults": Model(n=1),
    "full": _full(),
    "not valid": Model.model_construct(n="no int"),
    "frozen": Frozen(a=3),
    "root": Root([1, 2]),
    "inner": Model(n=1, inner=Inner(x=2.5)),
    "dataclass": Data(1),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Fields, extra ones, private ones, and which fields were set come back; nothing is validated."""
    value = CASES[name]
    HDF5Checkpointer(path, REGISTRY).update({"alone": value, "list": [value]})
    chk = HDF5Checkpointer(path, REGISTRY, mode="r")
    for found in (chk.load_parameter("alone"), chk["list"][0]):
        assert type(found) is type(value)
        assert exact.differs(state(value), state(found)) is None
        assert name == "full" or found == value  # NumPy's arrays are in one


def test_readable_without_pydantic(path: str) -> None:
    """A model is a group of its fields."""
    HDF5Checkpointer(path, REGISTRY)["x"] = CASES["full"]
    with h5py.File(path) as file:
        assert file["x/n"][()] == 1 and file["x/inner/x"][()] == 0.5
        assert file["x/data"][:].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(UnknownTypeError, match="not registered"):
        HDF5Checkpointer(path, CodecRegistry())["x"]
    assert HDF5Checkpointer(path, CodecRegistry()).group("x")["n"] == 1


def test_versions() -> None:
    """A model whose fields changed needs a version and a migrate; migrate gets the fields."""
    old = CodecRegistry()
    old.register(Frozen, name="m")
    node = old.encode(Frozen(a=3))

    class Newer(pydantic.BaseModel):
        b: int

    same = CodecRegistry()
    same.register(Newer, name="m")
    with pytest.raises(UnknownTypeError, match="no field 'b'"):
        same.decode(node)
    new = CodecRegistry()
    new.register(
        Newer, name="m", version=2, migrate=lambda fields, version: {"b": fields["a"] + version}
    )
    assert new.decode(node) == Newer(b=4)


def test_a_missing_field(path: str) -> None:
    """A model that lacks a field, as one of model_construct(), could not be read: it is refused."""
    with pytest.raises(UnsupportedTypeError, match="without its field 'a'") as caught:
        HDF5Checkpointer(path, REGISTRY)["x"] = {"y": Frozen.model_construct()}
    assert caught.value.key == "x/y" and is_untouched(path)


def test_unregistered(path: str) -> None:
    """A model that is not registered is refused with the way out, before a file is made."""
    with pytest.raises(UnsupportedTypeError, match=r"pass its class to hdfchk\.register") as caught:
        HDF5Checkpointer(path, CodecRegistry())["a"] = {"x": Frozen(a=1)}
    assert caught.value.key == "a/x" and is_untouched(path)
