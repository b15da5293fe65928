"""Parts of datasets of others, written and appended: all that h5py takes, and nothing is cut."""

from __future__ import annotations

import io
import pathlib
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from hdfchk import HDF5Checkpointer, HdfchkError, InvalidOptionError, UnsupportedTypeError

VLEN = h5py.vlen_dtype("i4")
ROW = np.dtype([("n", "i4"), ("x", "f8"), ("s", "S4")])
DEEP = np.dtype(
    [
        ("n", "i4"),
        ("v", "f4", (2,)),
        ("in", [("t", h5py.string_dtype()), ("y", "f8")]),
        ("many", VLEN),
        ("names", h5py.string_dtype(), (2,)),
    ]
)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "foreign.h5")


def text_type(pad: str, charset: str, size: int = 5) -> Any:
    tid = h5t.C_S1.copy()
    tid.set_size(size)
    tid.set_strpad(getattr(h5t, f"STR_{pad}"))
    tid.set_cset(getattr(h5t, f"CSET_{charset}"))
    return tid


def make(path: str, dtype: Any, shape: tuple[int, ...] = (4,), **how: Any) -> Any:
    """A dataset ``x`` of a dtype, or of an HDF5 type."""
    with h5py.File(path, "w") as file:
        if isinstance(dtype, h5t.TypeID):
            plist, limits = h5p.create(h5p.DATASET_CREATE), None
            if how:
                plist.set_chunk(how["chunks"])
                limits = (h5s.UNLIMITED,)
            h5d.create(file.id, b"x", dtype, h5s.create_simple(shape, limits), plist)
        else:
            file.create_dataset("x", shape, dtype, **how)


def read(path: str) -> Any:
    """What h5py reads, as lists; arrays whose order of bytes it does not see are read by us."""
    with h5py.File(path) as file:
        base = h5py.check_vlen_dtype(file["x"].dtype)
        if not isinstance(base, np.dtype) or base.isnative:
            return plain(file["x"][()])
    return plain(HDF5Checkpointer(path)["x"])


def plain(value: Any) -> Any:
    """Arrays as lists, at any depth, and strings as `str`."""
    if isinstance(value, np.ndarray | np.void | np.generic):
        value = value.tolist()
    if isinstance(value, list | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


# dtype, index, value, what is in these elements then (None: what h5py makes of it)
TAKEN: list[tuple[Any, Any, Any]] = [
    (("i4", (3,)), 0, [1, 2, 3]),
    (("i4", (3,)), slice(0, 2), [[1, 2, 3], [4, 5, 6]]),
    (("i4", (3,)), [0, 2], [[1, 2, 3], [4, 5, 6]]),
    ((">f4", (2, 2)), -1, np.eye(2)),
    ((h5py.string_dtype(), (2,)), 1, np.array(["a", "bc"], object)),
    (ROW, 0, (1, 2.5, b"ab")),
    (ROW, 0, (1, 2.5, "ab")),
    (ROW, 1, np.array([(1, 2.5, b"ab")], ROW)[0]),
    (ROW, 1, np.array([(1, 2.5, b"ab")], "i8,f4,S1")[0]),
    (ROW, 1, [(1, 2.5, b"ab")]),
    (ROW, slice(0, 3, 2), [(1, 2.5, b"ab"), (2, 3, b"c")]),
    (ROW, [0, 3], [(1, 2.5, b"ab"), (2, 3, b"c")]),
    (ROW, "n", [1, 2, 3, 4]),
    (ROW, (0, "x"), 7),
    (ROW, ("s", slice(0, 2)), [b"a", b"b"]),
    (DEEP, 0, (1, [2, 3], ("te", 4.0), np.array([5, 6], "i4"), ["p", "q"])),
    ("S5", 0, b"abcde"),
    ("S5", 0, "ab"),
    ("S5", slice(0, 2), ["a", "b"]),
    ("S5", slice(0, 2), np.array([b"a", b"b"])),
    (h5py.string_dtype("utf-8", 5), 0, "äö"),
    (h5py.string_dtype("utf-8", 5), slice(0, 2), [b"a", "ö".encode()]),
    (h5py.string_dtype("utf-8", 5), 3, b"\xff"),
    *[
        (text_type(pad, charset), where, text)
        for pad in ("NULLTERM", "NULLPAD", "SPACEPAD")
        for charset in ("ASCII", "UTF8")
        for where, text in ((0, b"ab"), (1, "cd"), (slice(1, 3), ["a", "efgh"]))
    ],
    (text_type("SPACEPAD", "ASCII"), 0, b"abcde"),
    (h5py.string_dtype(), 0, b"x"),
    (h5py.string_dtype(), 0, "äö"),
    (h5py.string_dtype(), slice(0, 2), [b"a", "b"]),
    (h5py.string_dtype(), slice(0, 2), np.array([b"a", b"b"])),
    (h5py.string_dtype(), slice(0, 2), np.array(["a", "b"], object)),
    (h5py.string_dtype("ascii"), 0, "x"),
    (h5py.string_dtype("ascii"), 0, b"\xff"),
    (VLEN, 0, [1, 2]),
    (VLEN, 0, []),
    (VLEN, 0, np.array([1, 2], "i8")),
    (VLEN, slice(0, 2), [[1, 2], [3]]),
    (VLEN, slice(0, 2), [[1, 2], [3, 4]]),
    (VLEN, slice(0, 2), [np.array([1, 2]), np.array([3])]),
    (VLEN, slice(0, 2), np.array([[1, 2], [3, 4]])),
    (VLEN, slice(0, 2), [1, 2]),
    ("V5", 0, np.void(b"abcde")),
    ("V5", 0, b"abcde"),
]


def named(value: Any) -> str:
    return str(value)[:40] if not isinstance(value, h5t.TypeID) else "type"


@pytest.mark.parametrize("journal", [True, False], ids=["log", "no log"])
@pytest.mark.parametrize(("dtype", "index", "value"), TAKEN, ids=named)
def test_what_h5py_takes_is_taken(
    path: str, dtype: Any, index: Any, value: Any, journal: bool
) -> None:
    """A slice that h5py writes is written, and the elements are the same."""
    dtype = dtype if isinstance(dtype, h5t.TypeID) else np.dtype(dtype)
    make(path, dtype)
    with h5py.File(path, "a") as file:
        file["x"][index] = value
    expected = read(path)
    make(path, dtype)
    HDF5Checkpointer(path, journal=journal).array("x")[index] = value
    assert read(path) == expected
    with h5py.File(path, "a") as file:  # without transactions
        HDF5Checkpointer(file).array("x")[0] = HDF5Checkpointer(file).array("x")[1]
        HDF5Checkpointer(file).array("x")[index] = value
    found = read(path)
    assert found[2:] == expected[2:] or len(found) != 4 or index == [0, 2]


MORE: list[tuple[Any, Any, Any, Any]] = [
    (("i4", (3,)), 0, 5, [5, 5, 5]),
    (("i4", (3,)), (0, 1), 7, [0, 7, 0]),
    (("i4", (3,)), (slice(0, 1), [0, 2]), [8, 9], [8, 0, 9]),
    (ROW, 0, {"x": 2, "n": 1, "s": "ab"}, (1, 2.0, "ab")),
    (ROW, slice(0, 1), [{"x": 2, "n": 1, "s": "ab"}], (1, 2.0, "ab")),
    (ROW, (0, "x", "n"), (2.0, 1), (1, 2.0, "")),
    (ROW, 0, np.array((2.0, "ab", 1), [("x", "f8"), ("s", "S2"), ("n", "i4")]), (1, 2.0, "ab")),
    (DEEP, 0, (1, 2, ("t", 4), [5], "p"), (1, [2, 2], ("t", 4.0), [5], ["p", "p"])),
    (DEEP, (0, "many"), [1, 2], (0, [0, 0], ("", 0.0), [1, 2], ["", ""])),
    (h5py.vlen_dtype(">i2"), 0, [1, 2], [1, 2]),
    (h5py.vlen_dtype("f8"), slice(0, 1), np.array([[1, 2]], object), [1.0, 2.0]),
    (h5py.string_dtype(), 0, np.str_("x"), "x"),
]


@pytest.mark.parametrize(("dtype", "index", "value", "first"), MORE, ids=named)
def test_more_than_h5py_takes(path: str, dtype: Any, index: Any, value: Any, first: Any) -> None:
    """Parts of inner axes, rows as mappings, lists for arrays: each changes what it names."""
    make(path, np.dtype(dtype))
    rest = read(path)[1:]
    HDF5Checkpointer(path).array("x")[index] = value
    assert read(path) == [first, *rest]


REFUSED: list[tuple[Any, Any, Any]] = [
    (("i4", (3,)), 0, [1, 2]),
    (("i4", (3,)), 0, [1.5, 2, 3]),
    (("i2", (3,)), 0, [1, 2, 2**15]),
    (ROW, 0, (1, 2.5, b"abcde")),
    (ROW, 0, (1.5, 2.5, b"ab")),
    (ROW, 0, (1, 2.5)),
    (ROW, 0, {"n": 1, "x": 2}),
    (ROW, 0, "text"),
    (ROW, slice(0, 2), [(1, 2.5, b"ab"), 3.5]),
    (ROW, (0, "none"), 1),
    (ROW, "n", [1, 2, 3]),
    (DEEP, 0, (1, [2, 3, 4], ("t", 4.0), [5], ["p", "q"])),
    ("S5", 0, b"abcdef"),
    ("S5", 0, "abcdef"),
    ("S5", 0, "ä"),
    ("S5", 0, b"a\0"),
    ("S5", 0, 7),
    (h5py.string_dtype("utf-8", 5), 0, "äöü"),
    (text_type("NULLTERM", "ASCII"), 0, b"abcde"),
    (text_type("NULLTERM", "UTF8"), 0, np.array(b"abcde")),
    (text_type("NULLTERM", "UTF8"), 0, np.array(b"a\0b", "S5")),
    (text_type("SPACEPAD", "ASCII"), 0, "ab "),
    (h5py.string_dtype(), 0, b"a\0b"),
    (h5py.string_dtype(), 0, "\ud800"),
    (h5py.string_dtype(), 0, 5),
    (h5py.string_dtype("ascii"), 0, "ä"),
    (VLEN, 0, [1.5]),
    (VLEN, 0, [2**40]),
    (VLEN, 0, 5),
    (VLEN, 0, "text"),
    (VLEN, slice(0, 3), [[1], [2]]),
    (VLEN, slice(0, 2), [[[1], [2]], [[3]]]),
    ("V5", 0, b"abc"),
    ("f8", slice(0, 2), [1, 2, 3]),
]


@pytest.mark.parametrize(("dtype", "index", "value"), REFUSED, ids=named)
def test_nothing_is_cut(path: str, dtype: Any, index: Any, value: Any) -> None:
    """What would lose something, or does not fit, is refused with file and key; nothing changes."""
    make(path, dtype if isinstance(dtype, h5t.TypeID) else np.dtype(dtype))
    before = read(path)
    with pytest.raises(UnsupportedTypeError) as raised:
        HDF5Checkpointer(path).array("x")[index] = value
    assert raised.value.key == "x" and raised.value.file == path and raised.value.hint
    assert read(path) == before


ROWS: list[tuple[Any, list[Any], list[Any]]] = [
    (("i4", (3,)), [[1, 2, 3], [[4, 5, 6], [7, 8, 9]]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    ((">i4", (2,)), [[1, 2], np.array([[3, 4]], ">i4")], [[1, 2], [3, 4]]),
    (ROW, [(1, 2.5, b"a"), [(2, 3.5, "b")]], [(1, 2.5, "a"), (2, 3.5, "b")]),
    (
        DEEP,
        [(1, [2, 3], ("t", 4.0), [5], ["p", "q"])],
        [(1, [2, 3], ("t", 4.0), [5], ["p", "q"])],
    ),
    ("S5", [b"abcde", ["a", "b"]], ["abcde", "a", "b"]),
    *[
        (text_type(pad, charset), [b"ab", "cd", ["e", "fghi"]], ["ab", "cd", "e", "fghi"])
        for pad in ("NULLTERM", "NULLPAD", "SPACEPAD")
        for charset in ("ASCII", "UTF8")
    ],
    (h5py.string_dtype(), ["a", b"b", ["c" * 3000, "d"]], ["a", "b", "c" * 3000, "d"]),
    (h5py.string_dtype("ascii"), ["a", b"b"], ["a", "b"]),
    (VLEN, [[1, 2], [[3], [4, 5]], np.array([6])], [[1, 2], [3], [4, 5], [6]]),
    (h5py.vlen_dtype(">i2"), [[1, 2], [[3]]], [[1, 2], [3]]),
]


@pytest.mark.parametrize("chunked", [True, False], ids=["in chunks", "in one piece"])
@pytest.mark.parametrize("how", ["log", "no log", "transaction", "object"])
@pytest.mark.parametrize(("dtype", "blocks", "rows"), ROWS, ids=named)
def test_rows_are_appended(
    path: str, dtype: Any, blocks: list[Any], rows: list[Any], how: str, chunked: bool
) -> None:
    """Rows of every type of others are appended; those that are there, and the type, stay."""
    dtype = dtype if isinstance(dtype, h5t.TypeID) else np.dtype(dtype)
    layout = {"chunks": (2,), "maxshape": (None,)} if chunked else {}
    make(path, dtype, **layout)
    before = read(path)
    with h5py.File(path) as file:
        tid = file["x"].id.get_type()
    if how == "object":
        with h5py.File(path, "a") as file:
            for block in blocks:
                HDF5Checkpointer(file).append("x", block)
    else:
        with HDF5Checkpointer(path, journal=how != "no log") as chk:
            if how == "transaction":
                with chk.transaction():
                    for block in blocks:
                        chk.append("x", block)
            else:
                for block in blocks:
                    chk.append("x", block)
    assert read(path) == before + rows
    with h5py.File(path) as file:
        assert file["x"].id.get_type().equal(tid)


def test_strings_without_room_for_a_nul_are_kept_whole(path: str) -> None:
    """An array that is made growable keeps all bytes of strings that fill their room up."""
    make(path, text_type("NULLTERM", "ASCII"))
    with h5py.File(path, "a") as file:
        did = file["x"].id
        did.write(h5s.ALL, h5s.ALL, np.full(4, b"abcde", "V5"), did.get_type())
    HDF5Checkpointer(path).append("x", "abcd")
    assert read(path) == ["abcde"] * 4 + ["abcd"]


def test_rows_that_do_not_fit(path: str) -> None:
    """Rows of another shape are refused, with the key."""
    make(path, np.dtype(("f4", (2, 2))), chunks=(2,), maxshape=(None,))
    with pytest.raises(InvalidOptionError) as raised:
        HDF5Checkpointer(path).append("x", [1.0, 2.0])
    assert raised.value.key == "x"
    with pytest.raises(HdfchkError) as refused:
        HDF5Checkpointer(path).append("x", ["a"])
    assert refused.value.key == "x" and len(read(path)) == 4


SHAPES = {
    "one axis": ((7,), ("f4", (2, 3)), {}),
    "two axes": ((5, 4), (">i2", (3,)), {"chunks": (2, 3), "compression": "gzip"}),
    "scalar": ((), ("f8", (2, 2)), {}),
    "growing": ((6,), ("f8", (2,)), {"chunks": (2,), "maxshape": (None,)}),
}
INDICES: list[Any] = [
    *[0, -1, ..., (), [], [0, 1], [1, 0, 1], [-1, 1], slice(0, 0), slice(1, 4, 2), slice(-3, None)],
    *[slice(None, None, -1), (..., 0), (0, ...), (slice(None), 1), (slice(0, 2), ..., slice(0, 1))],
    *[(0, 1), (1, [0, 1]), ([0, 1], 1), ([0, 1], [1, 0]), (slice(None), [1, 0]), np.int64(1)],
    *[(0, slice(None), [0, 1]), (1, 1, 1), 99, (0, 99), (0, 0, 0, 0, 0)],
]


def filled(path: str, name: str) -> np.ndarray[Any, Any]:
    """A dataset of an array type, and its value."""
    shape, (base, inner), how = SHAPES[name]
    make(path, np.dtype((base, inner)), shape, **how)
    value = np.random.default_rng(0).integers(0, 100, (*shape, *inner)).astype(base)
    with h5py.File(path, "a") as file:
        file["x"][...] = value
    return value


def masks(value: np.ndarray[Any, Any]) -> list[Any]:
    """Masks of all elements, of rows, and of the second axis."""
    rows = value.sum(axis=tuple(range(1, value.ndim))) % 2 == 0
    return [value > 50, rows, rows.tolist(), (slice(None), np.arange(value.shape[1]) > 0)]


@pytest.mark.parametrize("name", SHAPES)
def test_a_handle_on_an_array_type_is_like_its_value(path: str, name: str) -> None:
    """Shape, dtype and every index are the value's: inner axes are axes as others are."""
    value = filled(path, name)
    with HDF5Checkpointer(path) as chk:
        array = chk.array("x")
        assert array.shape == value.shape == chk["x"].shape and array.dtype == value.dtype
        assert (array.ndim, array.size, array.nbytes) == (value.ndim, value.size, value.nbytes)
        assert len(array) == len(value) and array == value and np.array_equal(array, value)
        assert np.array_equal(np.concatenate(list(array.blocks(2))), value)
        assert all(map(np.array_equal, array, value))
        for index in [*INDICES, *masks(value)]:
            try:
                wanted = value[index]
            except IndexError:
                with pytest.raises(IndexError):
                    array[index]
                continue
            found = array[index]
            assert np.shape(found) == np.shape(wanted) and np.array_equal(found, wanted), index


@pytest.mark.parametrize("name", SHAPES)
def test_writing_into_an_array_type_is_like_writing_into_its_value(path: str, name: str) -> None:
    """What is assigned to an index changes these elements, and no others.

    Which of several values for one element is to stay is not clear: they are refused.
    """
    value = filled(path, name)
    numbers = np.arange(value.size).reshape(value.shape)
    with HDF5Checkpointer(path) as chk:
        for number, index in enumerate([*INDICES, *masks(value)]):
            try:
                value[index] = number
                new = np.arange(np.size(value[index])).reshape(np.shape(value[index]))
            except IndexError:
                with pytest.raises(IndexError):
                    chk.array("x")[index] = number
                continue
            chk.array("x")[index] = number
            if np.unique(numbers[index]).size < np.size(new):
                with pytest.raises(UnsupportedTypeError, match="more than once"):
                    chk.array("x")[index] = new
            else:
                chk.array("x")[index] = value[index] = new
            assert np.array_equal(chk["x"], value), index
        with pytest.raises(UnsupportedTypeError):
            chk.array("x")[...] = np.zeros((9, 9, 9, 9))
    with h5py.File(path) as file:
        assert np.array_equal(file["x"][()], value)


def test_inner_axes_do_not_grow(path: str) -> None:
    """Of chunks and limits the inner axes have their own length."""
    filled(path, "two axes")
    array = HDF5Checkpointer(path).array("x")
    assert array.chunks == (2, 3, 3) and array.maxshape == (5, 4, 3)
    filled(path, "growing")
    array = HDF5Checkpointer(path).array("x")
    assert array.maxshape == (None, 2) and array.chunks == (2, 2)
    array.append([1, 2])
    array.append([[3, 4], [5, 6]])
    assert array.shape == (9, 2) and array[-3:].tolist() == [[1, 2], [3, 4], [5, 6]]


def test_only_the_rows_that_are_asked_for_are_read(path: str) -> None:
    """A row of a vast dataset of an array type is read without the others."""
    make(path, np.dtype(("f8", (2, 2))), (2**40,), chunks=(100,))
    array = HDF5Checkpointer(path).array("x")
    array[2**39, 1] = [3, 4]
    assert array[2**39 : 2**39 + 2].tolist() == [[[0, 0], [3, 4]], [[0, 0], [0, 0]]]
    assert array[-1, :, 0].tolist() == [0, 0] and array[[2**39, 2**39 + 5], 1, 1].tolist() == [4, 0]


def test_array_types_are_copied_to_other_stores(path: str) -> None:
    """A large dataset of an array type is stored part by part, as an array of its shape."""
    make(path, np.dtype(("f8", (4,))), (600_000,))
    with h5py.File(path, "a") as file:
        file["x"][1] = [1, 2, 3, 4]
    target = HDF5Checkpointer(io.BytesIO())
    target["y"] = HDF5Checkpointer(path).array("x")
    assert target.array("y").shape == (600_000, 4) and target.array("y")[1].tolist() == [1, 2, 3, 4]


def test_fields_are_read_by_name(path: str) -> None:
    """Names in an index choose fields, as h5py has it, also of arrays of ours."""
    make(path, ROW, compression="gzip")
    chk = HDF5Checkpointer(path)
    array = chk.array("x")
    array["n"] = [1, 2, 3, 4]
    assert array["n"].tolist() == [1, 2, 3, 4] and array[1, "n"] == 2
    assert array["n", "s"].dtype.names == ("n", "s") and array["n", 1:3].tolist() == [2, 3]
    chk["ours"] = np.array([("ab", 1), ("c", 2)], [("s", "U2"), ("t", "M8[s]")])
    ours = chk.array("ours")
    ours[0] = ("xy", np.datetime64(5, "s"))
    ours[1, "s"] = "z"
    assert ours["s"].tolist() == ["xy", "z"] and chk["ours"]["t"][0] == np.datetime64(5, "s")
    with pytest.raises(UnsupportedTypeError):
        ours[1, "s"] = "longer"
    with pytest.raises(UnsupportedTypeError):
        ours[1] = ("longer", 3)
    with pytest.raises(ValueError):
        array["none"]
