"""`JSONCheckpointer`: what JSON holds, and what the older toolbox wrote into it."""

from __future__ import annotations

import base64
import dataclasses
import json
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import hdfchk
from hdfchk.mcutils import JSONCheckpointer


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.json")


def written(value):
    """A value as the older toolbox writes what it pickles."""
    return {
        "pseudopickle_protocol": 1,
        "pickle_data": base64.b64encode(pickle.dumps(value)).decode(),
    }


@hdfchk.register(name="tests.mcutils:Grid")
@dataclasses.dataclass
class Grid:
    start: float
    points: list


class Trap:
    """What is left of a pickle that was executed."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def test_values(path):
    """What JSON has is read as it was; arrays, tuples and numbers of NumPy as what it has for them."""
    same = {"a": None, "b": [True, 1, 2.5, "é\0", [], {}], "c": 2**70, "": {"d/e": float("inf")}}
    JSONCheckpointer(path).update(same)
    assert JSONCheckpointer(path) == same
    chk = JSONCheckpointer(path)
    chk.update({
        "array": np.arange(6.0).reshape(2, 3), "tuple": (1, (2,)), "i": np.int32(3), "f": np.float32(0.5),
        "t": np.bool_(True), "s": np.str_("x"), "n": {1: "a", 2.5: "b", None: "c", True: "d"} | {1: "e"},
        "o": OrderedDict(x=1), "0d": np.array(7),
    })  # fmt: skip
    found = JSONCheckpointer(path)
    assert found["array"] == [[0, 1, 2], [3, 4, 5]] and found["tuple"] == [1, [2]]
    assert (found["i"], found["f"], found["s"], found["o"]) == (3, 0.5, "x", {"x": 1})
    assert found["t"] is True and found["0d"] == 7
    assert found["n"] == {"1": "e", "2.5": "b", "null": "c"}
    with open(path, encoding="utf-8") as file:
        assert list(json.load(file)) == list(found)


def test_refused(path):
    """What JSON does not have is refused, with its place and what to do."""
    chk = JSONCheckpointer(path)
    loop = []
    loop.append(loop)
    for bad, key in (
        (1j, "a"), (b"x", "a"), ({1, 2}, "a"), ([0, object()], "a/1"), (np.array([1j]), "a/0"),
        (np.longdouble(1), "a"), (np.datetime64("2020-01-01"), "a"), (loop, "a/0"),
    ):  # fmt: skip
        with pytest.raises(hdfchk.UnsupportedTypeError) as caught:
            chk["a"] = bad
        assert caught.value.key == key and caught.value.file == path and caught.value.hint
    for bad in ({(1, 2): 3}, {"1": 0, 1: 2}, {"pseudopickle_protocol": 1}):
        with pytest.raises(hdfchk.HdfchkError) as caught:
            chk["a"] = bad
        assert caught.value.key == "a" and isinstance(caught.value, (TypeError, ValueError))
    with pytest.raises(TypeError):
        chk[("a", (1, 2))] = 1
    assert chk.keys() == []


def test_pickles_need_permission(path):
    """A pickle of the older toolbox is executed with `allow_pickle` alone; all else is read."""
    Trap.sprung = False
    with open(path, "w") as file:
        json.dump({"a": 1, "b": [written(b"xyz"), 2], "c": {"trap": written(Trap())}}, file)
    chk = JSONCheckpointer(path)
    assert chk["a"] == 1 and "b" in chk and ("c", "trap") in chk and chk.keys() == ["a", "b", "c"]
    for key in ("b", "c", ("c", "trap")):
        with pytest.raises(hdfchk.UnsupportedStoredError, match="allow_pickle=True") as caught:
            chk[key]
        assert caught.value.file == path and caught.value.key == str(key)
    chk["d"] = 2
    trusting = JSONCheckpointer(path, allow_pickle=True)
    assert trusting["b"] == [b"xyz", 2] and not Trap.sprung
    trusting["e"] = 3
    assert trusting["c"] == {"trap": None} and Trap.sprung
    again = JSONCheckpointer(path, allow_pickle=True)
    assert again.keys() == ["a", "b", "c", "d", "e"] and again["b"] == [b"xyz", 2]


def test_objects_of_registered_classes(path):
    """An object that is written with its class is read if the class is registered; none is imported."""

    def written_object(name, state):
        raw = b"c" + name.replace(":", "\n").encode() + b"\n."
        kind = {"pseudopickle_protocol": 1, "pickle_data": base64.b64encode(raw).decode()}
        return {"pseudopickle_protocol": 1, "class": kind, "state": state}

    inner = written_object("tests.mcutils:Grid", {"start": 0.5, "points": [1, 2]})
    outer = written_object("tests.mcutils:Grid", {"start": 1.5, "points": [inner]})
    with open(path, "w") as file:
        json.dump({"grid": outer, "other": written_object("nowhere:Other", {"x": 1})}, file)
    chk = JSONCheckpointer(path)
    assert chk["grid"] == Grid(1.5, [Grid(0.5, [1, 2])])
    with pytest.raises(hdfchk.UnknownTypeError, match="nowhere:Other"):
        chk["other"]
    chk["more"] = 1
    assert JSONCheckpointer(path)["grid"] == chk["grid"]


def test_damaged_objects(path):
    """A damaged mark of an object is an error with its place."""
    with open(path, "w") as file:
        json.dump(
            {"a": {"pseudopickle_protocol": 1}, "b": {**written(1), "pickle_data": "AAAA"}}, file
        )
    chk = JSONCheckpointer(path, allow_pickle=True)
    for key in ("a", "b"):
        with pytest.raises(hdfchk.CorruptFileError) as caught:
            chk[key]
        assert caught.value.key == key and caught.value.file == path


def test_other_roots(path):
    """A file whose root is not a dict is an error; an empty file is an empty checkpointer."""
    open(path, "w").close()
    assert JSONCheckpointer(path).keys() == []
    with open(path, "w") as file:
        file.write("[1]")
    with pytest.raises(hdfchk.CorruptFileError, match="holds a list"):
        JSONCheckpointer(path).keys()
