"""`Group.describe`: what it tells of each key, in every kind of store, and that it reads no array."""

from __future__ import annotations

import collections
import datetime
import io
import pathlib
import sys

import attrs
import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    CheckpointerKeyError,
    CodecRegistry,
    Description,
    HDF5Checkpointer,
    InvalidOptionError,
)
from tests.foreign.registry import build, names
from tests.support import roundtrip


@pytest.fixture(params=["path", "memory", "bytes", "h5py", "dict"])
def chk(request, tmp_path):
    if request.param == "path":
        yield HDF5Checkpointer(tmp_path / "x.hdf5")
    elif request.param == "memory":
        yield HDF5Checkpointer(None)
    elif request.param == "bytes":
        yield HDF5Checkpointer(io.BytesIO())
    elif request.param == "dict":
        yield HDF5Checkpointer.build_canonical({})
    else:
        with h5py.File(tmp_path / "y.h5", "w", track_order=True) as file:
            yield HDF5Checkpointer(file)


def keys_of(found):
    return [one.key for one in found]


def test_the_order_and_the_depth(chk):
    """Descendants come depth first, in the order of keys; `depth` bounds the levels."""
    chk["z"] = {"b": {"x": 1, "w": 2}, "a": 3}
    chk["c"] = 4
    everything = ["z", "z/b", "z/b/x", "z/b/w", "z/a", "c"]
    assert keys_of(chk.describe()) == everything
    assert keys_of(chk.describe(depth=1)) == ["z", "c"]
    assert keys_of(chk.describe(depth=2)) == ["z", "z/b", "z/a", "c"]
    assert keys_of(chk.describe(depth=0)) == [""]
    assert keys_of(chk.describe("z")) == ["z/b", "z/b/x", "z/b/w", "z/a"]
    assert keys_of(chk.describe("z", depth=0)) == ["z"]
    assert keys_of(chk["z"].describe()) == ["b", "b/x", "b/w", "a"]
    assert keys_of(chk["z"].describe("b", depth=0)) == ["b"]
    assert keys_of(chk.describe(("z", "a"))) == ["z/a"]
    for depth in (None, 0, 1):
        assert keys_of(chk.describe("c", depth=depth)) == ["c"]


def test_the_limit(chk):
    """There are at most as many entries, and a dict whose keys were cut tells how many it has."""
    chk["a"] = {f"k{index}": index for index in range(20)}
    chk["b"] = 1
    for limit in range(25):
        assert keys_of(chk.describe(limit=limit)) == keys_of(chk.describe())[:limit]
    assert chk.describe(limit=1)[0].length == 20
    assert chk.describe(depth=0)[0].length == 2


def test_what_is_not_there(chk):
    """A missing key is an error, with a hint; so are negative numbers; an empty store has none."""
    assert chk.describe() == []
    chk["energy"] = 1.0
    with pytest.raises(CheckpointerKeyError, match="enregy"):
        chk.describe("enregy")
    for wrong in ({"depth": -1}, {"limit": -1}):
        with pytest.raises(InvalidOptionError, match="0 or more"):
            chk.describe(**wrong)


def test_a_missing_file_has_no_keys(tmp_path):
    """Nothing is described, and no file is made."""
    assert HDF5Checkpointer(tmp_path / "no.hdf5").describe() == []
    assert list(tmp_path.iterdir()) == []


def test_filters(chk):
    """A view describes what it shows; the length of a dict is that of its keys that can be seen."""
    chk["a"] = {"b": 1, "c": 2, "d": {"e": 3}}
    chk["f"] = 4
    view = chk.view(allowed_keys=["a/b", "a/d/e", "f/g"])
    assert [(one.key, one.length) for one in view.describe() if one.kind == "group"] == [
        ("a", 2),
        ("a/d", 1),
    ]
    assert keys_of(view.describe()) == ["a", "a/b", "a/d", "a/d/e"]
    assert view.describe(depth=0)[0].length == 1
    assert keys_of(chk.view(omitted_keys="**/d").describe()) == ["a", "a/b", "a/c", "f"]
    for hidden in ("a/c", "f"):
        with pytest.raises(CheckpointerKeyError):
            view.describe(hidden)


def test_small_values(chk):
    """Small values are given if they are asked for; arrays and long strings are not."""
    chk["n"], chk["i"], chk["f"], chk["b"] = None, 3, 0.5, True
    chk["s"], chk["long"] = "é", "x" * 5000
    chk["l"], chk["x"] = [1, 2], np.zeros(3)
    found = {one.key: one for one in chk.describe(values=True)}
    given = {key: one.value for key, one in found.items() if one.has_value}
    assert given == {"n": None, "i": 3, "f": 0.5, "b": True, "s": "é", "l": [1, 2]}
    assert not any(one.has_value for one in chk.describe())


SEEN = [
    (None, "None"), (True, "bool"), (1, "int"), (2**70, "int"), (0.5, "float"), (1j, "complex"),
    (float("nan"), "float"), ("é", "str"), (b"x", "bytes"), (np.float32(1), "numpy.float32"),
    (np.str_("a"), "numpy.str_"), (np.datetime64("2020"), "numpy.datetime64"),
    ([1, 2], "list of int"), ([[1.0], [2.0]], "list of lists of float"), (["a"], "list of str"),
    ([1, "a"], "list"), ([], "list"), ((1,), "tuple of int"), ((1, "a"), "tuple"),
    ({1}, "set of int"), (frozenset(), "frozenset"), (collections.deque([1]), "deque of int"),
    ([np.zeros(2), np.ones(3)], "list of ndarray"), ([np.zeros(2)] * 9, "list of ndarray"),
    ([None, None], "list of None"), ([{1: 2}] * 2, "list of dict"),
    ({1: 2}, "dict"), (collections.OrderedDict(a=1), "OrderedDict"),
    (collections.Counter("a"), "Counter"), (collections.defaultdict(list, a=1), "defaultdict"),
    (datetime.datetime(2020, 1, 1), "datetime"), (datetime.timedelta(1), "timedelta"),
    (pathlib.Path("/a"), "Path"), (pathlib.PureWindowsPath("a"), "PureWindowsPath"),
    (range(3), "range"), (slice(1), "slice"), (..., "Ellipsis"), (np.dtype("f4"), "dtype"),
    (int, "class"), (np.random.default_rng(1), "Generator"), (np.random.PCG64(1), "PCG64"),
    (np.zeros(3), "ndarray"), (np.array(["a"]), "ndarray"), (np.array([1, None]), "ndarray"),
    (np.zeros(3, "M8[s]"), "ndarray"), (np.zeros(2).view(np.recarray), "recarray"),
    (np.ma.array([1, 2], mask=[0, 1]), "masked array"), (np.ma.masked, "masked"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_types(kind, tmp_path):
    """The type is what a person calls it, in a file and in memory."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5" if kind == "file" else None)
    chk.update({f"k{number}": value for number, (value, _) in enumerate(SEEN)})
    for (value, told), found in zip(SEEN, chk.describe(), strict=True):
        assert (found.type, found.problem) == (told, None), value
        is_array = isinstance(value, np.ndarray) and value is not np.ma.masked
        assert found.kind == ("array" if is_array else "value"), value
        if is_array:
            assert (found.shape, found.dtype) == (value.shape, value.dtype)
            assert found.length == len(value)


@attrs.frozen
class Point:
    x: int


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_registered_classes_have_their_names(kind, tmp_path):
    """Also where they are not registered; then there is no value, and no problem."""
    registry = CodecRegistry()
    registry.register(Point)
    target = tmp_path / "x.hdf5" if kind == "file" else None
    chk = HDF5Checkpointer(target, registry)
    chk["p"] = Point(1)
    (found,) = chk.describe()
    assert (found.key, found.kind, found.type, found.problem) == ("p", "value", "Point", None)


def test_objects_of_libraries(tmp_path):
    """Each is one entry, with what its form tells."""
    pd = pytest.importorskip("pandas")
    sp = pytest.importorskip("scipy.sparse")
    xr = pytest.importorskip("xarray")

    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["frame"] = pd.DataFrame({"a": range(20), "b": 1.0, "c": "x"})
    chk["named"] = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    chk["wide"] = pd.DataFrame(np.zeros((3, 400)))
    chk["two"] = pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)]))
    chk["series"], chk["index"] = pd.Series([1, 2, 3]), pd.Index([1, 2])
    chk["csr"], chk["labelled"] = sp.csr_matrix(np.eye(10)), xr.DataArray([1, 2])
    told = {one.key: (one.type, one.length, one.shape) for one in chk.describe()}
    assert told == {
        "frame": ("DataFrame 20 × 3", 20, (20, 3)),
        "named": ("DataFrame 2 × 1", 2, (2, 1)),
        "wide": ("DataFrame 3 × 400", 3, (3, 400)),
        "two": ("DataFrame 2 × 1", 2, (2, 1)),
        "series": ("Series", 3, None),
        "index": ("Index", 2, None),
        "csr": ("csr_matrix", None, (10, 10)),
        "labelled": ("DataArray", None, None),
    }
    assert all(one.stored > 0 for one in chk.describe())


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row.name, marks=[] if row.can_be_made() else pytest.mark.skip("lacks"))
        for row in roundtrip.every_row()
    ],
)
def test_every_type_is_told(row, tmp_path):
    """Each type of the table is described, the same in a file and in memory, in plain words."""
    tree = {f"k{number}": value for number, value in enumerate(row.make())}
    there, memory = HDF5Checkpointer(tmp_path / "x.hdf5"), HDF5Checkpointer(None)
    there.update(tree)
    memory.update(tree)
    found, others = there.describe(), memory.describe()
    assert [one.key for one in found if "/" not in one.key] == list(tree)
    for one, other in zip(found, others, strict=True):
        assert one.problem is other.problem is None
        assert not {"packed", "ragged", "record", "unknown"} & set(one.type.split())
        assert (one.key, one.kind, one.type, one.shape, one.attributes) == (
            other.key, other.kind, other.type, other.shape, other.attributes
        )  # fmt: skip
        assert one.dtype == other.dtype


def test_layouts_and_sizes(tmp_path):
    """What HDF5 knows of a dataset: layout, chunks, compression, bytes; attributes of the user."""
    with HDF5Checkpointer(tmp_path / "x.hdf5") as chk:
        chk["small"], chk["large"] = np.zeros(10), np.zeros(10_000)
        chk.array("large").attrs["units"] = "m"
        chk.create("packed", (100, 100), "f4", compression="gzip", chunks=(10, 10))
        chk["list"] = [1, 2, 3]
        chk.append("log", 0.5)
        found = {one.key: one for one in chk.describe()}
    assert [found[key].layout for key in ("small", "large", "packed", "log")] == [
        "compact", "contiguous", "chunked", "chunked",
    ]  # fmt: skip
    assert (found["packed"].chunks, found["packed"].compression) == ((10, 10), "gzip")
    assert (found["large"].nbytes, found["large"].stored) == (80_000, 80_000)
    assert (found["packed"].nbytes, found["packed"].stored) == (40_000, 0)
    assert [found[key].attributes for key in ("small", "large", "list")] == [0, 1, 0]
    assert found["list"].nbytes == 24


def test_no_array_is_read(tmp_path, monkeypatch):
    """Nothing but scalars and the beginnings of texts is read."""
    from hdfchk.backends.hdf5.nodes import entries, reader

    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path, compression="gzip")
    chk["x"], chk["y"], chk["t"] = np.zeros(100_000), np.zeros(3), ["a" * 10_000, 1]
    chk["m"] = np.ma.array(np.zeros(5000), mask=np.arange(5000) % 2 == 0)
    read = []
    real = np.zeros

    def seen(shape, *args):
        read.append(shape)
        return real(shape, *args)

    monkeypatch.setattr(entries.np, "zeros", seen)
    monkeypatch.setattr(reader.Reader, "dataset", lambda *_: pytest.fail("a dataset is read"))
    assert [one.type for one in chk.describe()] == ["ndarray", "ndarray", "list", "masked array"]
    assert set(read) == {()}


def test_links(tmp_path):
    """Links that are not followed are told; those that lead to nothing, with their problem."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a/x"] = 1.0
        file["to"] = h5py.SoftLink("/a/x")
        file["no"] = h5py.SoftLink("/gone")
        file["out"] = h5py.ExternalLink("other.h5", "/x")
        file["a/loop"] = file["a"]
        file["again"] = file["a"]
    found = {one.key: one for one in HDF5Checkpointer(path).describe()}
    assert found["to"].type == "link to '/a/x'"
    assert found["to"].problem is None
    assert "leads to nothing" in found["no"].problem
    assert "another file" in found["out"].problem
    assert "contains itself" in found["a/loop"].problem
    assert "again/x" in found
    assert found["a"].length == 2
    assert HDF5Checkpointer(path).describe("to")[0].type == "float"


def test_types_that_numpy_has_not(tmp_path):
    """References and the like are entries that say what they are."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a"] = 1.0
        file["ref"] = file["a"].ref
        file["vlen"] = h5py.Empty("f4")
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"time", h5py.h5t.UNIX_D32LE, space)
        file.create_dataset("ragged", (3,), h5py.vlen_dtype("i4"))
        file["type"] = np.dtype("f8")
    found = {one.key: one for one in HDF5Checkpointer(path).describe(values=True)}
    assert found["ref"].type == "HDF5 reference"
    assert "references" in found["ref"].problem
    assert found["time"].problem
    assert found["type"].type == "dtype"
    assert found["a"].value == 1.0
    assert found["ragged"].problem is None


def test_a_damaged_object_is_an_entry(tmp_path):
    """It has a problem, and what comes after it is described all the same."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="v110", track_order=True) as file:
        for name in ("a", "b", "c"):
            file[f"g/{name}"] = np.arange(4)
            file[f"{name}/x"] = 1
        places = [h5py.h5o.get_info(file[name].id).addr for name in ("g/b", "b")]
    data = bytearray(path.read_bytes())
    for place in places:
        data[place : place + 4] = b"????"
    path.write_bytes(data)
    found = {one.key: one for one in HDF5Checkpointer(path).describe()}
    assert list(found) == ["g", "g/a", "g/b", "g/c", "a", "a/x", "b", "c", "c/x"]
    assert [key for key, one in found.items() if one.problem] == ["g/b", "b"]
    assert "cannot be read" in found["b"].problem
    assert found["g"].length == 3


@pytest.mark.parametrize("name", names())
def test_files_of_other_tools(name, tmp_path):
    """Each file of the corpus is described whole, as the mapping shows it."""
    path = build(name, str(tmp_path))
    chk = HDF5Checkpointer(path, mode="r")
    found = {one.key: one for one in chk.describe(values=True)}
    for key, one in found.items():
        if "/" not in key and one.problem is None:
            assert key in chk
    assert {key for key in chk} <= set(found)
    for key, one in found.items():
        if one.kind == "array" and one.problem is None:
            assert tuple(chk.array(key).shape) == one.shape
        if one.kind == "group" and one.problem is None:
            assert len(chk.group(key)) <= one.length


def test_beside_a_writer(tmp_path):
    """Commits that wait in the journal are seen, in the writer's process and in others."""
    import subprocess

    path = tmp_path / "x.hdf5"
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk["g"] = {"x": np.zeros(3)}
        chk["a"] = 2
        chk["b"] = "later"
        code = (
            "import sys, hdfchk; c = hdfchk.HDF5Checkpointer(sys.argv[1], mode='r');"
            "print([(d.key, d.value) for d in c.describe(values=True)])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        )
        wanted = [("a", 2), ("g", None), ("g/x", None), ("b", "later")]
        assert done.stdout.strip() == repr(wanted)
        assert [(one.key, one.value) for one in chk.describe(values=True)] == wanted
        with chk.transaction():
            chk["c"] = 3
            assert keys_of(chk.describe()) == ["a", "g", "g/x", "b", "c"]


def test_it_is_frozen_and_small():
    """A description cannot be changed, and has no dict of its own."""
    one = Description("a", "value", "int")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.key = "b"
    assert not hasattr(one, "__dict__")
    assert hdfchk.Description is Description


def test_many_keys_and_deep_ones(tmp_path):
    """A wide and a deep tree are described whole, within the recursion limit."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", track_order=True) as file:
        here = file
        for _ in range(400):
            here = here.create_group("g")
        for number in range(300):
            file[f"k{number}"] = number
    found = HDF5Checkpointer(path).describe()
    assert len(found) == 700
    assert max(one.key.count("/") for one in found) == 399
