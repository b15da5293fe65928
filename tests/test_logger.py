"""Records of the logger `hdfchk`: which there are, and that a handler cannot do any harm."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from hdfchk import CodecRegistry, FileReplacedError, HDF5Checkpointer, UnsupportedTypeError, salvage

ROOT = Path(__file__).parents[1]


class Log(logging.Handler):
    """All records of the logger."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.levelname, record.getMessage().split(os.sep)[-1]))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """What the logger is told, from now on."""
    logger, handler = logging.getLogger("hdfchk"), Log()
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(logging.NOTSET)


def records(log: Log) -> list[tuple[str, str]]:
    """Level and text of each record since the last call; the texts from the name of the file on."""
    found, log.found = log.found, []
    return found


@pytest.fixture
def killed(path: str) -> str:
    """A file and the journal of a writer that was killed, as copies of them."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk.commit()
        chk["b"] = 2
        for name in (path, path + "-journal"):
            shutil.copyfile(name, name.replace("store", "killed"))
    return path.replace("store", "killed")


def test_small_writes_make_none(path: str, log: Log) -> None:
    """Assignments and appends in a block make no record; the checkpoint at its end makes one."""
    chk = HDF5Checkpointer(path)
    chk["n"] = 0
    records(log)
    with chk:
        chk["n"] = 1
        for step in range(20):
            chk["n"] = step
            chk.append("loss", float(step))
            chk["n"]
        assert records(log) == []
    (level, text), *more = records(log)
    assert level == "DEBUG" and text.startswith("store.hdf5: checkpoint of ") and not more


def test_a_killed_writer(killed: str, log: Log) -> None:
    """What a killed writer has left is told where a writer finds it."""
    records(log)
    chk = HDF5Checkpointer(killed)
    assert chk.recover()
    ((level, text),) = records(log)
    assert level == "INFO" and text.startswith("killed.hdf5: its journal has ")
    assert chk["b"] == 2


def test_a_journal_set_aside(killed: str, log: Log) -> None:
    """So is a journal that was set aside."""
    records(log)
    HDF5Checkpointer(killed).recover(discard=True)
    assert ("INFO", "killed.hdf5-journal.1") in records(log)


def test_compaction_and_salvage(path: str, log: Log) -> None:
    """So are files that were written anew."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    records(log)
    freed = chk.compact()
    assert ("INFO", f"store.hdf5: compacted, {freed} bytes freed") in records(log)
    salvage(path, path + ".salvaged")
    assert records(log)[-1] == ("INFO", "store.hdf5.salvaged: 1 values, 0 damaged")


@pytest.mark.skipif(sys.platform != "linux", reason="a file that is open is removed")
def test_a_rescued_file(path: str, log: Log) -> None:
    """So is a file that was rescued."""
    with pytest.raises(FileReplacedError), HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk.commit()
        os.remove(path)
        records(log)
        chk["b"] = bytes(100_000)
    assert any("rescued" in text for _, text in records(log))


OTHER = """
import sys, time
from hdfchk import HDF5Checkpointer

with HDF5Checkpointer(sys.argv[1]) as chk:
    chk["a"] = 1
    print("writing", flush=True)
    sys.stdin.readline()
    time.sleep(0.5)
"""


def test_a_wait(path: str, log: Log) -> None:
    """A wait for another writer is told once, when it begins, with the writer."""
    command = [sys.executable, "-c", OTHER, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=ROOT, **pipes) as other:
        assert other.stdout.readline() == "writing\n"
        other.stdin.write("\n")
        other.stdin.flush()
        HDF5Checkpointer(path, lock_timeout=60)["b"] = 2
    waits = [text for _, text in records(log) if "waiting" in text]
    assert len(waits) == 1 and str(other.pid) in waits[0]


def test_entry_points(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points are told, or that they are not loaded."""
    monkeypatch.setenv("HDFCHK_NO_PLUGINS", "1")
    with pytest.raises(UnsupportedTypeError):
        CodecRegistry().encode(object())
    ((level, text),) = records(log)
    assert level == "DEBUG" and "HDFCHK_NO_PLUGINS" in text


class _Failing(logging.Handler):
    """A handler that does what it must not."""

    def __init__(self, does: Callable[[], Any]) -> None:
        super().__init__()
        self.does = does
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        self.does()


@pytest.mark.parametrize("does", ["fails", "reads", "writes"])
def test_a_handler_does_no_harm(
    path: str, does: str, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handler that raises, or uses the store, changes nothing; its error is printed."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    calls = {"fails": lambda: 1 / 0, "reads": lambda: chk["a"], "writes": lambda: chk.update(x=1)}
    handler = _Failing(calls[does])
    logging.getLogger("hdfchk").handlers[:] = [handler]
    with chk:
        chk["b"] = 2
        chk.commit()
        chk["c"] = {"d": bytes(100_000)}
    chk.compact()
    assert handler.count >= 3 and "Error" in capsys.readouterr().err
    logging.getLogger("hdfchk").handlers.clear()
    assert chk.load() == {"a": 1, "b": 2, "c": {"d": bytes(100_000)}} and chk.verify().ok
    with h5py.File(path) as file:
        assert list(file) == ["a", "b", "c"]


def test_without_logging(tmp_path: Path) -> None:
    """`import hdfchk` does not import logging, and a program that never did prints no records."""
    code = (
        "import sys, hdfchk; assert 'logging' not in sys.modules\n"
        f"chk = hdfchk.HDF5Checkpointer({str(tmp_path / 'x.hdf5')!r}); chk['a'] = 1; chk.compact()\n"
        "import logging; logger = logging.getLogger('hdfchk')\n"
        "assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
