"""Files of the older checkpointer, and its faults, which must not come back."""

from __future__ import annotations

import base64
import os
import pickle
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CodecRegistry,
    CorruptFileError,
    HDF5Checkpointer,
    UnknownTypeError,
    UnsupportedStoredError,
)
from tests.exact import differs
from tests.records import Holder


def encoded(value: Any) -> np.ndarray:
    """A pickle as the older tool stored it: base64 in a fixed-length byte string."""
    return np.array([base64.b64encode(pickle.dumps(value)).decode("ascii")]).astype("S").reshape(())


def legacy_object(group: h5py.Group, cls: type, state: dict[str, Any]) -> None:
    group["pseudopickle_protocol"] = 1
    group["class/pseudopickle_protocol"] = 1
    group["class/pickle_data"] = encoded(cls)
    for key, value in state.items():
        group[f"state/{key}"] = value


@pytest.fixture
def old(path: str) -> str:
    """A file as the older checkpointer wrote it: groups without order, fixed-length strings."""
    with h5py.File(path, "w") as file:
        file["steps"] = 500
        file["tol"] = 1e-8
        file["flag"] = True
        file["method"] = np.array("implicit euler", "S")
        file.create_dataset("nothing", data=h5py.Empty("i"))
        file["step_1"] = np.array([1, 2, 3])
        file["names"] = np.array(["a", "bcd"], "S3")
        file["int32"] = np.arange(3, dtype="i4")
        file["nested/inner/x"] = np.arange(4.0)
        file["nested/inner/none"] = h5py.Empty("i")
        mixed = file.create_group("mixed")
        mixed["_list_numitems"] = 3
        mixed["_list_item_0"] = np.arange(2)
        mixed["_list_item_1"] = np.array("text", "S")
        mixed["_list_item_2/_list_numitems"] = 12
        for index in range(12):
            mixed[f"_list_item_2/_list_item_{index}"] = index
        legacy_object(file.create_group("object"), Holder, {"steps": 3, "name": np.array("x", "S")})
        file["pickled/pseudopickle_protocol"] = 1
        file["pickled/pickle_data"] = encoded({"a", 1})
        file["wrapped/_data"] = np.arange(5)
    return path


def test_values(old: str) -> None:
    """Nested dicts, scalars, None, strings, arrays and lists read as what they were."""
    chk = HDF5Checkpointer(old)
    assert (
        differs(
            [500, 1e-8, True, "implicit euler", None],
            [chk[k] for k in ("steps", "tol", "flag", "method", "nothing")],
        )
        is None
    )
    assert differs(np.array([1, 2, 3]), chk["step_1"]) is None
    assert differs(np.array(["a", "bcd"], "S3"), chk["names"]) is None
    assert (
        differs(
            {"x": np.arange(4.0), "none": None},
            dict(sorted(chk.load("nested")["inner"].items(), reverse=True)),
        )
        is None
    )
    assert differs([np.arange(2), "text", list(range(12))], chk["mixed"]) is None
    assert differs([np.arange(2), "text", list(range(12))], chk.load("mixed")) is None
    assert differs(np.arange(5), chk["wrapped"]) is None


def test_bare_array(path: str) -> None:
    """A file that is one bare array loads as that array."""
    with h5py.File(path, "w") as file:
        file["_data"] = np.arange(3)
    assert differs(np.arange(3), HDF5Checkpointer(path).load()) is None
    assert differs(np.arange(3), HDF5Checkpointer(path)["_data"]) is None


def test_objects(old: str) -> None:
    """A registered class is rebuilt without unpickling; an unregistered one is named."""
    registry = CodecRegistry()
    with pytest.raises(UnknownTypeError, match="tests.records:Holder") as caught:
        HDF5Checkpointer(old, registry)["object"]
    assert caught.value.key == "object" and caught.value.file == old
    assert HDF5Checkpointer(old, registry).group("object").load("state") == {
        "steps": 3,
        "name": "x",
    }
    registry.register(Holder)
    found = HDF5Checkpointer(old, registry)["object"]
    assert type(found) is Holder and found.data == {"steps": 3, "name": "x"}


def test_pickles(old: str) -> None:
    """A pickle is read only with allow_pickle=True."""
    with pytest.raises(UnsupportedStoredError, match="allow_pickle"):
        HDF5Checkpointer(old)["pickled"]
    assert HDF5Checkpointer(old, allow_pickle=True)["pickled"] == {"a", 1}
    found = HDF5Checkpointer(old, CodecRegistry(), allow_pickle=True)["object"]
    assert type(found) is Holder and found.data["steps"] == 3


class Bomb:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("exploded",))


def test_no_pickle_runs(path: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No code runs because a file is read, whatever stands in it."""
    monkeypatch.chdir(tmp_path)
    with h5py.File(path, "w") as file:
        file["bomb/pseudopickle_protocol"] = 1
        file["bomb/pickle_data"] = encoded(Bomb())
        group = file.create_group("object")
        group["pseudopickle_protocol"] = 1
        group["class/pseudopickle_protocol"] = 1
        group["class/pickle_data"] = encoded(Bomb())
        group["state/x"] = 1
    for key in ("bomb", "object"):
        with pytest.raises((UnsupportedStoredError, UnknownTypeError)):
            HDF5Checkpointer(path)[key]
    assert not os.path.exists("exploded")


def test_broken_lists(path: str) -> None:
    """A list that lacks items is an error that says so."""
    with h5py.File(path, "w") as file:
        file["l/_list_numitems"] = 2
        file["l/_list_item_0"] = 1
    with pytest.raises(CorruptFileError, match="of which 1"):
        HDF5Checkpointer(path)["l"]


def test_writing_goes_on(old: str) -> None:
    """New keys go into an old file, and old ones can be replaced and deleted."""
    chk = HDF5Checkpointer(old)
    chk["new"] = {"a": [1, "b"]}
    chk["mixed"] = {"now": "a dict"}
    chk["method"] = "a longer string than before"
    chk["nested/inner/y"] = 2
    del chk["object"], chk["pickled"]
    assert chk["new"] == {"a": [1, "b"]} and chk["mixed"] == {"now": "a dict"}
    assert chk["method"] == "a longer string than before" and set(chk["nested/inner"]) == {
        "x",
        "none",
        "y",
    }
