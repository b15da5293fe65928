"""Arrays of integers that get floats."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, UnsupportedTypeError


@pytest.mark.parametrize("target", ["path", "file object", "memory"])
@pytest.mark.parametrize("held", [True, False])
def test_a_log_of_integers_gets_a_float(path: str, target: str, held: bool) -> None:
    """All of it is floats then: each integer was exactly one. Attributes and place stay."""
    chk = HDF5Checkpointer({"memory": None, "file object": io.BytesIO()}.get(target, path))
    if held:
        chk.open_checkpoint_file()
    for n in range(5):
        chk.append("loss", n)
    chk["other"] = 1
    chk.array("loss").attrs["units"] = "hartree"
    chk.append("loss", 0.5)
    chk.append("loss", 1)
    chk.append("loss", [2.5, 3])
    assert chk["loss"].dtype == np.float64 and list(chk) == ["loss", "other"]
    assert chk["loss"].tolist() == [0, 1, 2, 3, 4, 0.5, 1, 2.5, 3]
    assert chk.array("loss").attrs["units"] == "hartree"
    chk.close()


def test_chunks_and_compression_stay(path: str) -> None:
    """The new array has the chunks of the old one, and the compression of the store."""
    chk = HDF5Checkpointer(path, compression="gzip")
    chk.create("n", (0, 4), "i8", maxshape=(None, 4), chunks=(1024, 4))
    chk.append("n", np.arange(40_000).reshape(-1, 4))
    chk.append("n", np.full(4, 0.5))
    array = chk.array("n")
    assert array.chunks == (1024, 4) and array.compression == "gzip" and array.dtype == np.float64
    assert array.shape == (10_001, 4) and (array[:-1].ravel() == np.arange(40_000)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_integers_that_are_no_floats(path: str, sign: int) -> None:
    """The error names key and file, and says what can be done; nothing is changed."""
    chk = HDF5Checkpointer(path)
    chk.append("big", sign * (2**53 + 1))
    with pytest.raises(UnsupportedTypeError, match=r"astype\(float\)") as caught:
        chk.append("big", 0.5)
    assert caught.value.key == "big" and caught.value.file == path
    assert chk["big"].tolist() == [sign * (2**53 + 1)]
    chk["edge"] = np.array([sign * 2**53])
    chk.append("edge", 0.5)
    assert chk["edge"].tolist() == [sign * 2.0**53, 0.5]


def test_other_arrays_keep_their_dtype(path: str) -> None:
    """A dtype that somebody has chosen, and the items of a list, stay as they are."""
    chk = HDF5Checkpointer(path)
    chk.update({"i4": np.arange(3, dtype="i4"), "list": [1, 2, 3], "u8": np.arange(3, dtype="u8")})
    for key in ("i4", "list", "u8"):
        with pytest.raises(UnsupportedTypeError) as caught:
            chk.append(key, 0.5)
        assert caught.value.key == key and caught.value.file == path
    chk.append("int", 1)
    for wrong in ("text", 1j, np.ma.array([0.5], mask=[True]), [[0.5], [1, 2]]):
        with pytest.raises(Exception, match="int64|shape|masked"):
            chk.append("int", wrong)
    assert chk["int"].tolist() == [1] and chk["list"] == [1, 2, 3]
