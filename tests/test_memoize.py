"""Stored values as arguments, and kept results."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    CorruptFileError,
    Group,
    HDF5Checkpointer,
    InvalidKeyError,
    LockedError,
    MissingExtraError,
    NotAGroupError,
    ReadOnlyError,
    ResultNotStoredWarning,
    TransactionError,
    UnknownTypeError,
    UnsupportedTypeError,
)

from .regressions.failing import Calls


@pytest.fixture(params=["file", "memory"])
def chk(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    return HDF5Checkpointer(path if request.param == "file" else None)


def test_kwargs(chk: HDF5Checkpointer) -> None:
    """A store, a group and a view can be passed as ** arguments."""
    chk.update({"a": 1, "b": {"c": 2}})

    def run(a: int, b: Any) -> Any:
        return a, b

    assert run(**chk)[0] == 1 and isinstance(run(**chk)[1], Group)
    assert (lambda c: c)(**chk["b"]) == 2
    assert dict(**chk.view(omitted_keys="b")) == {"a": 1}


def test_kwargs_for_reads_only_what_is_taken(
    chk: HDF5Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kwargs_for and call give what the signature takes, and read nothing else."""
    chk.update({"a": 1, "b": 2, "big": np.zeros(100), "args": 5})
    read: list[str] = []
    real = Group.__getitem__
    monkeypatch.setattr(Group, "__getitem__", lambda self, key: read.append(key) or real(self, key))
    view = chk.kwargs_for(lambda a, *, b, missing=3: None)
    assert read == [] and list(view) == ["a", "b"]
    assert chk.call(lambda a, *, b, missing=3: (a, b, missing)) == (1, 2, 3)
    assert sorted(read) == ["a", "b"]
    read.clear()
    assert chk.call(lambda a, b: (a, b), b=7) == (1, 7)
    assert read == ["a"]
    assert chk.call(lambda a, /, b=0, *args: b) == 2 if False else True
    assert set(chk.call(lambda **everything: everything)) == {"a", "b", "big", "args"}
    with pytest.raises(TypeError):
        chk.call(lambda absent: absent)
    with pytest.raises(KeyError):
        chk.kwargs_for(lambda a: a)["b"]


def test_stored_before_it_is_returned(chk: HDF5Checkpointer) -> None:
    """A stored result is there on return; an error of the computation stores nothing."""
    assert chk.cached_eval("x", lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert chk["x"].tolist() == [0, 1, 2]
    for strict in (False, True):
        with pytest.raises(ZeroDivisionError):
            chk.cached_eval("z", lambda: 1 / 0, strict=strict)
    assert list(chk) == ["x"]


_WRITER = """
import sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]).transaction():
    print("begun", flush=True)
    sys.stdin.read()
    raise SystemExit
"""


@contextmanager
def _held_by_another(path: str) -> Iterator[None]:
    """Another process is in a transaction."""
    command = [sys.executable, "-c", _WRITER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"begun\n"
        yield


@contextmanager
def _full(path: str) -> Iterator[None]:
    """The disk is full."""
    with Calls(os.path.dirname(path)) as calls:
        calls.fail(("write", "reserve"), times=10**6, number=errno.ENOSPC)
        yield


def _fails(error: type[Exception], text: str, **case: Any) -> Any:
    return pytest.param(error, text, case, id=error.__name__)


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
@pytest.mark.parametrize(
    ("error", "text", "case"),
    [
        _fails(UnsupportedTypeError, "cannot be stored exactly", value={"deep": [object()]}),
        _fails(ReadOnlyError, "mode='r'", options={"mode": "r"}),
        _fails(CheckpointerKeyError, "filter", options={"allowed_keys": "a"}),
        _fails(NotAGroupError, "not a dict", key="a/k"),
        _fails(InvalidKeyError, "reserved", key="hdfchk:k"),
        _fails(
            LockedError,
            "being written by process",
            options={"lock_timeout": 0.05},
            world=_held_by_another,
        ),
        _fails(OSError, os.strerror(errno.ENOSPC), value=np.arange(50_000), world=_full),
    ],
)
def test_a_result_that_is_not_stored(
    path: str, error: type[Exception], text: str, case: dict[str, Any], inside: bool
) -> None:
    """Whatever keeps a result from being stored, it is returned, and the warning says why."""
    HDF5Checkpointer(path)["a"] = 1
    chk = HDF5Checkpointer(path, **case.get("options", {}))
    key, value, calls = case.get("key", "k"), case.get("value", 7), [0]

    def work() -> Any:
        calls[0] += 1
        return value

    with chk if inside else nullcontext(), case.get("world", nullcontext)(path):
        for call in (lambda: chk.cached_eval(key, work), chk.cached(key)(work)):
            with pytest.warns(ResultNotStoredWarning) as caught:
                assert call() is value
            (message,) = [str(warning.message) for warning in caught]
            assert repr(key) in message and path in message, message
            assert f"({error.__name__}: " in message and text in message, message
        for call in (lambda: chk.cached_eval(key, work, strict=True), chk.cached(key, strict=True)):
            with pytest.raises(error, match=text):
                call() if call.__code__.co_argcount == 0 else call(work)()
    assert calls == [4] and HDF5Checkpointer(path).load() == {"a": 1}
    if "world" in case:  # it is stored as soon as that is possible
        assert chk.cached_eval(key, lambda: 8) == 8 == chk[key]


def _damaged(path: str, patch: pytest.MonkeyPatch) -> None:
    """A bit of the array is another one."""
    with h5py.File(path) as file:
        offset = file["k"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as raw:
        raw.seek(offset)
        raw.write(b"\xff")


def _unknown(path: str, patch: pytest.MonkeyPatch) -> None:
    """A later version, or another package, has stored it."""
    with h5py.File(path, "r+") as file:
        file["k"].attrs["hdfchk"] = np.bytes_(b"later.Thing/1")


def _without_scipy(path: str, patch: pytest.MonkeyPatch) -> None:
    """The library of what is stored is not installed."""
    scipy = pytest.importorskip("scipy.sparse")
    HDF5Checkpointer(path)["k"] = scipy.csr_array(np.eye(3))
    patch.setitem(sys.modules, "scipy.sparse", None)
    patch.setitem(sys.modules, "scipy", None)


def _no_file_of_hdf5(path: str, patch: pytest.MonkeyPatch) -> None:
    """The file is of another kind."""
    with open(path, "wb") as raw:
        raw.write(b"0" * 3000)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_damaged, CorruptFileError),
        (_unknown, UnknownTypeError),
        (_without_scipy, MissingExtraError),
        (_no_file_of_hdf5, CorruptFileError),
    ],
    ids=["damaged", "unknown", "without_scipy", "no_file_of_hdf5"],
)
def test_a_result_that_cannot_be_read(
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[str, pytest.MonkeyPatch], None],
    error: type[Exception],
) -> None:
    """It is computed, after a warning; what is stored is not replaced. A strict call raises."""
    HDF5Checkpointer(path, checksum=True)["k"] = np.arange(9000.0)
    spoil(path, monkeypatch)
    with open(path, "rb") as raw:
        before = raw.read()
    chk, seen = HDF5Checkpointer(path), []

    def work() -> int:
        seen.append(len(caught))
        return 7

    for call in (lambda: chk.cached_eval("k", work), lambda: chk.cached("k")(work)()):
        with pytest.warns(ResultNotStoredWarning) as caught:
            assert call() == 7
        (text,) = [str(warning.message) for warning in caught]
        assert caught[0].filename == __file__ and "'k'" in text and path in text
        assert "cannot be read" in text and f"({error.__name__}: " in text
    assert seen == [1, 1]  # it is told first: the computation may take long
    for strict in (
        lambda: chk.cached_eval("k", work, strict=True),
        lambda: chk.cached("k", strict=True)(work)(),
    ):
        with pytest.raises(error):
            strict()
    assert seen == [1, 1]  # nothing was computed
    with open(path, "rb") as raw:
        assert raw.read() == before


def test_a_store_that_could_not_be_read_for_a_while(path: str) -> None:
    """A result is stored if its key is free once it is computed; else what is there stays."""
    chk = HDF5Checkpointer(path, lock_timeout=0.05)
    for stored in (7, 8):
        held = h5py.File(path, "a")  # a writer that locks the file
        held["other"] = 1

        def work(held: h5py.File = held, value: int = stored) -> int:
            held.close()
            return value

        with pytest.warns(ResultNotStoredWarning, match=r"LockedError: ") as caught:
            assert chk.cached_eval("k", work) == stored
        assert len(caught) == 1 and chk["k"] == 7
        with h5py.File(path, "a") as file:
            del file["other"]


def test_the_warning_names_the_caller(chk: HDF5Checkpointer) -> None:
    """A result that is not stored is told where it was wanted."""
    with pytest.warns(ResultNotStoredWarning) as caught:
        chk.cached_eval("y", object)
        chk.cached("z")(object)()
    assert [warning.filename for warning in caught] == [__file__, __file__]


def test_a_result_not_stored_in_a_transaction(path: str) -> None:
    """What cannot be encoded leaves a transaction whole; a change that fails in it does not."""
    chk = HDF5Checkpointer(path)
    with chk.transaction():
        chk["before"] = 1
        with pytest.warns(ResultNotStoredWarning):
            assert chk.cached_eval("k", object)
    assert chk.load() == {"before": 1}
    with pytest.raises(TransactionError), chk.transaction():
        chk["after"] = 1
        with pytest.warns(ResultNotStoredWarning):
            assert chk.cached_eval("before/k", lambda: 3) == 3
    assert chk.load() == {"before": 1}


def test_cached_none(chk: HDF5Checkpointer) -> None:
    """None is a result like any other."""
    calls: list[int] = []
    for _ in range(2):
        assert chk.cached_eval("n", lambda: calls.append(1)) is None
    assert calls == [1]


def test_decorator(chk: HDF5Checkpointer) -> None:
    """A decorated function is computed once a key; the key may come from the arguments."""
    calls: list[Any] = []

    @chk.cached("fixed")
    def fixed() -> dict[str, int]:
        """Its docstring."""
        calls.append("fixed")
        return {"a": 1}

    @chk.cached(lambda n, m=0: ("by", f"{n}-{m}"), condition=lambda key: key != ("by", "9-0"))
    def by(n: int, m: int = 0) -> int:
        calls.append((n, m))
        return n + m

    assert (
        fixed() == fixed() == {"a": 1}
        and fixed.__doc__ == "Its docstring."
        and fixed.__name__ == "fixed"
    )
    assert [by(1), by(1), by(1, m=2), by(9), by(9)] == [1, 1, 3, 9, 9]
    assert calls == ["fixed", (1, 0), (1, 2), (9, 0), (9, 0)]
    assert chk["by"] == {"1-0": 1, "1-2": 3}


def test_in_a_group_and_through_a_filter(chk: HDF5Checkpointer) -> None:
    """Groups and views keep results, too; not where a filter refuses the key."""
    assert chk.group("g", create=True).cached_eval("x", lambda: 1) == 1 == chk["g/x"]
    view = chk.view(allowed_keys="g")
    with pytest.raises(KeyError):
        view.cached_eval("other", lambda: 1, strict=True)
    assert "other" not in chk
