"""Files to mutate, ways to, and a child process that reads the mutants."""

from __future__ import annotations

import array
import collections
import faulthandler
import os
import random
import resource
import signal
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from hdfchk import HDF5Checkpointer, HdfchkError

MEMORY = 2**32
SECONDS = 10


def ours(path: str) -> None:
    """A file of ours: values of all the families, small and large, overwritten and deleted."""
    with HDF5Checkpointer(path) as chk:
        chk["params"] = {"steps": 500, "tol": 1e-8, "name": "é" * 40, "none": None}
        chk["list"] = [1, "a", None, [2.5, {"x": (1, 2)}]]
        chk["energies"] = np.linspace(0, 1, 3000)
        chk["ints"] = list(range(500))
        chk["texts"] = [f"text {i}" for i in range(200)]
        chk["strings"] = np.array(["a", "bc" * 30, ""], object)
        chk["table"] = np.zeros(20, [("a", "i4"), ("b", "f8", (2,)), ("c", "S5")])
        chk["masked"] = np.ma.masked_array([1, 2, 3], [0, 1, 0])
        chk["mixed"] = {1: "a", (2, "b"): np.arange(3), None: {"x": 1j}}
        chk["big"] = 2**100
        del chk["ints"]
        chk["energies"] = np.linspace(0, 2, 4000)
    chk.array("energies").append(np.ones(5))
    chk.append("log", 0.5)
    packed = np.arange(60_000) // 7
    chk.put("packed", packed, compression="gzip", chunks=(20_000,), checksum=True)


def later(path: str) -> None:
    """Forms that came later: ragged lists, tables, states, names of classes."""
    with HDF5Checkpointer(path) as chk:
        chk["ragged"] = [np.arange(n) for n in range(12)]
        chk["shapes"] = [np.ones((n % 3 + 1, n % 2 + 1)) for n in range(9)]
        chk["space"] = types.SimpleNamespace(a=1, b=[2, "x"])
        chk["random"] = {"new": np.random.default_rng(1), "old": np.random.RandomState(2)}
        chk["classes"] = [np.float32, np.hypot, int]
        chk["result"] = np.linalg.eigh(np.eye(3))
        chk["buffers"] = {"a": array.array("d", [1, 2]), "m": memoryview(b"abc")}
        chk["counter"] = collections.Counter("abca")
        chk["wide"] = pd.DataFrame(np.arange(900.0).reshape(3, 300))
        for _ in range(2):
            chk.append("grown", pd.DataFrame({"n": [1, 2], "v": [0.5, 1.5]}))


def checked(path: str) -> None:
    """One with checksums."""
    HDF5Checkpointer(path, checksum=True).update(
        {"a": np.arange(5000.0), "s": "y" * 5000, "o": np.array(["x", "z" * 99], object)}
    )


def others(path: str) -> None:
    """One of plain h5py, with the older format's metadata, filters, and links."""
    with h5py.File(path, "w") as file:
        file.create_dataset("gzip", data=np.arange(3000), compression="gzip", chunks=(500,))
        file.create_dataset("lzf", data=np.ones((40, 50)), compression="lzf", shuffle=True)
        file["g/strings"] = ["a", "bb" * 40]
        ragged = file.create_dataset("ragged", (3,), h5py.vlen_dtype("i4"))
        ragged[0] = [1, 2, 3]
        file["soft"] = h5py.SoftLink("/g")
        file["hard"] = file["g"]
        file["g/ref"] = file["gzip"].ref
        file["g"].attrs["units"] = "eV"
        file["enum"] = np.array([0, 1], h5py.enum_dtype({"A": 0, "B": 1}))


MAKERS: tuple[Callable[[str], None], ...] = (ours, checked, others, later)


def mutate(raw: bytes, chance: random.Random) -> bytes:
    """Some bytes changed: flipped, filled, swapped, taken out, or set to a number of note."""
    data = bytearray(raw)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(data))
        kind = chance.randrange(6)
        if kind <= 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            data[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 3:
            width = chance.choice([2, 4, 8])
            number = chance.choice([0, 2**63 - 1, 2**64 - 1, 2**31, len(raw), at, 2**40])
            data[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")
        elif kind == 4:
            other, length = chance.randrange(len(data)), chance.randrange(1, 64)
            data[at : at + length] = data[other : other + length]
        else:
            del data[at : at + chance.randrange(1, 32)]
    return bytes(data)


def read_everything(path: str) -> None:
    """Read a file in all ways; errors of the library are what it is for.

    Raises:
        Exception: what a damaged file must not raise.
    """
    chk = HDF5Checkpointer(path, mode="r", expand_limit=2**26)
    for look in (chk.load, chk.verify, lambda: list(chk.items()), lambda: chk.attrs.items()):
        try:
            look()
        except HdfchkError:
            continue
    try:
        for key in chk:
            chk.array(key)[:2]
    except (HdfchkError, TypeError, IndexError, ValueError):
        return


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


def outcomes(path: Path, files: Sequence[bytes], together: int = 16) -> Iterator[str]:
    """What reading each of these files, one after the other at `path`, ends in.

    Args:
        path: where they are written.
        files: their contents.
        together: so many are read in one child. If it does not come to its end, each is read in a
            child of its own.
    """
    for start in range(0, len(files), together):
        batch = files[start : start + together]

        def read_all(name: str, batch: Sequence[bytes] = batch) -> None:
            for raw in batch:
                path.write_bytes(raw)
                read_everything(name)

        if len(batch) > 1 and outcome(path, read_all) == "read":
            yield from ["read"] * len(batch)
            continue
        for raw in batch:
            path.write_bytes(raw)
            yield outcome(path)


def outcome(path: Path, work: Callable[[str], Any] = read_everything) -> str:
    """What reading a file in a child process ends in: "read", a signal, or a traceback."""
    folder = path.parent
    said = folder / "said"
    said.write_bytes(b"")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            faulthandler.disable()
            # A loop of ours is ended by an exception, one of HDF5's by the limit alone.
            signal.signal(signal.SIGALRM, _too_long)
            signal.alarm(SECONDS)
            resource.setrlimit(resource.RLIMIT_CPU, (2 * SECONDS, 2 * SECONDS))
            work(str(path))
            status = 0
        except BaseException:
            said.write_text(traceback.format_exc(), encoding="utf-8")
            status = 2
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        return "read"
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return said.read_text(encoding="utf-8") or f"status {status}"
