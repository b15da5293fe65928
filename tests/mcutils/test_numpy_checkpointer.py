"""`NumPyCheckpointer`: what an NPZ file holds without a pickle."""

from __future__ import annotations

import numpy as np
import pytest

import hdfchk
from hdfchk.mcutils import NumPyCheckpointer


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.npz")


class Sparse:
    """A sparse array of the older toolbox, as far as this needs."""

    def asarray(self):
        return np.eye(2)


class Trap:
    """What is left of a pickle that was executed."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


ARRAYS = {
    "f": np.arange(6.0).reshape(2, 3), "i": np.arange(3, dtype=">i2"), "b": np.array([True]),
    "c": np.array(1j), "S": np.array([b"a", b"bc"]), "U": np.array([["é", "bc"]]), "empty": np.empty((0, 3)),
    "time": np.array(["2020-01-01"], "M8[D]"), "rec": np.array([(1, 2.5)], [("x", "i4"), ("y", "f8")]),
    "file": np.array(1), "allow_pickle": np.array(2), "a/b": np.array(3), "x.npy": np.array(4),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)), "long": np.longdouble([1, 2]),
}  # fmt: skip


def test_arrays(path):
    """Arrays of all kinds, under all names, are read as they were; NumPy reads them, too."""
    NumPyCheckpointer(path).update(ARRAYS)
    chk = NumPyCheckpointer(path)
    assert chk.keys() == list(ARRAYS)
    with np.load(path) as plain:
        for name, array in ARRAYS.items():
            for found in (chk[name], plain[name]):
                assert found.dtype == array.dtype and np.array_equal(found, array), name


def test_values(path):
    """All else becomes arrays; dicts and mixed lists keep their shape."""
    NumPyCheckpointer(path).update({
        "n": 3, "x": 2.5, "t": True, "s": "text", "y": b"ab", "z": 1j, "np": np.float32(0.5),
        "list": [1, 2.5], "deep": [[1, 2], [3, 4]], "texts": ["a", "bc"], "none": [],
        "mixed": [1, "a", [1, [2, "b"]], {"k": 1}], "ragged": [[1], [1, 2]],
        "dict": {"a": {"b": 1}, "empty": {}}, "empty": {}, "sparse": Sparse(), "tuple": (1, 2),
    })  # fmt: skip
    found = NumPyCheckpointer(path)
    for name, value in {
        "n": 3,
        "x": 2.5,
        "t": True,
        "s": "text",
        "y": b"ab",
        "z": 1j,
        "np": 0.5,
    }.items():
        assert found[name].shape == () and found[name] == value
    for name, value in {
        "list": [1, 2.5], "deep": [[1, 2], [3, 4]], "texts": ["a", "bc"], "none": [], "sparse": [[1, 0], [0, 1]],
        "tuple": [1, 2],
    }.items():  # fmt: skip
        assert isinstance(found[name], np.ndarray) and found[name].tolist() == value, name
    assert found["mixed"] == [1, "a", [1, [2, "b"]], {"k": 1}]
    assert [part.tolist() for part in found["ragged"]] == [[1], [1, 2]]
    assert found["dict"] == {"a": {"b": 1}, "empty": {}} and found["empty"] == {}


def test_refused(path):
    """What NumPy would pickle, or change, is refused with its place."""
    chk = NumPyCheckpointer(path)
    loop = []
    loop.append(loop)
    for bad, key in (
        (None, "a"), ({1, 2}, "a"), ([0, object()], "a/_list_item_1"), (np.array([None]), "a"), (2**70, "a"),
        ("x\0", "a"), (["x\0", "y"], "a/_list_item_0"), (np.ma.array([1]), "a"), (np.array([(1,)], [("x", "O")]), "a"), (loop, "a/_list_item_0"),
    ):  # fmt: skip
        with pytest.raises(hdfchk.UnsupportedTypeError) as caught:
            chk["a"] = bad
        assert caught.value.key == key and caught.value.file == path and caught.value.hint
    for bad in ({1: 2}, {"": 1}, {"_list_numitems": 1}, {"a::>|<::b": 1}):
        with pytest.raises(hdfchk.HdfchkError) as caught:
            chk["a"] = bad
        assert isinstance(caught.value, (TypeError, ValueError))
    with pytest.raises(TypeError):
        chk[3] = 1
    assert chk.keys() == []


def test_pickles_need_permission(path):
    """An array of objects is unpickled with `allow_pickle` alone; all else is read, and kept."""
    Trap.sprung = False
    record = np.empty(1, [("x", "i4"), ("y", "O")])
    np.savez(path, a=1, b=np.array([None, "x"], object), c=np.array([Trap()], object), d=record)
    chk = NumPyCheckpointer(path)
    assert chk["a"] == 1 and chk.keys() == ["a", "b", "c", "d"]
    for key in "bcd":
        with pytest.raises(hdfchk.UnsupportedStoredError, match="allow_pickle=True") as caught:
            chk[key]
        assert caught.value.file == path and caught.value.key == key
    chk["e"] = 2
    trusting = NumPyCheckpointer(path, allow_pickle=True)
    assert trusting["b"].tolist() == [None, "x"] and trusting["d"]["y"].tolist() == [None]
    assert not Trap.sprung and trusting["c"] is not None and Trap.sprung
    with np.load(path, allow_pickle=True) as plain:
        assert plain["b"].tolist() == [None, "x"] and plain["e"] == 2


def test_names_of_files(tmp_path):
    """The extension may be missing in the name of a file that is there."""
    np.savez(tmp_path / "old", a=1)
    assert NumPyCheckpointer(str(tmp_path / "old"))["a"] == 1
    np.save(tmp_path / "one", [1, 2])
    with pytest.raises(hdfchk.CorruptFileError, match=r"one array.*one\.npy"):
        NumPyCheckpointer(tmp_path / "one")["a"]


def test_files_that_contradict_themselves(path):
    """Lists without their items, and names through arrays, are errors that name the file."""
    for parts in (
        {"a::>|<::_list_numitems": 2, "a::>|<::_list_item_0": 1},
        {"a::>|<::_list_numitems": [[1, 2]]},
        {"a": 1, "a::>|<::b": 2},
    ):
        np.savez(path, **parts)
        with pytest.raises(hdfchk.CorruptFileError) as caught:
            NumPyCheckpointer(path).keys()
        assert caught.value.file == path
