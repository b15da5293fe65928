"""What is set on an instance is kept, or refused: never dropped without a word."""

from __future__ import annotations

import collections
import dataclasses
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CycleError, HDF5Checkpointer, UnsupportedTypeError
from tests.support import roundtrip
from tests.support.exact import differs

LEFT_TO_THE_CLASS = {"enums", "to_state, from_state"}
"""Members of enums are the same everywhere; a state is what `to_state` says it is."""


def noted(value: Any, note: Any) -> bool:
    """Set an attribute, if the value takes one; constants and classes are the same everywhere."""
    if isinstance(value, type):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            value.note = note
    except (AttributeError, TypeError, ValueError):
        return False
    return type(value).__name__ not in {"NaTType", "NAType"}


@pytest.mark.parametrize("row", roundtrip.table(), ids=lambda row: row.name)
def test_every_type(row: roundtrip.Row, tmp_path: Path) -> None:
    """An attribute of any value that can have one is read again, or refused with a remedy."""
    if row.name in LEFT_TO_THE_CLASS:
        return
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path)
    for value in row.make():
        if not noted(value, [1, "a"]):
            continue
        for place in (value, {"a": [value]}):
            try:
                chk["x"] = place
            except UnsupportedTypeError as error:
                assert "note" in str(error) or "_optinfo" in str(error)  # noqa: PT017
                assert error.hint and error.key.startswith("x") and not path.exists()
                continue
            found = HDF5Checkpointer(path).load("x")
            path.unlink()
            found = found["a"][0] if type(place) is dict else found
            assert found.note == [1, "a"] and type(found) is type(value)


def test_a_private_one_of_pandas() -> None:
    """An attribute of a library's object is not taken for its own because its name is private."""
    import pandas as pd
    import scipy.sparse as sp

    chk = HDF5Checkpointer(None)
    for value in (pd.Index([1, 2]), pd.array([1, None]), sp.csr_array(np.eye(2))):
        value._mine = 1
        with pytest.raises(UnsupportedTypeError, match="_mine"):
            chk["x"] = value
        del value._mine
        chk["x"] = value


def test_used_values() -> None:
    """What a library itself keeps on an instance that was used is no attribute of the caller's."""
    import pandas as pd
    import scipy.sparse as sp

    frame = pd.DataFrame(
        {"a": [1, 2], "b": ["x", "y"]}, index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)])
    )
    frame.loc[(1, 2)], frame.groupby("a").sum(), frame.index.is_unique, frame.describe()
    dates = pd.date_range("2024", periods=3)
    dates.is_monotonic_increasing, dates.hasnans, dates.get_loc(dates[1])
    sparse = sp.csr_array(np.eye(3))
    sparse.sum_duplicates(), sparse.sort_indices(), sparse @ sparse, sparse.has_canonical_format
    chk = HDF5Checkpointer(None)
    for value in (frame, dates, sparse, dates.array, frame["a"]):
        chk["x"] = value
        assert differs(value, chk.load_parameter("x")) is None


def test_state_of_a_torch_module(tmp_path: Path) -> None:
    """The state of a module is an OrderedDict with `_metadata`; each array has its path."""
    state = collections.OrderedDict({"conv.weight": np.ones((2, 3)), "conv.bias": np.zeros(2)})
    state._metadata = collections.OrderedDict({"": {"version": 1}, "conv": {"version": 1}})
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["model"] = state
    assert differs(state, chk["model"]) is None and chk["model"]._metadata["conv"]["version"] == 1
    assert chk["model", "conv.bias"].tolist() == [0, 0]
    with h5py.File(tmp_path / "x.hdf5") as file:
        assert file["model/conv.weight"].shape == (2, 3)
        assert list(file["model"]) == ["conv.weight", "conv.bias", "attributes"]


def test_a_cycle_through_an_attribute() -> None:
    """An attribute that leads back to its owner is a cycle, as an item is."""
    value = collections.OrderedDict(a=1)
    value.owner = value
    with pytest.raises(CycleError):
        HDF5Checkpointer(None)["x"] = value


class Named(collections.namedtuple("Named", "a b")):
    """A namedtuple with a dict of its own."""


class Base:
    __slots__ = ("__hidden", "more")

    def hide(self, value: Any) -> None:
        self.__hidden = value

    def hidden(self) -> Any:
        return self.__hidden


@dataclasses.dataclass
class Slotted(Base):
    __slots__ = ("x",)
    x: int


def test_registered_classes() -> None:
    """Attributes of namedtuples, and slots that are not fields, are part of a record."""
    registry = CodecRegistry()
    registry.register(Named)
    registry.register(Slotted)
    named = Named(1, np.zeros(2))
    named.note = {"k": (1,)}
    found = registry.decode(registry.encode(named))
    assert type(found) is Named and found.note == {"k": (1,)} and found.a == 1
    assert vars(registry.decode(registry.encode(Named(1, 2)))) == {}
    slotted = Slotted(3)
    slotted.hide([1])
    found = registry.decode(registry.encode(slotted))
    assert found.x == 3 and found.hidden() == [1] and not hasattr(found, "more")
