"""Attributes, and files of other programs in which some cannot be read."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.command import invoke


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A file with references, a link to another file, and values that are read."""
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3.0)
        file["x"].attrs["long_name"] = "position\x1b[2J"
        file["x"].attrs["scale"] = file["x"].ref
        file["refs"] = np.array([file["x"].ref], dtype=h5py.ref_dtype)
        file["other"] = h5py.ExternalLink("none.h5", "/x")
        file["group/y"] = 1
    return path


def test_what_cannot_be_read_is_told(foreign: Path) -> None:
    """Listings go on beside what cannot be read, and say what is wrong with it."""
    result = invoke("tree", foreign, "--attrs")
    assert result.code == 0 and "\x1b" not in result.out
    assert (
        "@long_name = 'position\\x1b[2J'" in result.out
        and "@scale: ! HDF5 references" in result.out
    )
    assert "other" in result.out and "y  int" in result.out
    assert "@scale: ! HDF5 references" in invoke("show", foreign, "x").out
    record = invoke("show", foreign, "x", "--json").json[0]
    assert record["value"] == [0, 1, 2] and "references" in record["attrs"]["scale"]
    assert invoke("show", foreign, "refs").code == 3
    assert (
        invoke("ls", foreign, "-l").code == 0 and invoke("watch", foreign, "--count", 1).code == 0
    )


def test_the_rest_is_exported(foreign: Path, tmp_path: Path) -> None:
    """What cannot be read is left out of a folder, with a line each; the code is 3."""
    result = invoke("export", foreign, tmp_path / "out")
    assert result.code == 3 and "left out: refs: HDF5 references" in result.err
    assert np.load(tmp_path / "out" / "x.npy").tolist() == [0, 1, 2]
    assert (tmp_path / "out" / "group" / "y.json").read_text() == "1\n"


def test_it_is_neither_same_nor_different(foreign: Path) -> None:
    """What cannot be read cannot be compared: code 3; a difference beside it is a difference."""
    result = invoke("diff", foreign, foreign)
    assert result.code == 3 and "? refs" in result.out
    assert invoke("diff", foreign, foreign, "-q") == (3, "", "")
    assert invoke("diff", foreign, foreign, "--ignore", "refs", "--ignore", "other").code == 0
