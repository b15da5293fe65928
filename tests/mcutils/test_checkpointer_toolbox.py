"""The same scripts, with the toolbox's own checkpointers and with ours; files of one read by the other."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import hdfchk
from hdfchk import mcutils

if importlib.util.find_spec("McUtils") is None:
    pytest.skip("mccoygroup-mcutils is not installed: hdfchk[mcutils]", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own
    toolbox = importlib.import_module("McUtils.Scaffolding")
    sparse = importlib.import_module("McUtils.Numputils.Sparse")

pytestmark = pytest.mark.filterwarnings("ignore")
"""The toolbox changes the filters of warnings as it works."""

KINDS = [
    "HDF5Checkpointer",
    "JSONCheckpointer",
    "NumPyCheckpointer",
    "DictCheckpointer",
    "NullCheckpointer",
]
FILES = [".hdf5", ".json", ".npz"]


def plain(value):
    """A value without what is known to differ: live groups, views of keys, numbers in arrays."""
    if isinstance(value, hdfchk.Group):
        return plain(value.load())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def outcome(call):
    """What a call returns, or the built-in error that it raises."""
    try:
        return plain(call())
    except Exception as error:
        kinds = (KeyError, ValueError, TypeError, NotImplementedError, OSError)
        return next((kind.__name__ for kind in kinds if isinstance(error, kind)), repr(error))


def in_a_block(chk):
    with chk as same:
        yield same is chk
        chk["a"] = 1
        chk.save_parameter("b", {"c": [1, 2], "d": "x"})
        chk.update({"e": 2.5})
        chk.update([("f", np.arange(3.0))])
        yield chk.is_open
        with chk:
            yield chk["a"]
        yield chk.is_open
        yield chk.load_parameter("b")
    yield chk.is_open
    yield chk.stream is None


def single_calls(chk):
    chk["a"] = 1
    chk.update({"b": {"c": 2}, "e": "text"})
    for key in ("a", "b", "e", "x"):
        yield chk[key]
        yield key in chk
        yield chk.get(key, 7)
    yield chk.get_keys(["e", "a"])
    yield list(chk.keys())


def computed(chk):
    calls = []
    for _ in range(2):
        yield chk.cached_eval(
            "k", lambda n, m=1: calls.append(n) or n * m, args=(3,), kwargs={"m": 4}
        )
    yield len(calls)
    yield chk.cached_eval("k", lambda: 5, condition=lambda key: False)


def tuples(chk):
    chk["b"] = {"c": 1}
    chk["b", "d"] = 2
    yield chk["b", "d"]
    yield ("b", "d") in chk
    yield ("b", "x") in chk


def filtered(chk):
    chk["a"] = 1
    yield chk["a"]
    yield "a" in chk
    yield "c" in chk
    yield chk.check_allowed_key("a")
    yield from (outcome(lambda key=key: chk.check_allowed_key(key)) for key in ("b", "c", ("b", 1)))


def run(script, chk):
    """The outcomes of a script, up to an error."""
    steps, found = script(chk), []
    while True:
        try:
            found.append(plain(next(steps)))
        except StopIteration:
            return found
        except Exception as error:
            return [*found, outcome(lambda error=error: (_ for _ in ()).throw(error))]


def made(module, kind, folder, **options):
    place = {
        "HDF5Checkpointer": "x.hdf5",
        "JSONCheckpointer": "x.json",
        "NumPyCheckpointer": "x.npz",
    }
    os.makedirs(folder, exist_ok=True)
    target = (
        os.path.join(folder, place[kind]) if kind in place else ({} if kind[0] == "D" else None)
    )
    return getattr(module, kind)(target, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "script", [in_a_block, single_calls, computed, tuples], ids=lambda f: f.__name__
)
def test_scripts(kind, script, tmp_path):
    """A script gets the same values and errors from both."""
    theirs = run(script, made(toolbox, kind, f"{tmp_path}/theirs"))
    assert run(script, made(mcutils, kind, f"{tmp_path}/ours")) == theirs and theirs


@pytest.mark.parametrize("kind", KINDS)
def test_filters(kind, tmp_path):
    """A script with filters, too."""
    found = []
    for module in (toolbox, mcutils):
        chk = made(
            module,
            kind,
            f"{tmp_path}/{module.__name__}",
            allowed_keys=["a", "b"],
            omitted_keys=["b"],
        )
        found.append(run(filtered, chk))
    assert found[0] == found[1] and "KeyError" in found[1]


@pytest.mark.parametrize(
    "kind", ["JSONCheckpointer", "NumPyCheckpointer", "DictCheckpointer", "NullCheckpointer"]
)
def test_removing(kind, tmp_path):
    """Keys go the same way (the toolbox's HDF5 files cannot lose any)."""

    def removing(chk):
        chk.update({"a": 1, "b": 2})
        yield chk.pop("a")
        yield "a" in chk
        yield chk.pop("a", 5)
        del chk["b"]
        yield list(chk.keys())
        yield chk.pop("b")

    theirs = run(removing, made(toolbox, kind, f"{tmp_path}/theirs"))
    assert run(removing, made(mcutils, kind, f"{tmp_path}/ours")) == theirs


def test_names_and_relations():
    """Every public name of the toolbox's module is here, with the same bases and methods."""
    names = toolbox.Checkpointing.__all__ if hasattr(toolbox, "Checkpointing") else KINDS
    for name in {*names, *KINDS, "Checkpointer", "DumpCheckpointer", "CheckpointerKeyError"}:
        theirs, ours = getattr(toolbox, name), getattr(mcutils, name)
        for other in [*KINDS, "Checkpointer", "DumpCheckpointer"]:
            assert issubclass(theirs, getattr(toolbox, other)) == issubclass(
                ours, getattr(mcutils, other)
            ), (name, other)
        if name == "CheckpointerKeyError":
            assert issubclass(ours, KeyError)
            continue
        public = {method for method in dir(theirs) if not method.startswith("_")} - {"to_readout"}
        if name == "HDF5Checkpointer":
            public -= {"extension_map"}
            assert theirs.default_extension == ours.default_extension
        assert public <= set(dir(ours)), name


def test_specifications(tmp_path):
    """`build_canonical` and `from_file` choose the same classes."""
    path = str(tmp_path / "x")
    for spec in (
        None, {}, {"a": 1}, {1: 2}, {"file": f"{path}.json"}, {"file": f"{path}.npz", "opts": {"omitted_keys": ["a"]}},
        {"file": f"{path}.hdf5", "keys": ["a"]}, f"{path}.hdf5", f"{path}.json", f"{path}.npz",
    ):  # fmt: skip
        theirs = toolbox.Checkpointer.build_canonical(spec)
        ours = mcutils.Checkpointer.build_canonical(spec)
        assert type(ours).__name__ == type(theirs).__name__
        assert plain(ours.omitted_keys) == plain(theirs.omitted_keys)
        assert plain(ours.allowed_keys) == plain(theirs.allowed_keys)
    for name in ("x.txt", "x"):
        for module in (toolbox, mcutils):
            assert (
                outcome(lambda module=module, name=name: module.Checkpointer.from_file(name))
                == "ValueError"
            )


VALUES = {
    "int": 3, "float": 2.5, "bool": True, "text": "abc", "nan": float("inf"), "list": [1, 2, 3], "floats": [1.5, 2],
    "texts": ["a", "bc"], "deep": [[1, 2], [3, 4]], "ragged": [[1], [1, 2]], "dict": {"a": 1, "b": {"c": [1.5]}},
    "tuple": (1, 2), "array": np.arange(6.0).reshape(2, 3), "zero": np.empty((0, 3)), "bools": [True, False],
}  # fmt: skip
MORE = {
    ".hdf5": {
        "none": None, "empty": {}, "no items": [], "mixed": [1, "a", None], "dicts": [{"a": 1}, {"b": [1, "x"]}],
        "arrays": [np.arange(2), np.arange(3)], "objects": np.array([1, "a"], object), "complex": np.array([1j, 2]),
        "record": np.array([(1, 2.5)], [("x", "i4"), ("y", "f8")]), "int64": np.int64(3), "f4": np.float32(0.5),
        "words": np.array(["a", "bc"]), "same": [np.arange(2), np.arange(2)], "no rows": [[], []],
        "bytes": np.array([b"a"]), "i2": np.arange(3, dtype="i2"), "nested": (1, (2, "x")), "no text": "",
    },
    ".json": {"none": None, "empty": {}, "mixed": [1, "a", None], "dicts": [{"a": 1}], "f4": np.float32(0.5), "big": 2**70},
    ".npz": {"complex": np.array([1j, 2]), "words": np.array(["é", "bc"]), "record": np.array([(1, 2.5)], [("x", "i4"), ("y", "f8")])},
}  # fmt: skip
LOST = {".npz": {"ragged"}}
"""What the toolbox cannot write (NumPy refuses ragged lists): it writes a file whenever it reads it."""


@pytest.mark.parametrize("end", FILES)
def test_their_files_are_read(end, tmp_path):
    """What the toolbox writes, we read as it does itself, without a pickle."""
    path = str(tmp_path / f"old{end}")
    values = {
        key: value for key, value in (VALUES | MORE[end]).items() if key not in LOST.get(end, ())
    }
    with toolbox.Checkpointer.from_file(path) as old:
        for key, value in values.items():
            old[key] = value
    theirs = toolbox.Checkpointer.from_file(path)
    expected = {key: theirs[key] for key in values}
    ours = mcutils.Checkpointer.from_file(path)
    assert sorted(ours.keys()) == sorted(values)
    for key in values:
        found = ours[key]
        assert plain(found) == plain(expected[key]), key
        if isinstance(expected[key], np.ndarray):
            assert isinstance(found, np.ndarray) and found.dtype == expected[key].dtype, key
            assert found.shape == expected[key].shape, key
    ours["new"] = 1
    assert all(
        plain(mcutils.Checkpointer.from_file(path)[key]) == plain(expected[key]) for key in values
    )


@pytest.mark.parametrize("end", [".json", ".npz"])
def test_our_files_are_read(end, tmp_path):
    """The toolbox reads our JSON and NumPy files."""
    path = str(tmp_path / f"new{end}")
    values = {
        key: value for key, value in (VALUES | MORE[end]).items() if key not in LOST.get(end, ())
    }
    with mcutils.Checkpointer.from_file(path) as new:
        new.update(values)
    theirs, ours = toolbox.Checkpointer.from_file(path), mcutils.Checkpointer.from_file(path)
    for key in values:
        assert plain(theirs[key]) == plain(ours[key]), key


@pytest.mark.parametrize("end", [".hdf5", ".json"])
def test_what_they_pickle(end, tmp_path):
    """What the toolbox pickles is read with `allow_pickle` alone, and equal then."""
    path = str(tmp_path / f"old{end}")
    values = {"bytes": b"a\0b", "dtype": np.dtype("f4"), "type": dict, "in": {"a": [1, b"x"]}}
    with toolbox.Checkpointer.from_file(path) as old:
        for key, value in values.items():
            old[key] = value
        old["n"] = 1
    ours = mcutils.Checkpointer.from_file(path)
    assert ours["n"] == 1
    for key in values:
        with pytest.raises(hdfchk.UnsupportedStoredError, match="allow_pickle=True"):
            plain(ours[key])
    trusting = mcutils.Checkpointer.from_file(path, allow_pickle=True)
    for key, value in values.items():
        assert plain(trusting[key]) == value, key


def test_objects_they_pickle_in_npz(tmp_path):
    """An array of objects in an NPZ file of the toolbox needs `allow_pickle`, too."""
    path = str(tmp_path / "old.npz")
    with toolbox.NumPyCheckpointer(path) as old:
        old["a"] = np.array([1, None], object)
        old["n"] = 1
    ours = mcutils.NumPyCheckpointer(path)
    assert ours["n"] == 1
    with pytest.raises(hdfchk.UnsupportedStoredError, match="allow_pickle=True"):
        ours["a"]
    assert mcutils.NumPyCheckpointer(path, allow_pickle=True)["a"].tolist() == [1, None]


@pytest.mark.parametrize("end", [".hdf5", ".json"])
def test_their_sparse_arrays(end, tmp_path):
    """A `ScipySparseArray` in an old file, whose state has a pickled class, is read with `allow_pickle`."""
    scipy = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    array = sparse.ScipySparseArray(scipy.csr_matrix(np.eye(3)), shape=(3, 3))
    path = str(tmp_path / f"old{end}")
    toolbox.Checkpointer.from_file(path)["a"] = array
    with pytest.raises(hdfchk.HdfchkError):
        mcutils.Checkpointer.from_file(path)["a"]
    found = mcutils.Checkpointer.from_file(path, allow_pickle=True)["a"]
    assert type(found) is sparse.ScipySparseArray and found.asarray().tolist() == np.eye(3).tolist()


def test_registered_sparse_arrays(tmp_path):
    """With the lines of the page they are stored, of any layout, and read, also from old files."""
    scipy = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    page = Path(__file__).parents[2].joinpath("docs", "migrating.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n((?:(?!```).)*to_state=(?:(?!```).)*)```", page, re.DOTALL)
    registry = hdfchk.CodecRegistry()
    exec(block.replace("hdfchk.register(", "registry.register("), {"registry": registry})
    values = (np.array([1.0, 2.0]), (np.array([0, 1]), np.array([2, 0]), np.array([3, 1])))
    arrays = {
        "plain": sparse.ScipySparseArray(values, shape=(2, 3, 4)),
        "csr": sparse.ScipySparseArray(values, shape=(2, 3, 4), layout=scipy.csr_matrix),
        "csc": sparse.ScipySparseArray(values, shape=(2, 3, 4), layout=scipy.csc_matrix),
        "flat": sparse.ScipySparseArray(scipy.csr_matrix(np.eye(3, dtype=int)), shape=(3, 3)),
        "empty": sparse.ScipySparseArray.initialize_empty((3, 4)),
    }
    chk = hdfchk.HDF5Checkpointer(str(tmp_path / "new.hdf5"), registry)
    chk["all"] = [arrays["csr"], {"in": arrays["flat"]}]
    old = str(tmp_path / "old.hdf5")
    for name, array in arrays.items():
        chk[name] = array
        toolbox.HDF5Checkpointer(old)[name] = array
        trust = name in {"csr", "csc"}  # their states have the class of the layout, as a pickle
        theirs = hdfchk.HDF5Checkpointer(old, registry, allow_pickle=trust)[name]
        for found in (chk[name], theirs):
            assert type(found) is sparse.ScipySparseArray and found.shape == array.shape
            assert found.dtype == array.dtype and np.array_equal(found.asarray(), array.asarray())
    assert chk["all"][1]["in"].asarray().tolist() == np.eye(3).tolist()
