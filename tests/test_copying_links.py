"""Copies of links to other files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, InvalidKeyError, LinksElsewhereWarning, UnsafeFileError


def _with_links_out(folder: Path) -> Path:
    path = folder / "links.hdf5"
    with h5py.File(folder / "other.hdf5", "w") as file:
        file["x"] = np.arange(4)
    with h5py.File(path, "w") as file:
        file["in"], file["top"] = 1, h5py.ExternalLink("other.hdf5", "/x")
        file["g/link"], file["g/in"] = h5py.ExternalLink("other.hdf5", "/x"), 2
        file["g/whole"] = h5py.ExternalLink(folder / "other.hdf5", "/x")
        file["g/none"] = h5py.ExternalLink("none.hdf5", "/x")
    return path


def test_links_to_other_files(tmp_path: Path) -> None:
    """Such links are copied as links, in groups and alone, and are not followed."""
    chk, other = HDF5Checkpointer(_with_links_out(tmp_path)), HDF5Checkpointer(tmp_path / "o.h5")
    chk.copy("g", other)
    chk.copy("top", other)
    chk.copy("g/none", other, "g/again")
    chk.copy("top", "within")
    chk.copy("in", other, "x/in")
    with pytest.raises(InvalidKeyError, match="something is stored"):
        chk.copy("top", other, "x/in")
    chk.copy("top", other, "x/in", replace=True)
    with pytest.raises(UnsafeFileError, match=r"'other.hdf5', is not followed"):
        other.load("top")
    with h5py.File(tmp_path / "o.h5") as file:
        for name, of in (
            ("top", "other"),
            ("x/in", "other"),
            ("g/link", "other"),
            ("g/again", "none"),
        ):
            assert file.get(name, getlink=True).filename == f"{of}.hdf5"
        assert file["top"][3] == file["g/link"][3] == file["g/whole"][3] == 3
        assert list(file["g"]) == ["again", "in", "link", "none", "whole"]
    assert set(chk) == {"in", "top", "g", "within"} and other.verify().ok


def test_links_to_other_files_from_another_folder(tmp_path: Path) -> None:
    """Where relative names of copied links lead elsewhere, a warning names them."""
    (tmp_path / "sub").mkdir()
    source = _with_links_out(tmp_path)
    chk, other = HDF5Checkpointer(source), HDF5Checkpointer(tmp_path / "sub" / "o.h5")
    with pytest.warns(LinksElsewhereWarning) as caught:
        chk.copy("g", other)
        other["h"] = {"deep": chk["g"]}
        chk.copy("top", other)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 3 and {warning.filename for warning in caught} == {__file__}
    assert "'g/link' (of 'other.hdf5'), 'g/none' (of 'none.hdf5')" in texts[0]
    assert "whole" not in texts[0] and "'h/deep/link'" in texts[1] and "'top'" in texts[2]
    assert str(source) in texts[0] and str(tmp_path / "sub" / "o.h5") in texts[0]
    with h5py.File(tmp_path / "sub" / "o.h5") as file:
        assert file.get("h/deep/link", getlink=True).filename == "other.hdf5"


def test_links_to_other_files_that_are_followed(tmp_path: Path) -> None:
    """With trust=True a key that is such a link is what it leads to; in a group links stay."""
    chk = HDF5Checkpointer(_with_links_out(tmp_path), trust=True)
    other = HDF5Checkpointer(tmp_path / "o.h5")
    chk.copy("top", other)
    chk.copy("g", other)
    with h5py.File(tmp_path / "o.h5") as file:
        assert isinstance(file.get("top", getlink=True), h5py.HardLink) and file["top"][3] == 3
        assert isinstance(file.get("g/link", getlink=True), h5py.ExternalLink)
