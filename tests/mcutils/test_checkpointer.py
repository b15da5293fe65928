"""`Checkpointer`: what is one, how one is made, filters, and classes of a script's own."""

from __future__ import annotations

import io
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import hdfchk
from hdfchk import mcutils
from hdfchk.mcutils import (
    Checkpointer,
    CheckpointerKeyError,
    DictCheckpointer,
    DumpCheckpointer,
    HDF5Checkpointer,
    JSONCheckpointer,
    NullCheckpointer,
    NumPyCheckpointer,
)

KINDS = {".hdf5": HDF5Checkpointer, ".json": JSONCheckpointer, ".npz": NumPyCheckpointer}


@pytest.fixture(params=[*KINDS, "dict"])
def chk(request, tmp_path):
    if request.param == "dict":
        return Checkpointer.build_canonical({})
    return Checkpointer.from_file(str(tmp_path / f"run{request.param}"))


def test_what_is_a_checkpointer(tmp_path):
    """Scripts dispatch on these relations; stores of `hdfchk` are checkpointers, too."""
    assert HDF5Checkpointer is hdfchk.HDF5Checkpointer
    assert CheckpointerKeyError is hdfchk.CheckpointerKeyError
    assert isinstance(hdfchk.HDF5Checkpointer(tmp_path / "x.hdf5"), Checkpointer)
    for kind in (DictCheckpointer, NullCheckpointer, DumpCheckpointer, HDF5Checkpointer):
        assert issubclass(kind, Checkpointer)
    for kind in (JSONCheckpointer, NumPyCheckpointer):
        assert issubclass(kind, DumpCheckpointer)
    assert not issubclass(HDF5Checkpointer, (DumpCheckpointer, DictCheckpointer, NullCheckpointer))
    assert not isinstance({}, Checkpointer)
    with pytest.raises(TypeError):
        Checkpointer("x")
    assert sorted(mcutils.__all__) == sorted(
        [*(kind.__name__ for kind in KINDS.values()), "Checkpointer", "CheckpointerKeyError",
         "DictCheckpointer", "DumpCheckpointer", "NullCheckpointer"]
    )  # fmt: skip


def test_hdfchk_does_not_import_it():
    """`import hdfchk` does not import these classes, nor they h5py."""
    code = "import sys, hdfchk; assert 'hdfchk.mcutils' not in sys.modules; import hdfchk.mcutils; assert 'h5py' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_from_file(tmp_path):
    """The extension says which class it is; options go to it."""
    for end, kind in KINDS.items():
        for name in (str(tmp_path / f"run{end}"), tmp_path / f"run{end}"):
            found = Checkpointer.from_file(name, omitted_keys=["b"])
            assert type(found) is kind and found.checkpoint_file == name
        assert kind.default_extension == end
        with pytest.raises(CheckpointerKeyError):
            found["b"] = 1
    assert type(Checkpointer.from_file("x.h5")) is HDF5Checkpointer
    assert type(JSONCheckpointer.from_file("x.npz")) is NumPyCheckpointer
    for name in ("x.txt", "x", io.BytesIO()):
        with pytest.raises(ValueError, match="extension"):
            Checkpointer.from_file(name)
    with (tmp_path / "open.json").open("w+") as file:
        assert type(Checkpointer.from_file(file)) is JSONCheckpointer


def test_the_map_of_extensions_can_be_replaced():
    """A subclass may have a map of its own."""

    class Mine(Checkpointer):
        _ext_map = {".mine": DictCheckpointer}

    assert type(Mine.from_file("x.mine")) is DictCheckpointer


def test_the_store_names_this_module():
    """`HDF5Checkpointer.from_file` of another format says what opens it."""
    with pytest.raises(ValueError, match=r"hdfchk\.mcutils\.Checkpointer\.from_file"):
        HDF5Checkpointer.from_file("x.json")


def test_build_canonical(tmp_path):
    """Every specification stands for a checkpointer."""
    build = Checkpointer.build_canonical
    assert type(build(None)) is NullCheckpointer
    assert type(build(str(tmp_path / "x.json"))) is JSONCheckpointer
    assert type(build(pathlib.Path("x.hdf5"))) is HDF5Checkpointer
    store = hdfchk.HDF5Checkpointer(tmp_path / "y.hdf5")
    view = store.group("g", create=True)
    for given in (store, view, build({}), build(None)):
        assert build(given) is given
    spec = build({"file": str(tmp_path / "z.npz"), "keys": ["a"], "opts": {"omitted_keys": "b"}})
    assert type(spec) is NumPyCheckpointer
    assert spec.allowed_keys == ["a"] and spec.omitted_keys == "b"
    both = build({"file": "z.json", "keys": {"allowed_keys": ["a"], "omitted_keys": ["b"]}})
    assert both.allowed_keys == ["a"] and both.omitted_keys == ["b"]
    with (tmp_path / "open.json").open("w+") as file:
        assert type(build(file)) is JSONCheckpointer
    for given in (3, [1]):
        with pytest.raises(TypeError, match="is not a checkpointer"):
            build(given)


def test_a_dict_in_place():
    """A dict is used in place, with any keys; a tuple is a key of it."""
    target = {1: "one", ("a", "b"): 2}
    chk = Checkpointer.build_canonical(target)
    thing = object()
    chk["a", "c"] = thing
    chk[None] = 3
    assert type(chk) is DictCheckpointer and chk.backend is target is chk.checkpoint_file
    assert target["a", "c"] is thing is chk["a", "c"] and chk["a", "b"] == 2 and chk[1] == "one"
    assert "a" not in chk and chk.keys() == [1, ("a", "b"), ("a", "c"), None] and len(chk) == 4
    with chk as same:
        assert same is chk and chk.is_open and chk.stream is target
        del chk[1]
        assert chk.pop(None) == 3 and chk.pop(None, 7) == 7
    assert set(target) == {("a", "b"), ("a", "c")} and not chk.is_open and chk.stream is None
    for call in (chk.__getitem__, chk.__delitem__, chk.pop):
        with pytest.raises(CheckpointerKeyError, match="no such key"):
            call("x")
    assert DictCheckpointer().backend == {}
    assert dict(Checkpointer.build_canonical({"a": 1, "file": 2})) == {"a": 1, "file": 2}


def test_nothing_is_kept():
    """A `NullCheckpointer` takes everything, and has nothing."""
    for chk in (NullCheckpointer(), NullCheckpointer(None)):
        calls = []
        with chk:
            chk["a"] = object()
            chk.update({"b": 1})
            chk.save_parameter(("c", 1), 2)
        assert "a" not in chk and chk.keys() == [] and chk.get("b", 5) == 5 and chk.backend is None
        for call in (chk.__getitem__, chk.load_parameter, chk.__delitem__, chk.pop):
            with pytest.raises(CheckpointerKeyError):
                call("a")
        assert [chk.cached_eval("k", lambda: calls.append(1) or 7) for _ in "ab"] == [7, 7]
        assert calls == [1, 1]


def test_a_run(chk):
    """What a script does with a checkpointer works for each of them."""
    with chk:
        assert chk.is_open
        chk["energies"] = np.arange(3.0)
        chk.update({"name": "water", "steps": 500})
        chk.update([("tol", 0.5)])
        chk.save_parameter("mode", "a")
        assert chk.load_parameter("mode") == "a" and chk.check_parameter("mode")
    assert not chk.is_open
    again = type(chk)(chk.checkpoint_file)
    assert list(again.keys()) == ["energies", "name", "steps", "tol", "mode"] == list(again)
    assert np.array_equal(again["energies"], [0, 1, 2]) and again["name"] == "water"
    assert [float(value) for value in again.get_keys(["steps", "tol"])] == [500, 0.5]
    assert "x" not in again and again.get("x") is None and again.get("x", 3) == 3
    assert again.pop("mode") == "a" and "mode" not in type(chk)(chk.checkpoint_file)
    del again["tol"]
    with again:
        again.delete_parameter("name")
    with pytest.raises(KeyError, match="tol"):
        again["tol"]
    calls = []
    for _ in range(2):
        assert (
            again.cached_eval(
                "square", lambda n, m: calls.append(n) or n * m, args=(3,), kwargs={"m": 4}
            )
            == 12
        )
    assert calls == [3]
    assert again.cached_eval("square", lambda: 5, condition=lambda key: key != "square") == 5
    assert sorted(again.items())[-1] == ("steps", 500) and len(again) == 3


def test_filters(chk):
    """Keys that may not be used are refused everywhere, and not listed."""
    chk.update({"a": 1, "b": 2, "c": 3})
    seen = type(chk)(chk.checkpoint_file, allowed_keys=["a", "b"], omitted_keys=["b"])
    assert list(seen.keys()) == ["a"] and len(seen) == 1 and list(seen) == ["a"]
    assert "b" not in seen and "c" not in seen and not seen.check_parameter("b")
    assert seen.get("b", 7) == 7 == seen.pop("b", 7) and seen.check_allowed_key("a") is None
    for key in ("b", "c", ("b", "x")):
        for call in (seen.__getitem__, seen.__delitem__, seen.pop, seen.check_allowed_key):
            with pytest.raises(CheckpointerKeyError, match=r"allow|refuses"):
                call(key)
        with pytest.raises(CheckpointerKeyError):
            seen[key] = 1
    with pytest.raises(CheckpointerKeyError):
        seen.update({"a": 5, "b": 6})
    assert seen["a"] == 1
    one = type(chk)(chk.checkpoint_file, allowed_keys="abc")
    assert list(one.keys()) == []  # a text is one key, and no set of letters
    some = type(chk)(chk.checkpoint_file, omitted_keys=lambda key: key in {"a", "c"})
    assert list(some.keys()) == ["b"]


def test_filters_and_tuples():
    """A tuple may be used if it is listed, or its first part is."""
    chk = DictCheckpointer({("a", 1): 1, ("b", 1): 2, ("b", 2): 3}, ["a", ("b", 1)])
    assert chk.keys() == [("a", 1), ("b", 1)]


def test_blocks_nest(chk):
    """The outermost block closes."""
    with chk:
        with chk:
            chk["a"] = 1
        assert chk.is_open and chk["a"] == 1
    assert not chk.is_open and type(chk)(chk.checkpoint_file)["a"] == 1


def test_a_block_that_fails(chk):
    """What was set before the error is kept."""
    with pytest.raises(ZeroDivisionError), chk:
        chk["a"] = 1
        1 / 0
    assert not chk.is_open and type(chk)(chk.checkpoint_file)["a"] == 1


def test_equality(chk):
    """It compares as a mapping, arrays by value."""
    chk.update({"x": np.arange(3), "y": 1})
    assert type(chk)(chk.checkpoint_file).get("y") == 1
    assert chk == {"x": np.arange(3), "y": 1}
    assert chk != {"x": np.arange(3)} and chk != 3


class Lines(Checkpointer):
    """A class of a script's own: a key and a value a line."""

    default_extension = ".lines"
    opened = 0

    def open_checkpoint_file(self, chk):
        self.opened += 1
        return open(chk, "a+", encoding="utf-8")

    def close_checkpoint_file(self, stream):
        stream.close()

    def save_parameter(self, key, value):
        self.stream.write(f"{key} {value}\n")

    def load_parameter(self, key):
        self.stream.seek(0)
        return dict(line.split() for line in self.stream)[key]

    def keys(self):
        with self:
            self.stream.seek(0)
            return [line.split()[0] for line in self.stream]


def test_a_class_of_a_script(tmp_path):
    """A subclass with the five methods of the older toolbox works."""
    chk = Lines(str(tmp_path / "x.lines"), omitted_keys=["c"])
    chk["a"] = 1
    assert chk.opened == 1
    with chk:
        chk.update({"b": 2})
        assert chk["b"] == "2" and "a" in chk and "x" not in chk and chk.stream is not None
    assert chk.opened == 2 and chk.keys() == ["a", "b"] and chk.opened == 3 and chk.stream is None
    with pytest.raises(CheckpointerKeyError):
        chk["c"] = 1
    with pytest.raises(NotImplementedError, match="cannot delete"):
        del chk["a"]
    broken = Lines(str(tmp_path / "missing" / "x.lines"))
    with pytest.raises(FileNotFoundError):
        broken["a"] = 1
    assert not broken.is_open
