"""Files and journals that earlier code wrote read bit for bit as they did then."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    CodecRegistry,
    HDF5Checkpointer,
    JournalMismatchWarning,
    MissingExtraError,
    UnknownTypeError,
)
from tests.support.exact import differs
from tests.support.libraries import hide
from tests.test_format_doc import described

from .digest import digest
from .journals import CASES, Case
from .make import digests_of, make, sums_of
from .sets import SETS, File, folder_of, found

NUMBERS = found()
FILES = [
    pytest.param(number, file, id=f"{number}-{file.name}")
    for number in NUMBERS
    for file in SETS[number]
]
JOURNALS = [
    pytest.param(number, case, id=f"{number}-{case.name}")
    for number in NUMBERS
    for case in CASES
    if case.name in digests_of(folder_of(number))["journals"]
]
PLAIN = [param for param in FILES if param.values[1].plain]
pytestmark = pytest.mark.skipif(
    os.name != "posix" or sys.byteorder != "little" or np.dtype("l").itemsize != 8,
    reason="paths, C types and byte order of what is compared are those of 64-bit POSIX",
)


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, with their bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_sets() -> None:
    """Each set that is described has been made, and holds the files it is said to."""
    assert sorted(SETS) == NUMBERS
    for number in NUMBERS:
        told = digests_of(folder_of(number))
        assert set(told["values"]) == {file.name for file in SETS[number]}
        assert set(told["journals"]) <= {case.name for case in CASES}
    assert {case.name for case in CASES} == {
        name for number in NUMBERS for name in digests_of(folder_of(number))["journals"]
    }


@pytest.mark.parametrize("number", NUMBERS)
def test_files_are_as_they_were(number: int) -> None:
    """No byte of a set has changed since it was made."""
    assert sums_of(folder_of(number)) == digests_of(folder_of(number))["files"]


@pytest.mark.parametrize(("number", "file"), FILES)
def test_file(number: int, file: File, tmp_path: Path) -> None:
    """A file reads as it did, key by key and as a whole, and reading does not touch it."""
    if file.missing():
        pytest.skip(f"needs {file.missing()}")
    before = (folder_of(number) / f"{file.name}.hdf5").read_bytes()
    path = tmp_path / "x.hdf5"
    path.write_bytes(before)
    with HDF5Checkpointer(path, mode="r") as chk:
        read = file.read or (lambda store: {key: store.load((key,)) for key in store})
        assert file.differs(file.expected(), read(chk), file.name) is None
    if file.read is None:
        assert file.differs(file.expected(), hdfchk.load(path), file.name) is None
    report = HDF5Checkpointer(path, mode="r").verify()
    assert not report.damaged and not report.unread
    assert contents(tmp_path) == {"x.hdf5": before}


@pytest.mark.parametrize(("number", "file"), FILES)
def test_rewritten(number: int, file: File, tmp_path: Path) -> None:
    """A file takes a further key, and keeps all others."""
    if file.missing():
        pytest.skip(f"needs {file.missing()}")
    path = tmp_path / "x.hdf5"
    shutil.copyfile(folder_of(number) / f"{file.name}.hdf5", path)
    before = hdfchk.load(path)
    HDF5Checkpointer(path)["added"] = {"a": np.arange(3)}
    after = {**before, "added": {"a": np.arange(3)}}
    assert file.differs(after, hdfchk.load(path), file.name) is None


@pytest.mark.parametrize(("number", "file"), FILES)
def test_values_are_as_they_were(number: int, file: File) -> None:
    """What a file is compared with is what it was when the file was made."""
    if file.missing():
        pytest.skip(f"needs {file.missing()}")
    told = digests_of(folder_of(number))["values"][file.name]
    assert {key: digest(value) for key, value in file.expected().items()} == told


def _read_plainly(item: Any, attribute: str) -> Any:
    """A dataset, or an attribute of an object, as plain HDF5 gives it, in lists and `str`."""
    if attribute:
        found = item.attrs[attribute]
        return found.decode() if isinstance(found, bytes) else found
    found = (item.asstr() if h5py.check_string_dtype(item.dtype) else item)[()]
    return found.tolist() if hasattr(found, "tolist") else found


@pytest.mark.parametrize(("number", "file"), PLAIN)
def test_plain_datasets(number: int, file: File) -> None:
    """Values of other libraries are plain datasets, which HDF5 reads without these libraries."""
    with h5py.File(folder_of(number) / f"{file.name}.hdf5") as raw:
        for place, expected in file.plain.items():
            path, _, attribute = place.partition("@")
            assert _read_plainly(raw[path], attribute) == expected, place


@pytest.mark.parametrize(("number", "file"), PLAIN)
def test_without_the_library(
    number: int, file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a library is missing, its values are errors that say so, and nothing is damaged."""
    path = tmp_path / "x.hdf5"
    shutil.copyfile(folder_of(number) / f"{file.name}.hdf5", path)
    hide(monkeypatch, *file.needs, *(f"{name}lib" for name in file.needs))
    chk = HDF5Checkpointer(path, CodecRegistry(), mode="r")
    missing = 0
    for key in chk:
        try:
            chk.load_parameter(key)
        except (MissingExtraError, UnknownTypeError) as error:
            assert error.key is not None and error.key.startswith(key)
            missing += 1
    assert missing >= len(chk) // 2
    report = chk.verify()
    assert report.unread and not report.damaged


def lay_out(number: int, case: Case, folder: Path) -> Path:
    """A case in a folder of its own; the path of its file."""
    for source in (folder_of(number) / "journals").glob(f"{case.name}.hdf5*"):
        shutil.copyfile(source, folder / source.name)
    return folder / f"{case.name}.hdf5"


def told_by(path: Path) -> Any:
    """All that plain HDF5 and this library find in a file which no journal belongs to."""
    with h5py.File(path) as file:
        assert len(file) >= 0
    return hdfchk.load(path)


@pytest.mark.parametrize(("number", "case"), JOURNALS)
def test_journal_is_read(number: int, case: Case, tmp_path: Path) -> None:
    """A reader sees the last commit, and changes nothing."""
    path = lay_out(number, case, tmp_path)
    before = contents(tmp_path)
    assert f"{path.name}-journal" in before
    if path.exists():
        with HDF5Checkpointer(path, mode="r") as chk:
            assert differs(case.expected(), chk.load(), case.name) is None
        assert differs(case.expected(), hdfchk.load(path), case.name) is None
    else:
        for look in (hdfchk.load, lambda name: HDF5Checkpointer(name, mode="r").load()):
            with pytest.raises(FileNotFoundError):
                look(path)
    assert contents(tmp_path) == before
    assert digest(case.expected()) == digests_of(folder_of(number))["journals"][case.name]


@pytest.mark.parametrize(("number", "case"), JOURNALS)
def test_journal_is_brought_in(number: int, case: Case, tmp_path: Path) -> None:
    """A store that may write reads the last commit, and leaves the file alone with it."""
    path = lay_out(number, case, tmp_path)
    was_there = path.exists()
    before = contents(tmp_path)
    assert differs(case.expected(), HDF5Checkpointer(path).load(), case.name) is None
    if was_there:
        assert os.listdir(tmp_path) == [path.name]
        assert differs(case.expected(), told_by(path), case.name) is None
    else:
        assert contents(tmp_path) == before


@pytest.mark.parametrize(("number", "case"), JOURNALS)
def test_journal_is_written_on(number: int, case: Case, tmp_path: Path) -> None:
    """A writer brings the journal in, goes on from there, and leaves the file alone.

    Where the file is gone, commits in the journal are set aside; one of a file that has never been
    there holds none.
    """
    path = lay_out(number, case, tmp_path)
    was_there = path.exists()
    journal = (tmp_path / f"{path.name}-journal").read_bytes()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        HDF5Checkpointer(path)["added"] = 7
    if case.name == "removed":
        assert not was_there
        assert [warning.category for warning in told] == [JournalMismatchWarning]
        assert f"{path.name}-journal.1" in str(told[0].message)
        assert sorted(os.listdir(tmp_path)) == [path.name, f"{path.name}-journal.1"]
        assert (tmp_path / f"{path.name}-journal.1").read_bytes() == journal
    else:
        assert not told
        left = [name for name in os.listdir(tmp_path) if not name.endswith("-new")]
        assert left == [path.name]
    assert differs({**case.expected(), "added": 7}, told_by(path), case.name) is None


@pytest.mark.parametrize(("number", "case"), JOURNALS)
def test_journal_is_recovered(number: int, case: Case, tmp_path: Path) -> None:
    """`recover` brings the journal in, says so, and leaves none; it gives no commits up."""
    path = lay_out(number, case, tmp_path)
    was_there = path.exists()
    before = contents(tmp_path)
    assert HDF5Checkpointer(path).recover() is was_there
    assert path.exists() is was_there
    if case.name == "removed":
        assert contents(tmp_path) == before
    else:
        assert not (tmp_path / f"{path.name}-journal").exists()
    if was_there:
        assert os.listdir(tmp_path) == [path.name]
        assert differs(case.expected(), told_by(path), case.name) is None


def names_in(path: Path) -> Iterator[str]:
    """The names of all encodings in a file, of marks and inside packed text, by plain HDF5."""
    marks: list[str] = []
    texts: list[str] = []

    def look(_: str, item: Any) -> None:
        for name, value in item.attrs.items():
            if name == "hdfchk" or name.startswith("hdfchk:mark:"):
                marks.append(value if isinstance(value, str) else value.decode())
        if (
            isinstance(item, h5py.Dataset)
            and h5py.check_string_dtype(item.dtype)
            and not item.shape
        ):
            texts.append(item.asstr()[()])

    with h5py.File(path) as file:
        look("", file)
        file.visititems(look)
    for text in texts:
        marks += re.findall(r'\{"\$":\s*"((?:[^"\\]|\\.)*)', text)
    for mark in marks:
        found_name = re.match(r"([\w.]+)/[1-9]", mark)
        if found_name is not None:
            yield found_name[1]


@pytest.mark.slow
def test_every_encoding_is_in_a_file() -> None:
    """Each encoding of docs/format.md is in a golden file: a new one asks for a new set."""
    paths = [path for number in NUMBERS for path in folder_of(number).glob("*.hdf5")]
    names = {name for path in paths for name in names_in(path)}
    assert sorted(set(described()) - names) == ["lowered"]  # HDF5 files have none
    assert names <= set(described())


@pytest.mark.parametrize("key", ["list:1", "tuple:1", "dict:1"])
def test_a_change_would_be_noticed(key: str, tmp_path: Path) -> None:
    """The comparison tells another value from the one that was stored."""
    file = next(file for file in SETS[1] if file.name == "containers")
    path = tmp_path / "x.hdf5"
    shutil.copyfile(folder_of(1) / "containers.hdf5", path)
    with h5py.File(path, "r+") as raw:
        item = raw[key] if isinstance(raw[key], h5py.Dataset) else raw[key]["a"]
        item[...] = item[...] + 1
    why = differs(file.expected(), hdfchk.load(path), file.name)
    assert why is not None


def test_a_set_is_made_once(tmp_path: Path) -> None:
    """The command does not touch a set that is there."""
    before = os.listdir(tmp_path)
    with pytest.raises(FileExistsError):
        make(1, tmp_path)
    assert os.listdir(tmp_path) == before


def test_digests_are_json() -> None:
    """The digests can be read without this library."""
    told = json.loads((folder_of(1) / "digests.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in told["files"].values())
