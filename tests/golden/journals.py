"""Journals that a kill has left beside their files, and what a reader sees of the two. Frozen.

``python -m tests.golden.journals CASE PATH`` makes a case, and ends as a kill ends it.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import attrs
import numpy as np

from hdfchk import HDF5Checkpointer

from .pandas_3 import as_pandas_3

KILLED = 9
LARGE = 80_000
"""So many bytes go straight into the file, where nothing that is needed lies."""
HEAD = struct.Struct("<4sIQQII")
HEADER_BYTES, STATE_AT, SECTOR = 176, 100, 512


def large(value: int) -> np.ndarray:
    """An array that is written apart."""
    return np.full(LARGE, value, "u1")


def kill() -> NoReturn:
    """End as SIGKILL does: nothing is closed."""
    os._exit(KILLED)


@attrs.frozen
class Case:
    """A file and its journal.

    Args:
        name: of the file, without its ending.
        run: makes the file, and is killed.
        expected: makes what a reader sees of it.
        records: what the journal holds, as a pattern of the names of its whole records, but for
            those that tell what lay in the file.
        spoil: what happens to the files afterwards.
        sets: in which golden sets it is.
    """

    name: str
    run: Callable[[str], None]
    expected: Callable[[], dict[str, Any]]
    records: str
    spoil: Callable[[str], None] | None = None
    sets: tuple[int, ...] = (1, 2)

    def make(self, path: str) -> None:
        """Make the files, in a process of its own."""
        command = [sys.executable, "-m", "tests.golden.journals", self.name, path]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True)
        if done.returncode != KILLED:
            raise RuntimeError(f"{self.name} came to an end: {done.returncode} {done.stderr}")
        if self.spoil is not None:
            self.spoil(path)
        held = " ".join(name for name, _, _ in records(f"{path}-journal") if name != "UNDR")
        if re.fullmatch(self.records, held) is None:
            raise RuntimeError(f"the journal of {self.name} holds {held!r}")


def records(journal: str) -> Iterator[tuple[str, int, int]]:
    """The whole records of a journal, told by the page on the format: name, place, length."""
    raw = Path(journal).read_bytes()
    state, at = raw[STATE_AT:HEADER_BYTES], HEADER_BYTES
    if zlib.crc32(state[:-4]) != int.from_bytes(state[-4:], "little"):
        return
    chain = zlib.crc32(state[:8])
    while at + HEAD.size <= len(raw):
        name, _, length, _, payload_sum, own_sum = HEAD.unpack_from(raw, at)
        end = at + HEAD.size + length
        payload = raw[at + HEAD.size : end]
        if zlib.crc32(raw[at : at + HEAD.size - 4], chain) != own_sum:
            return
        if len(payload) < length or zlib.crc32(payload) != payload_sum:
            return
        yield name.decode(), at, end - at
        chain, at = own_sum, end


def begin(path: str) -> None:
    """A file that was closed, with what all cases have."""
    HDF5Checkpointer(path).update(begun())


def begun() -> dict[str, Any]:
    """What `begin` makes."""
    return {"old": 1, "g": {"x": 0, "y": [1, 2]}}


# -- small assignments ---------------------------------------------------------------------------


def small() -> dict[str, Any]:
    """Assignments that stand in the journal as they are: each kind of data."""
    return {
        "float": 1.5,
        "int": -3,
        "complex": 1 + 2j,
        "true": True,
        "false": False,
        "none": None,
        "text": "é",
        "empty": "",
        "array": np.arange(6, dtype=">i2").reshape(2, 3),
        "no items": np.zeros((0, 3)),
        "0-d": np.array(5.5),
        "booleans": np.array([True, False]),
        "numpy": np.float64(0.1),
        "days": np.array([0, 5], "M8[D]"),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "nul": "a\0b",
        "big": 2**70,
        "é": 7,
    }


def puts(path: str) -> None:
    """Small assignments and nothing else."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        chk["old"] = 0
        chk.commit()  # with the first assignment HDF5 began
        for key, value in small().items():
            chk[key] = value
        chk["old"] = 2
        chk["float"] = 0
        chk["float"] = 1.5
        kill()


def puts_expected() -> dict[str, Any]:
    """What is read of them."""
    return {**begun(), "old": 2, **small()}


def no_puts(path: str) -> None:
    """Commits of HDF5's own, one after the other."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        chk["text"] = "x" * 3000
        chk.update({"a": 1, "b": 2})
        chk["d"] = {"in": {"deep": (1, "a")}, "array": np.arange(300)}
        chk["old"] = {"a": 1}
        kill()


def no_puts_expected() -> dict[str, Any]:
    """What is read of them."""
    inner = {"in": {"deep": (1, "a")}, "array": np.arange(300)}
    return {**begun(), "old": {"a": 1}, "text": "x" * 3000, "a": 1, "b": 2, "d": inner}


def mixed(path: str) -> None:
    """Small assignments before, between and behind HDF5's own commits, also inside a dict."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        chk["n"] = 1
        chk["m"] = np.arange(3)
        chk["gone"] = chk["replaced"] = 1
        chk["d"] = {"a": 1, "b": {"c": 2}}
        del chk["gone"]
        chk["replaced"] = "z" * 2000
        chk["e"] = {"a": 1}
        chk["n"] = 2
        chk["text"] = "y" * 2000
        chk["d/b/c"] = [1, None]
        chk["d/b/é"] = 1.5
        chk["d/a"] = 5
        chk["n"] = 3.5
        chk["m"] = 2.5
        chk["e"] = None  # in place of a dict
        kill()


def mixed_expected() -> dict[str, Any]:
    """What is read of them."""
    inner = {"a": 5, "b": {"c": [1, None], "é": 1.5}}
    more = {"n": 3.5, "m": 2.5, "replaced": "z" * 2000, "d": inner, "e": None}
    return {**begun(), **more, "text": "y" * 2000}


# -- large writes --------------------------------------------------------------------------------


def direct(path: str) -> None:
    """A large array behind the end of the file, where it was written straight."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        chk["n"] = 1
        chk["large"] = large(7)
        chk["n"] = 2
        kill()


def direct_expected() -> dict[str, Any]:
    """What is read of it."""
    return {**begun(), "n": 2, "large": large(7)}


def in_place(path: str) -> None:
    """A large array over which another was written: the journal alone has it."""
    begin(path)
    HDF5Checkpointer(path)["large"] = large(1)
    with HDF5Checkpointer(path) as chk:
        chk["large"] = large(2)
        chk.array("large")[10:20] = 3
        kill()


def in_place_expected() -> dict[str, Any]:
    """What is read of it."""
    array = large(2)
    array[10:20] = 3
    return {**begun(), "large": array}


def under_way(path: str) -> None:
    """A transaction of which a part is in the journal, and no end."""
    begin(path)
    HDF5Checkpointer(path)["large"] = large(1)
    with HDF5Checkpointer(path) as chk:
        chk["n"] = 1
        chk["text"] = "x" * 2000
        with chk.transaction():
            chk["large"] = large(2)
            chk["another"] = large(3)
            chk["n"] = 2
            kill()


def under_way_expected() -> dict[str, Any]:
    """What is read of it: the state before."""
    return {**begun(), "large": large(1), "n": 1, "text": "x" * 2000}


def shrunk(path: str) -> None:
    """Deletions, after which the file is shorter."""
    begin(path)
    HDF5Checkpointer(path).update({"large": large(1), "array": np.arange(300), "last": large(2)})
    with HDF5Checkpointer(path) as chk:
        del chk["array"]
        del chk["last"]
        del chk["g/x"]
        del chk["large"]
        kill()


def shrunk_expected() -> dict[str, Any]:
    """What is read of it."""
    return {"old": 1, "g": {"y": [1, 2]}}


def shrunk_and_grown(path: str) -> None:
    """Space that a commit has given back, and a later one has taken again."""
    begin(path)
    HDF5Checkpointer(path)["large"] = large(1)
    with HDF5Checkpointer(path) as chk:
        chk["large"] = large(2)
        del chk["large"]
        chk["text"] = "x" * 3000
        chk["more"] = large(3)[::-1]
        kill()


def shrunk_and_grown_expected() -> dict[str, Any]:
    """What is read of it."""
    return {**begun(), "text": "x" * 3000, "more": large(3)}


def taken_back(path: str) -> None:
    """A part of a commit behind the end that the file has after it, where a later commit wrote."""
    begin(path)
    HDF5Checkpointer(path)["large"] = large(1)
    with HDF5Checkpointer(path) as chk:
        with chk.transaction():
            chk["small"] = large(5)[: LARGE // 2]
            chk["large"] = large(2)
            del chk["small"]
        chk["more"] = large(3)
        kill()


def taken_back_expected() -> dict[str, Any]:
    """What is read of it."""
    return {**begun(), "large": large(2), "more": large(3)}


# -- ends ----------------------------------------------------------------------------------------


def cut(path: str) -> None:
    """Cut the last record in its middle."""
    journal = f"{path}-journal"
    *_, (_, start, length) = records(journal)
    os.truncate(journal, start + length // 2)


def damage(path: str) -> None:
    """Change a byte of the last record but one."""
    journal = f"{path}-journal"
    *_, (_, start, length), _ = records(journal)
    with open(journal, "r+b") as file:
        file.seek(start + length - 1)
        (byte,) = file.read(1)
        file.seek(start + length - 1)
        file.write(bytes([byte ^ 1]))


def torn_expected() -> dict[str, Any]:
    """What is read of `no_puts` without its last commit."""
    inner = {"in": {"deep": (1, "a")}, "array": np.arange(300)}
    return {**begun(), "text": "x" * 3000, "a": 1, "b": 2, "d": inner}


def torn_puts(path: str) -> None:
    """Small assignments, the last of which will not be whole."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        for number in range(5):
            chk["n"] = number
            chk[f"k{number}"] = number
        kill()


def torn_puts_expected() -> dict[str, Any]:
    """What is read of them: all but the last."""
    return {**begun(), "n": 4, **{f"k{number}": number for number in range(4)}}


def damaged_puts_expected() -> dict[str, Any]:
    """What is read of them: all but the last two."""
    return {**begun(), "n": 3, **{f"k{number}": number for number in range(4)}}


def half_applied(path: str) -> None:
    """A file into which a half of its journal has been written."""
    from hdfchk.backends.hdf5.wal import wal_file

    begin(path)
    HDF5Checkpointer(path)["large"] = large(1)
    with HDF5Checkpointer(path) as chk:
        chk["large"] = large(2)
        chk["d"] = {"a": 1}
        chk["old"] = np.arange(300)
        chk["n"] = 1

        def write_half(descriptor: int, data: bytes, offset: int) -> None:
            half = len(data) // 2 // SECTOR * SECTOR  # a kill cuts a write between pages
            os.pwrite(descriptor, data[:half], offset)
            kill()

        wal_file.write_all = write_half
        chk.commit()


def half_applied_expected() -> dict[str, Any]:
    """What is read of it."""
    return {**begun(), "old": np.arange(300), "large": large(2), "d": {"a": 1}, "n": 1}


def reused(path: str) -> None:
    """A journal that was emptied and begun anew: old records lie behind the new one."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        chk["d"] = {"a": 1}
        chk.commit()
        chk["n"] = 1
        chk["m"] = 2
        chk["m"] = 3
        chk.commit()
        chk["n"] = 4  # as long as the old record of it: behind it that of 2 begins
        kill()


def reused_expected() -> dict[str, Any]:
    """What is read of it."""
    return {**begun(), "d": {"a": 1}, "n": 4, "m": 3}


def unborn(path: str) -> None:
    """A new file that was not there yet."""
    chk = HDF5Checkpointer(path)
    with chk, chk.transaction():
        chk["a"] = 1
        chk["large"] = large(1)
        kill()


def remove(path: str) -> None:
    """The file was removed, and its journal forgotten."""
    os.unlink(path)


def old_magic(path: str) -> None:
    """The journal is one of an older version, which had no small assignments."""
    with open(f"{path}-journal", "r+b") as file:
        head = b"hdfchkJ1" + file.read(HEADER_BYTES)[8:-4]
        file.seek(0)
        file.write(head + zlib.crc32(head).to_bytes(4, "little"))


def rows(path: str) -> None:
    """Rows that stand in the journal as they are, behind small assignments and HDF5's commits."""
    begin(path)
    with HDF5Checkpointer(path) as chk:
        chk.append("log", 0.5)
        chk.append("grid", [1, 2])
        chk["n"] = 1
        chk["text"] = "x" * 3000
        for number in range(1, 4):
            chk.append("log", number + 0.5)
            chk.append("grid", [[number, 2], [number, 3]])
        kill()


def rows_expected() -> dict[str, Any]:
    """What is read of them."""
    grid = [[1, 2]] + [[number, last] for number in range(1, 4) for last in (2, 3)]
    log = np.array([0.5, 1.5, 2.5, 3.5])
    return {**begun(), "log": log, "grid": np.array(grid), "n": 1, "text": "x" * 3000}


def tables(path: str) -> None:
    """Rows of a DataFrame, all columns in one record, that stand in the journal as they are."""
    import pandas as pd

    begin(path)
    with HDF5Checkpointer(path) as chk:
        for number in range(5):
            chk.append("t", pd.DataFrame({"x": [number + 0.5], "n": [number]}))
        kill()


@as_pandas_3
def tables_expected() -> dict[str, Any]:
    """What is read of them."""
    import pandas as pd

    return {**begun(), "t": pd.DataFrame({"x": np.arange(5) + 0.5, "n": np.arange(5)})}


CASES = (
    Case("puts", puts, puts_expected, "PUTS( PUTS){20}"),
    Case("commits", no_puts, no_puts_expected, "DONE( DONE)+"),
    Case("mixed", mixed, mixed_expected, "DONE( PUTS)+( DONE)+ PUTS( DONE)+( PUTS)+"),
    Case("direct", direct, direct_expected, "DONE DONE PUTS"),
    Case("in-place", in_place, in_place_expected, "(PART )+DONE DONE"),
    Case("under-way", under_way, under_way_expected, "DONE DONE( PART)+"),
    Case("shrunk", shrunk, shrunk_expected, "DONE( DONE)+"),
    Case("shrunk-grown", shrunk_and_grown, shrunk_and_grown_expected, "(PART )+DONE.* DONE"),
    Case("taken-back", taken_back, taken_back_expected, "PART( PART)+ DONE DONE"),
    Case("torn", no_puts, torn_expected, "DONE( DONE)+", cut),
    Case("torn-puts", torn_puts, torn_puts_expected, "DONE( PUTS){8}", cut),
    Case("damaged", torn_puts, damaged_puts_expected, "DONE( PUTS){7}", damage),
    Case("half-applied", half_applied, half_applied_expected, "PART.*DONE( CKPT)?"),
    Case("reused", reused, reused_expected, "PUTS"),
    Case("unborn", unborn, dict, ""),
    Case("removed", no_puts, dict, "DONE( DONE)+", remove),
    Case("older", no_puts, no_puts_expected, "DONE( DONE)+", old_magic, sets=(1,)),
    Case("rows", rows, rows_expected, "DONE.* ROWS( DONE)?( ROWS)*", sets=(2,)),
    Case("tables", tables, tables_expected, "(PART )*DONE( ROWS){4}", sets=(4,)),
)


if __name__ == "__main__":
    next(case for case in CASES if case.name == sys.argv[1]).run(sys.argv[2])
