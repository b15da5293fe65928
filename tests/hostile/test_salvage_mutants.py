"""Mutants are salvaged: what plain h5py reads of them is found, and nothing wrong is called whole.

`HDFCHK_FUZZ=full` salvages 6,000 of them.
"""

from __future__ import annotations

import os
import pickle
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, SalvageReport, salvage
from hdfchk.backends.hdf5.salvage import child

from .forked import Forked
from .mutants import outcome

COUNT = 6_000 if os.environ.get("HDFCHK_FUZZ") == "full" else 120
STRUCTURES = (
    b"TREE|SNOD|HEAP|GCOL|FRHP|FHDB|FHIB|BTHD|BTLF|BTIN|FAHD|FADB|EAHD|EAIB|EADB|EASB|OHDR|OCHK"
)


def everything(path: str, libver: str) -> None:
    """Types, layouts, filters, groups and attributes of all kinds."""
    with h5py.File(path, "w", libver=libver) as file:
        file["number"], file["text"] = 1.5, "text"
        file["array"] = np.arange(600.0)
        file.create_dataset("chunks", data=np.arange(3000.0), chunks=(50,))
        file.create_dataset("sums", data=np.arange(3000), chunks=(100,), fletcher32=True)
        file.create_dataset("gzip", data=np.arange(3000), chunks=(300,), compression="gzip")
        both = {"compression": "gzip", "fletcher32": True, "shuffle": True}
        file.create_dataset("both", data=np.arange(900), chunks=(90,), maxshape=(None,), **both)
        file.create_dataset("grid", data=np.ones((40, 30)), chunks=(8, 8), maxshape=(None, None))
        strings = [f"string {n}" * (n % 7) for n in range(60)]
        file.create_dataset("strings", data=strings, dtype=h5py.string_dtype())
        file.create_dataset("packed", data=strings, dtype=h5py.string_dtype(), chunks=(20,))
        file["table"] = np.ones(9, [("a", "i4"), ("b", "f8", (2,)), ("c", "S5")])
        old, new = file.create_group("old"), file.create_group("new", track_order=True)
        for number in range(24):
            old[f"n{number}"], new[f"n{number}"] = number, np.arange(number + 1)
        old["deep/deeper/value"] = 3
        file["array"].attrs["units"] = "K"
        file["array"].attrs["names"] = ["a", "b"]
        for number in range(20):
            file["number"].attrs[f"a{number}"] = number
        file["array"].make_scale("x")
        file["chunks"].dims[0].label = "x"
        file["gzip"].attrs["ref"] = file["array"].ref
        file["soft"], file["again"] = h5py.SoftLink("/old"), file["array"]


def of_h5py(path: str) -> None:
    """In the format of HDF5 1.6."""
    everything(path, "earliest")


def of_new_h5py(path: str) -> None:
    """In that of today, with checksums of metadata."""
    everything(path, "latest")


def of_ours(path: str) -> None:
    """A file of ours."""
    with HDF5Checkpointer(path, checksum=True) as chk:
        for number in range(12):
            chk[f"run {number}"] = {"steps": number, "x": np.arange(200.0), "name": "é" * 40}
        chk["list"] = [1, "a", None, [2.5, {"x": (1, 2)}], np.arange(300)]
        chk["texts"] = np.array(["a", "b" * 99, ""], object)
        chk.put("packed", np.arange(6000) // 7, compression="gzip", chunks=(500,))


MAKERS: tuple[Callable[[str], None], ...] = (of_h5py, of_new_h5py, of_ours)
CHECKED = {"sums", "gzip", "both"}
"""What has checksums of its data, and of its metadata in the format of today."""


def digest(oid: Any, file: Any) -> Any:
    """What h5py reads of a dataset."""
    attributes = {}
    for name, value in sorted(oid.attrs.items(), key=repr):  # some names are bytes
        leads = isinstance(value, h5py.Reference) and bool(value)
        attributes[name] = file[value].shape if leads else repr(value)
    return pickle.dumps([str(oid.dtype), oid.shape, repr(np.asarray(oid[()]).tolist()), attributes])


def read_by_h5py(path: str, keys: list[str]) -> dict[str, Any]:
    """What plain h5py reads of a file, each key by its name."""
    found = {}
    with h5py.File(path, "r") as file:
        for key in keys:
            try:
                found[key] = digest(file[key], file)
            except Exception:  # damaged: h5py raises whatever it likes
                found[key] = None
    return found


def read_in_child(path: Path, keys: list[str]) -> dict[str, Any] | None:
    """The same, in a process that HDF5 may end; None if it does, or if it opens no such file."""
    result = path.with_name("result")
    result.write_bytes(b"")

    def work(name: str) -> None:
        result.write_bytes(pickle.dumps(read_by_h5py(name, keys)))

    if outcome(path, work) != "read":
        return None
    found: dict[str, Any] = pickle.loads(result.read_bytes())
    return found


def datasets(path: str) -> list[str]:
    keys: list[str] = []
    with h5py.File(path) as file:
        file.visititems_links(
            lambda name, link: (
                keys.append(name)
                if isinstance(link, h5py.HardLink) and isinstance(file[name], h5py.Dataset)
                else None
            )
        )
    return keys


def mutate(raw: bytes, chance: random.Random) -> bytes:
    """A byte or a few changed, half of the times in a structure of HDF5's."""
    data = bytearray(raw)
    places = [found.start() for found in re.finditer(STRUCTURES, raw)]
    for _ in range(chance.choice([1, 1, 1, 3])):
        if chance.random() < 0.5:
            at = min(len(data) - 1, chance.choice(places) + chance.randrange(64))
        else:
            at = chance.randrange(len(data))
        data[at] ^= chance.choice([1 << chance.randrange(8), 0xFF])
    if chance.random() < 0.1:
        del data[chance.randrange(len(data) // 2, len(data)) :]
    return bytes(data)


def is_whole(key: str, report: SalvageReport, *, ours: bool) -> bool:
    """Whether a dataset, or the value that it is a part of, was called whole.

    In a file of others, what is whole above it is another dataset, under a name that is damaged.
    """
    parts = key.split("/")
    if not ours:
        return key in report.copied
    return any("/".join(parts[:depth]) in report.copied for depth in range(1, len(parts) + 1))


def problem_of(
    path: Path, made: Path, original: dict[str, Any], maker: Callable[[str], None]
) -> str | None:
    """What is wrong with how a mutant is salvaged."""
    now = read_in_child(path, list(original))
    try:
        report = salvage(path, made)
    except CorruptFileError as error:
        assert not made.exists()
        return f"nothing was salvaged: {error}" if now and any(now.values()) else None
    copied = read_in_child(made, list(original))
    if copied is None:
        return "HDF5 cannot read the copy"
    for key, value in original.items():
        whole = is_whole(key, report, ours=maker is of_ours)
        if whole and copied[key] is None:
            return f"{key} is called whole, and cannot be read in the copy"
        if whole and maker is of_new_h5py and key in CHECKED and copied[key] != value:
            return f"{key} is called whole, and has another value"
        if whole and now is not None and now[key] is not None and copied[key] != now[key]:
            return f"{key} has another value than in the file"
        loss = report.in_part.get(key)
        if loss is not None and loss.references and not loss.elements:
            continue  # what it refers to is damaged
        if "decodes to more" in str(report.damaged.get(key)):
            continue  # which HDF5 does not look at
        if now is not None and now[key] == value and not whole:
            return f"{key} can be read, and is not called whole: {report}"
    return None


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_mutants(
    maker: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None ends the process, nothing wrong is called whole, and what is whole is found."""
    monkeypatch.setattr(child.subprocess, "Popen", Forked)
    monkeypatch.setattr(child, "STEP_SECONDS", 5.0)
    path, made = tmp_path / "x.h5", tmp_path / "made.h5"
    maker(str(path))
    raw, keys = path.read_bytes(), datasets(str(path))
    original = read_by_h5py(str(path), keys)
    wrong = {}
    for seed in range(COUNT // len(MAKERS)):
        mutant = mutate(raw, random.Random(seed))
        path.write_bytes(mutant)
        problem = problem_of(path, made, original, maker)
        assert path.read_bytes() == mutant
        if problem is not None:
            wrong[seed] = problem
        made.unlink(missing_ok=True)
    assert not wrong, wrong
    assert {name.name for name in tmp_path.iterdir()} <= {"x.h5", "said", "result"}
