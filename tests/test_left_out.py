"""`on_unsupported="warn"`: what cannot be kept is left out, what stood there stays, all else is as ever."""

from __future__ import annotations

import copy
import os
import pickle
import re
import warnings
from collections import OrderedDict

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    HDF5Checkpointer,
    LeftOutWarning,
    ResultNotStoredWarning,
    UnsupportedTypeError,
    load,
    save,
)

BAD = object()
DEEP = np.zeros((1,) * 40)
"""HDF5 itself refuses more than 32 axes, when it is written."""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.hdf5")


@pytest.fixture(params=["file", "block", "memory"])
def chk(request, path):
    store = HDF5Checkpointer(None if request.param == "memory" else path, on_unsupported="warn")
    if request.param != "block":
        yield store
        return
    with store:
        yield store


def left_out(call):
    """The key paths that a call leaves out, and what it returns."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        value = call()
    found = []
    for one in seen:
        assert one.category in {LeftOutWarning, ResultNotStoredWarning}, one
        assert one.filename == __file__, one
        if one.category is LeftOutWarning:
            found += one.message.reasons
        else:
            found += re.findall(r"for key '(.*?)' in", str(one.message))
    return found, value


def put(chk, key, value):
    return left_out(lambda: chk.__setitem__(key, value))[0]


def test_the_default_raises(path):
    """Without the option nothing changes; other words are no option."""
    for chk in (HDF5Checkpointer(path), HDF5Checkpointer(path, on_unsupported="raise")):
        with pytest.raises(UnsupportedTypeError):
            chk["a"] = {"b": 1, "c": BAD}
        assert not os.path.exists(path)
    with pytest.raises(ValueError, match="on_unsupported='ignore'"):
        HDF5Checkpointer(path, on_unsupported="ignore")


def test_a_whole_value(chk):
    """Nothing is stored, and what stood there stays."""
    assert put(chk, "a", BAD) == ["a"] and "a" not in chk and list(chk) == []
    chk["a"] = [1, 2]
    chk["g"] = {"x": 1}
    assert put(chk, "a", {1, BAD}) == ["a"] and chk["a"] == [1, 2]
    assert put(chk, "g", BAD) == ["g"] and chk["g"] == {"x": 1}
    assert put(chk, ("g", "x"), BAD) == ["g/x"] and chk["g/x"] == 1
    assert put(chk["g"], "y", BAD) == ["g/y"] and list(chk["g"]) == ["x"]


def test_what_the_warning_says(path):
    """It names the file, each key path and why, at the line of the caller."""
    chk = HDF5Checkpointer(path, on_unsupported="warn")
    with pytest.warns(LeftOutWarning) as seen:
        chk.update({"a": {"b": [1, BAD], "c": 1}, "d": BAD})
    (one,) = seen
    text = str(one.message)
    assert one.filename == __file__ and path in text and issubclass(one.category, UserWarning)
    for part in ("'a/b': ", "'d': ", "builtins.object cannot be stored", "(at 'a/b/[1]')"):
        assert part in text
    assert one.message.file == path and list(one.message.reasons) == ["a/b", "d"]
    assert str(pickle.loads(pickle.dumps(one.message))) == text
    with pytest.warns(LeftOutWarning, match="and 5 more"):
        chk.update({f"k{n}": BAD for n in range(25)})


def test_nothing_is_written_for_nothing(path):
    """If nothing is left to be stored, the file is not touched, nor made."""
    chk = HDF5Checkpointer(path, on_unsupported="warn")
    assert put(chk, "a", BAD) == ["a"] and not os.path.exists(path)
    chk["a"] = 1
    before = os.stat(path).st_mtime_ns
    assert put(chk, "a", BAD) == ["a"] and os.stat(path).st_mtime_ns == before


def test_nested_dicts(chk):
    """Of nested dicts only the values that cannot be kept are left out; the rest replaces."""
    chk["a"] = {"bad": "old", "gone": 1, "in": {"bad": 5, "gone": 2}, "was": {"bad": 1}, "leaf": 3}
    new = {
        "n": 1, "bad": BAD, "in": {"x": np.arange(2), "bad": BAD}, "was": 7, "leaf": {"bad": BAD, "y": 2},
        "new": {"bad": BAD},
    }  # fmt: skip
    assert put(chk, "a", new) == ["a/bad", "a/in/bad", "a/leaf/bad", "a/new/bad"]
    assert chk["a"] == {
        "n": 1, "bad": "old", "in": {"x": np.arange(2), "bad": 5}, "was": 7, "leaf": {"y": 2}, "new": {},
    }  # fmt: skip
    assert put(chk, "o", {"bad": BAD}) == ["o/bad"] and chk["o"] == {}


@pytest.mark.parametrize(
    "leaf",
    [
        [1, [2, BAD]], (BAD,), {1: BAD}, {"a/b": BAD}, OrderedDict(x=BAD), [{"x": 1, "y": BAD}],
        np.array([1, BAD], object), {1, BAD},
    ],
    ids=["list", "tuple", "int key", "path key", "OrderedDict", "dict in a list", "array", "set"],
)  # fmt: skip
def test_what_is_no_group_is_left_out_whole(chk, leaf):
    """A list, or another value with parts, would be another one without some of them."""
    chk["g"] = {"leaf": "old"}
    assert put(chk, "g", {"leaf": leaf, "n": 1}) == ["g/leaf"]
    assert chk["g"] == {"leaf": "old", "n": 1}
    assert put(chk, "leaf", leaf) == ["leaf"] and "leaf" not in chk


def test_names(chk):
    """Names that mean something in a glob, or to the older toolbox, are names."""
    chk["g"] = {"a*": 1, "ab": 2, "[x]": 3, "x": 4, "_data": 5}
    assert put(chk, "g", {"a*": BAD, "[x]": BAD, "_data": 6}) == ["g/a*", "g/[x]"]
    assert chk["g"] == {"a*": 1, "[x]": 3, "_data": 6}


def test_what_stood_was_no_dict(chk):
    """An `OrderedDict` is one value: a dict replaces it, whatever is left out."""
    chk["g"] = OrderedDict(b=1)
    assert put(chk, "g", {"a": 1, "b": BAD}) == ["g/b"]
    assert chk["g"] == {"a": 1}


def test_update_and_pairs(chk):
    """`update` is still one commit."""
    chk.update({"b": 1, "c": 1})
    keys, _ = left_out(lambda: chk.update({"a": 1, "b": BAD, "c": {"x": BAD, "y": 2}}, d=BAD))
    assert keys == ["b", "c/x", "d"] and chk == {"a": 1, "b": 1, "c": {"y": 2}}
    keys, _ = left_out(lambda: chk.update([("c", {"x": BAD}), (("c", "x"), 5)]))
    assert keys == ["c/x"] and chk["c"] == {"x": 5}
    keys, _ = left_out(lambda: chk.update({"x": BAD, "y": BAD}))
    assert keys == ["x", "y"]
    chk |= {"z": 1}
    assert chk["z"] == 1


def test_put_and_merge(chk):
    """`put` and `merge`, too; what is merged never removes anything."""
    chk["g"] = {"a": 1, "b": {"c": 2, "d": 3}}
    keys, _ = left_out(lambda: chk.merge("g", {"a": BAD, "b": {"c": BAD}, "e": 4, "f": {"x": BAD}}))
    assert keys == ["g/a", "g/b/c", "g/f/x"]
    assert chk["g"] == {"a": 1, "b": {"c": 2, "d": 3}, "e": 4, "f": {}}
    assert left_out(lambda: chk.merge("g", {"a": BAD}))[0] == ["g/a"] and chk["g/a"] == 1
    keys, _ = left_out(lambda: chk.put("g", {"a": BAD, "x": np.zeros(9000)}, compression="gzip"))
    assert keys == ["g/a"] and chk["g"] == {"a": 1, "x": np.zeros(9000)}
    told = []
    keys, _ = left_out(
        lambda: chk.put("h", {"a": BAD, "x": np.zeros(9)}, progress=lambda *n: told.append(n))
    )
    assert keys == ["h/a"] and told[-1] == (72, 72)


def test_save(path):
    """`save` takes the option, and a new file holds the rest."""
    keys, _ = left_out(
        lambda: save(path, {"a": 1, "b": {"c": BAD}, "d": BAD}, on_unsupported="warn")
    )
    assert keys == ["b/c", "d"] and load(path) == {"a": 1, "b": {}}
    with pytest.raises(UnsupportedTypeError):
        save(path, {"a": BAD})
    assert load(path) == {"a": 1, "b": {}}


def test_append(chk):
    """A row that cannot be kept is left out; the others are there, and later ones follow."""
    for row, keys in ((BAD, ["log"]), (1.5, []), ("text", ["log"]), (None, ["log"]), (2.5, [])):
        assert left_out(lambda row=row: chk.append("log", row))[0] == keys
    assert chk["log"].tolist() == [1.5, 2.5]
    chk["n"] = np.array([b"ab"])
    assert left_out(lambda: chk.append("n", BAD))[0] == ["n"]
    assert chk["n"].tolist() == [b"ab"]
    with pytest.raises(ValueError, match="shape"):
        chk.append("log", [[1.0, 2.0]])


def test_cached_eval_keeps_whole_results(chk):
    """A result that cannot be kept whole is not kept at all: a part of it is no result."""
    calls = []

    def make():
        calls.append(1)
        return {"x": 1, "y": BAD}

    for _ in range(2):
        keys, value = left_out(lambda: chk.cached_eval("k", make))
        assert keys == ["k"] and value == {"x": 1, "y": BAD} and "k" not in chk
    assert len(calls) == 2
    assert left_out(lambda: chk.cached_eval("n", lambda: 5)) == ([], 5) and chk["n"] == 5
    kept = chk.cached(lambda n: f"sq/{n}")(lambda n: [n, BAD] if n else n)
    assert left_out(lambda: kept(2)) == (["sq/2"], [2, BAD]) and left_out(lambda: kept(0)) == (
        [],
        0,
    )
    assert list(chk) == ["n", "sq"]


def test_setdefault(chk):
    """It gives the default itself, if that cannot be kept."""
    assert left_out(lambda: chk.setdefault("a", {"x": 1, "y": BAD})) == (["a"], {"x": 1, "y": BAD})
    assert "a" not in chk and chk.setdefault("a", 1) == 1 == chk.setdefault("a", BAD)


def test_attributes(chk):
    """Attributes likewise, with a warning that names them."""
    chk["x"] = 1
    chk.array("x").attrs["unit"] = "m"
    for value in (BAD, {"a": 1}):
        keys, _ = left_out(lambda value=value: chk.array("x").attrs.__setitem__("unit", value))
        assert keys == ["x (attribute 'unit')"] and chk.array("x").attrs["unit"] == "m"


def test_filters_hold(path):
    """What a filter refuses is refused, whether it could be kept or not; nothing is written."""
    chk = HDF5Checkpointer(path, omitted_keys=["secret", "g/secret"], on_unsupported="warn")
    for value in ({"a": 1, "secret": BAD}, {"a": BAD, "secret": 1}):
        with pytest.raises(hdfchk.CheckpointerKeyError, match="refuses"):
            chk["g"] = value
        with pytest.raises(hdfchk.CheckpointerKeyError, match="refuses"):
            chk.update(value)
    assert not os.path.exists(path)
    HDF5Checkpointer(path)["g"] = {"secret": 1, "a": 2, "b": 3}
    assert put(chk, "g", {"a": BAD, "c": 4}) == ["g/a"]
    assert load(path) == {"g": {"secret": 1, "a": 2, "c": 4}}
    view = chk.view(allowed_keys="g/c")
    assert put(view, "g", {"c": BAD}) == ["g/c"] and load(path)["g"]["c"] == 4


def test_other_errors_write_nothing(chk):
    """All or nothing: an error of another kind gives up the whole call."""
    chk["a"] = 1
    for values in ([("b", 2), ("c", BAD), ("a/x", 3)], [("b", 2), ("c", BAD), (5, 3)]):
        with pytest.raises((TypeError, KeyError)):
            left_out(lambda values=values: chk.update(values))
        assert list(chk) == ["a"]


def test_warnings_as_errors(chk):
    """Where warnings are errors, nothing is written."""
    chk["a"] = {"bad": 1}
    for call in (
        lambda: chk.__setitem__("a", {"bad": BAD, "n": 1}),
        lambda: chk.update({"b": 1, "c": BAD}),
        lambda: chk.cached_eval("d", lambda: BAD),
        lambda: chk.merge("a", {"bad": BAD, "n": 1}),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises((LeftOutWarning, ResultNotStoredWarning)):
                call()
    assert chk == {"a": {"bad": 1}}


def test_cycles_and_depth(chk):
    """What contains itself is left out where it comes again; what is too deep, whole."""
    loop = {"n": 1}
    loop["in"] = {"loop": loop, "m": 2}
    assert put(chk, "a", loop) == ["a/in/loop"] and chk["a"] == {"n": 1, "in": {"m": 2}}
    deep = {"n": 1}
    for _ in range(200):
        deep = {"x": deep}
    assert put(chk, "deep", deep) == ["deep"]
    assert put(chk, "deep", {"bad": BAD, "x": deep}) == ["deep/bad", "deep/x"] and chk["deep"] == {}


def test_transactions(path):
    """A value that is left out does not spoil a transaction."""
    chk = HDF5Checkpointer(path, on_unsupported="warn")
    with chk.transaction():
        chk["n"] = 0
        assert put(chk, "a", {"x": BAD, "y": 1}) == ["a/x"]
        assert left_out(lambda: chk.append("log", BAD))[0] == ["log"]
        chk.append("log", 1.0)
        assert left_out(lambda: chk.append("log", "text"))[0] == ["log"]
        assert left_out(lambda: chk.cached_eval("k", lambda: BAD))[1] is BAD
    assert chk == {"n": 0, "a": {"y": 1}, "log": np.array([1.0])}


def test_stores_keep_the_option(path):
    """Groups, views, copies and pickles of a store have it; other stores of the file do not."""
    chk = HDF5Checkpointer(path, on_unsupported="warn")
    for store in (
        chk.group("g", create=True), chk.view(omitted_keys="x"), copy.deepcopy(chk), pickle.loads(pickle.dumps(chk)),
    ):  # fmt: skip
        assert put(store, "a", BAD)[-1].endswith("a")
    with chk, pytest.raises(UnsupportedTypeError):
        HDF5Checkpointer(path)["a"] = BAD


def test_what_hdf5_refuses(path):
    """What only HDF5 refuses, as it is written, is left out, too; the rest is one commit."""
    chk = HDF5Checkpointer(path, on_unsupported="warn")
    chk["g"] = {"deep": "old", "in": {"deep": 1}}
    assert put(chk, "deep", DEEP) == ["deep"] and "deep" not in chk
    assert put(chk, "g", {"n": 1, "deep": DEEP, "in": {"deep": DEEP, "bad": BAD}}) == [
        "g/in/bad",
        "g/deep",
        "g/in/deep",
    ]
    assert chk["g"] == {"n": 1, "deep": "old", "in": {"deep": 1}}
    assert left_out(lambda: chk.update({"a": 1, "b": DEEP, "c": {"d": [1, DEEP]}}))[0] == [
        "b",
        "c/d",
    ]
    assert list(chk) == ["g", "a", "c"] and chk["c"] == {}
    assert left_out(lambda: chk.cached_eval("k", lambda: DEEP))[0] == ["k"] and "k" not in chk
    with h5py.File(path) as file:
        assert sorted(file) == ["a", "c", "g"]
    with pytest.raises(UnsupportedTypeError, match="axes|imension"), chk.transaction():
        chk["z"] = 1
        chk["deep"] = DEEP
    assert "z" not in chk


def test_the_error_names_the_very_key(path):
    """Of nested dicts, the error names the value that HDF5 refuses."""
    with pytest.raises(UnsupportedTypeError) as caught:
        HDF5Checkpointer(path)["g"] = {"a": 1, "in": {"deep": DEEP}, "b": 2}
    assert caught.value.key == "g/in/deep"
