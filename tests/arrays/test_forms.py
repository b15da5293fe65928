"""Handles on masked arrays, tensors, strings and structures: slices read and written as what they are."""

from __future__ import annotations

import importlib.util
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    Array,
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidOptionError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from tests.support.exact import differs

MASKED = np.ma.masked_array(
    np.arange(15.0).reshape(5, 3), np.arange(15).reshape(5, 3) % 4 == 0, fill_value=-1
)


@pytest.mark.parametrize(
    "index", [0, (0, 0), (0, 1), slice(1, 4), (slice(None), 1), [0, 3], ..., -1]
)
def test_masked_slices(chk: HDF5Checkpointer, index: Any) -> None:
    """A slice of a masked array is one, with mask and fill value; single elements are as NumPy's."""
    chk["m"] = MASKED
    found, expected = chk.array("m")[index], MASKED[index]
    assert type(found) is type(expected)
    assert np.array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(expected))
    if found is not np.ma.masked:
        assert np.ma.allequal(found, expected)
    if isinstance(found, np.ma.MaskedArray) and found is not np.ma.masked:
        assert found.fill_value == -1


def test_masked_writes(chk: HDF5Checkpointer, path: str) -> None:
    """Data and mask are written together; a mask is made when the first element is masked."""
    model = MASKED.copy()
    chk["m"] = model
    array = chk.array("m")
    assert array.shape == (5, 3) and array.dtype == "f8" and len(array) == 5 and array.ndim == 2
    for index, value in (
        ((1, 1), np.ma.masked),
        (0, [7.0, 8.0, 9.0]),
        (slice(2, 4), np.ma.masked_array(np.ones((2, 3)), np.eye(2, 3))),
        ((slice(None), 2), 5.0),
    ):
        array[index] = value
        model[index] = value
        found = chk["m"]
        assert np.ma.allequal(found, model) and np.array_equal(found.mask, model.mask)
    array.append(np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]))
    chk.append("m", np.zeros((2, 3)))
    assert chk["m"].shape == (8, 3) and chk["m"].mask[5].tolist() == [False, True, False]
    assert [len(block) for block in array.blocks(3)] == [3, 3, 2]
    chk["n"] = np.ma.masked_array([1, 2, 3])
    chk.array("n")[0] = 5
    chk.array("n").append([4])
    assert chk["n"].tolist() == [5, 2, 3, 4] and chk["n"].mask is np.ma.nomask
    chk.array("n")[1] = np.ma.masked
    chk.append("n", np.ma.masked_array([9], [True]))
    assert chk["n"].tolist() == [5, None, 3, 4, None] and chk["n"].dtype == int
    with h5py.File(path) as file:
        assert file["n/mask"].shape == file["n/data"].shape == (5,)
    for use in (
        lambda: array.append(np.zeros((2, 4))),
        lambda: chk.array("n").append([0.5]),
        lambda: array.map(),
        lambda: chk.view(omitted_keys="**/mask").array("m")[0],
    ):
        with pytest.raises(
            (InvalidOptionError, UnsupportedTypeError, UnsupportedStoredError, KeyError)
        ):
            use()
    assert chk["m"].shape == (8, 3)


@pytest.mark.parametrize("hard", [True, False])
def test_hard_masks(chk: HDF5Checkpointer, hard: bool) -> None:
    """A hard mask stays over what is written below it, as NumPy has it."""
    part = np.ma.array([1.0, 2, 3, 4, 5], mask=[0, 0, 0, 1, 0])
    for index, value in (
        (slice(1, 4), 9.5), (2, 7.0), ((slice(None), 1), part), ((0, 0), 5.0),
        (..., np.arange(15.0).reshape(5, 3)), ([0, 2], np.ma.masked), ((3, 2), np.ma.masked),
    ):  # fmt: skip
        array = np.ma.array(np.arange(15.0).reshape(5, 3), mask=np.eye(5, 3) > 0, hard_mask=hard)
        chk["m"] = array
        chk.array("m")[index] = array[index] = value
        got = chk["m"]
        assert got.hardmask == hard and np.array_equal(got.mask, array.mask)
        assert np.array_equal(got.data, array.data)
    chk["n"] = np.ma.array(np.arange(3), mask=[1, 0, 0], hard_mask=True)
    with pytest.raises(UnsupportedTypeError):
        chk.array("n")[...] = 0.5


def test_masked_of_other_dtypes(chk: HDF5Checkpointer) -> None:
    """Masked datetimes, strings and structures go through their codecs, slice by slice."""
    for data in (
        np.arange(6).astype("M8[s]"),
        np.array(["a", "bc", "d", "", "e", "f"]),
        np.zeros(6, [("a", "i4"), ("b", "f8")]),
    ):
        value = np.ma.masked_array(data, [0, 1, 0, 0, 1, 0])
        chk["m"] = value
        found = chk.array("m")[1:5]
        assert found.dtype == value.dtype and differs(value[1:5].data, found.data) is None
        assert np.array_equal(found.mask, value[1:5].mask)
        chk.array("m").append(value[:2])
        assert len(chk["m"]) == 8 and np.array_equal(chk["m"].mask[6:], value.mask[:2])


if importlib.util.find_spec("torch"):

    def test_tensors(chk: HDF5Checkpointer) -> None:
        """Slices of a stored tensor are tensors; arrays and tensors are written to it, and grow it."""
        import torch

        for dtype in (torch.float32, torch.bfloat16, torch.int64, torch.bool):
            value = torch.arange(12).reshape(4, 3).to(dtype)
            chk["t"] = value
            array = chk.array("t")
            assert array.dtype is dtype and array.shape == (4, 3)
            assert torch.equal(array[1:3], value[1:3]) and array[0].dtype is dtype
            array[0] = torch.ones(3).to(dtype)
            value[0] = 1
            array.append(np.zeros((2, 3)))
            chk.append("t", torch.ones(3))
            value = torch.cat([value, torch.zeros(2, 3).to(dtype), torch.ones(1, 3).to(dtype)])
            assert torch.equal(chk["t"], value) and chk["t"].dtype is dtype
            chk["plain"] = np.zeros((2, 3))
            chk.array("plain")[0] = torch.ones(3)
            assert chk["plain"].tolist() == [[1, 1, 1], [0, 0, 0]]
            with chk:
                for n in range(3):
                    chk.append(f"log {dtype}", torch.full((2,), n, dtype=dtype))
            assert chk[f"log {dtype}"].dtype is dtype and chk[f"log {dtype}"].shape == (3, 2)

    def test_tensors_are_not_copied(path: str) -> None:
        """A tensor is stored by its own buffer, and read into one: no second copy of it is made."""
        import torch

        from hdfchk.codecs.registry import CodecRegistry

        value = torch.arange(10_000.0)
        node = CodecRegistry().encode(value)
        assert node.data.ctypes.data == value.data_ptr()
        back = CodecRegistry().decode(node)
        assert back.data_ptr() == value.data_ptr()


def test_strings_and_structures(chk: HDF5Checkpointer) -> None:
    """Slices of strings, bytes, structures and datetimes are written and read as such."""
    chk["u"] = np.array(["ab", "é", ""])
    chk["s"] = np.array([b"ab", b"c"])
    chk["r"] = np.array([(1, "2020", "x")], [("n", "i4"), ("t", "M8[D]"), ("s", "U3")])
    chk["list"] = ["a", "bcd"]
    chk.array("u")[1] = "zü"[:1]
    chk.array("u")[0] = "z"
    chk.array("s")[0] = b"z"
    chk.array("r")[0] = np.array((2, "2021", "yz"), chk["r"].dtype)
    chk.append("r", np.array((3, "2022", "w"), chk["r"].dtype))
    chk.array("list")[0] = "zz"
    chk.append("list", "new")
    assert chk["u"].tolist() == ["z", "z", ""] and chk["s"].tolist() == [b"z", b"c"]
    assert chk["r"]["n"].tolist() == [2, 3] and chk["r"]["s"].tolist() == ["yz", "w"]
    assert chk["list"] == ["zz", "bcd", "new"]
    for key, value in (("u", b"x"), ("u", "abc"), ("s", "é"), ("s", b"abc"), ("list", "x" * 50)):
        with pytest.raises(UnsupportedTypeError):
            chk.array(key)[0] = value
    chk.array("s")[1] = "x"  # ASCII, as h5py takes it
    assert chk["s"].tolist() == [b"z", b"x"]
    chk["odd"] = np.array(["\ud800"])
    with pytest.raises(UnsupportedStoredError, match="surrogates"):
        chk.array("odd")[0] = "a"


def test_casts(chk: HDF5Checkpointer) -> None:
    """Elements are cast within their kind, and refused where they would become something else."""
    chk["i1"] = np.zeros(3, "i1")
    chk["f4"] = np.zeros(3, "f4")
    chk["b"] = np.zeros(3, bool)
    chk.array("i1")[:] = [1, -5, 127]
    chk.array("f4")[0] = 0.1
    chk.array("f4")[1] = 2
    chk.array("b")[0] = True
    assert chk["i1"].tolist() == [1, -5, 127] and chk["f4"][0] == np.float32(0.1)
    for key, value in (
        ("i1", 128),
        ("i1", 0.5),
        ("f4", 1j),
        ("b", 2),
        ("f4", "text"),
        ("i1", None),
    ):
        with pytest.raises((UnsupportedTypeError, TypeError, ValueError)):
            chk.array(key)[0] = value
    assert chk["i1"].tolist() == [1, -5, 127]


def test_handles_are_arrays(chk: HDF5Checkpointer) -> None:
    """A handle is an `Array`, whatever lies there; what is none says so at once."""
    chk.update({"m": MASKED, "x": np.arange(3), "d": {"a": 1}, "o": [1, None]})
    assert isinstance(chk.array("m"), Array) and type(chk.array("x")) is Array
    assert chk.array("x").astype("f4").dtype == "f4" and chk.array("x") == np.arange(3)
    with pytest.raises(TypeError):
        hash(chk.array("x"))
    with pytest.raises(UnsupportedStoredError):
        chk.array("d")
    with pytest.raises(CheckpointerKeyError):
        chk.array("nothing")
    with pytest.raises(InvalidOptionError):
        next(chk.array("x").blocks(0))
