"""What docs/format.md says of the journal is enough to read one, and to tell whose it is."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import CorruptFileError, JournalMismatchWarning
from tests.golden.sets import folder_of, found
from tests.regressions.children import killed_writer
from tests.support.journal_by_page import matches, overlay, parse, put, rows

GOLDEN = [
    path
    for number in found()
    for path in sorted(folder_of(number).glob("journals/*.hdf5"))
    if path.with_name(f"{path.name}-journal").read_bytes()[:8] == b"hdfchkJ3"
]


def read(path: Path) -> tuple[dict[str, Any] | None, bool]:
    """What hdfchk reads, if it can, and whether it takes the journal for one of this file."""
    tree = None
    with warnings.catch_warnings(record=True) as caught, contextlib.suppress(CorruptFileError):
        warnings.simplefilter("always")
        tree = hdfchk.load(path)
    return tree, not any(each.category is JournalMismatchWarning for each in caught)


def by_page(path: Path, out: Path) -> dict[str, Any]:
    """What is in the file and its journal according to the page."""
    header, records = parse(path.with_name(f"{path.name}-journal").read_bytes())
    assert matches(header, records, path.read_bytes())
    whole, rest = overlay(records, path.read_bytes())
    out.write_bytes(whole)
    with h5py.File(out) as file:
        assert "hdfchk:stamp" in file.attrs or not header.stamp
    leaves = dict(leaves_of(hdfchk.load(out)))
    for record in rest:
        if record.kind == b"PUTS":
            key, mark, value = put(record)
            leaves = {name: old for name, old in leaves.items() if not name.startswith(f"{key}/")}
            leaves[key] = ("marked", mark) if mark else value
            continue
        for key, number, data in rows(record.payload):
            there = leaves.get(key)
            if there is None:  # of a table
                leaves[key.rpartition("/")[0]] = ("marked", "by the table")
            elif isinstance(data, list):
                leaves[key] = [*there, *data]
            else:
                more = np.frombuffer(data, there.dtype).reshape(number, *there.shape[1:])
                leaves[key] = np.concatenate([there, more])
    return leaves


def leaves_of(tree: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a tree, by key path."""
    for name, value in tree.items():
        path = f"{above}{name}"
        yield from leaves_of(value, f"{path}/") if isinstance(value, dict) else [(path, value)]


def compare(leaves: dict[str, Any], tree: Any) -> None:
    """Values that need a mark are only compared by their keys."""
    expected = dict(leaves_of(tree))
    assert set(leaves) == set(expected)
    for key, value in expected.items():
        if not isinstance(leaves[key], tuple):
            assert np.array_equal(np.asarray(leaves[key]), np.asarray(value)), key


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_golden_journals(path: Path, tmp_path: Path) -> None:
    """Journals of killed writers, of cut checkpoints too, hold what hdfchk reads from them."""
    for name in (path.name, f"{path.name}-journal"):
        (tmp_path / name).write_bytes(path.with_name(name).read_bytes())
    tree, fits = read(tmp_path / path.name)
    header, records = parse(path.with_name(f"{path.name}-journal").read_bytes())
    assert matches(header, records, path.read_bytes()) == fits
    if fits:
        compare(by_page(tmp_path / path.name, tmp_path / "out.hdf5"), tree)


def test_all_records(tmp_path: Path) -> None:
    """Small assignments of every kind, rows, bulk data and pages."""
    path = tmp_path / "x.hdf5"
    small = {"f": 2.5, "i": -7, "c": 1 - 2j, "b": True, "s": "wörter", "n": None}
    arrays = {"a": np.arange(12, dtype=">i2").reshape(3, 4)}
    killed_writer(
        path,
        {"d": {f"k{number}": number for number in range(600)}, "bulk": np.ones(100_000)},
        {"more": {"bulk": np.arange(100_000.0)}},
        {**small, **arrays},
    )
    tree, fits = read(path)
    assert fits
    compare(by_page(path, tmp_path / "out.hdf5"), tree)
    kinds = {record.kind for record in parse(Path(f"{path}-journal").read_bytes())[1]}
    assert kinds >= {b"DONE", b"UNDR"}


@pytest.mark.parametrize("foreign", [False, True], ids=["stamp", "total"])
def test_whose_it_is(tmp_path: Path, foreign: bool) -> None:
    """A changed byte is noticed where the page says so, and nowhere else."""
    path = tmp_path / "x.hdf5"
    if foreign:
        with h5py.File(path, "w") as file:
            file["a"], file["bulk"] = 1.0, np.arange(50_000.0)
    else:
        hdfchk.save(path, {"a": 1.0, "bulk": np.arange(50_000.0)})
    killed_writer(path, {"a": 2.0, "d": {"x": [1, None]}}, {"bulk": np.zeros(50_000)})
    header, records = parse(Path(f"{path}-journal").read_bytes())
    assert bool(header.stamp) != foreign
    assert bool(header.total) == foreign
    whole, chance, seen = path.read_bytes(), random.Random(4), set()
    assert matches(header, records, whole)
    places = [chance.randrange(64, len(whole)) for _ in range(12)]  # not the superblock
    for at in [*places, header.at or 600, len(whole) - 1]:
        changed = bytearray(whole)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        _, fits = read(path)
        seen.add(fits)
        assert matches(header, records, bytes(changed)) == fits, at
    assert False in seen
