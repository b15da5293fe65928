"""``watch``."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.cli import watch
from hdfchk.cli.opening import read
from tests.support.command import Terminal, invoke


def test_once(demo: Path) -> None:
    """What is there, as a line each; or as JSON."""
    out = invoke("watch", demo, "--count", 1).out
    lines = {line.split("  ")[2]: line.split("  ") for line in out.splitlines()}
    assert lines["steps"][1:] == ["=", "steps", "int", "500"]
    assert lines["loss"][3] == "float64 (50,)" and "█" in lines["loss"][4] and "\x1b" not in out
    records = invoke("watch", demo, "steps", "para*", "--count", 1, "--json").json
    assert [record["key"] for record in records] == [
        "steps",
        "params/steps",
        "params/deep/y",
    ] and "time" in records[0]


def test_a_running_job(tmp_path: Path) -> None:
    """New keys, values that change, arrays that grow; it ends where --until says."""
    path = tmp_path / "x.h5"
    stop = threading.Event()

    def job() -> None:
        with HDF5Checkpointer(path) as chk:
            step = 0
            while not stop.is_set():
                chk.append("loss", np.exp(-step / 10))
                chk["step"] = step
                step += 1
                time.sleep(0.01)

    worker = threading.Thread(target=job)
    HDF5Checkpointer(path)["same"] = 1
    worker.start()
    try:
        result = invoke("watch", path, "--every", 0.05, "--until", "loss>=20")
    finally:
        stop.set()
        worker.join()
    assert result.code == 0
    lines = [line.split("  ")[1:] for line in result.out.splitlines()]
    assert [line[1] for line in lines].count("same") == 1
    changed = [line for line in lines if line[0] == "~"]
    assert {line[1] for line in changed} <= {"loss", "step"}
    assert {line[1] for line in lines} == {"same", "loss", "step"}


def test_ends(demo: Path) -> None:
    """A condition may be one of a number or of a length; what is none is wrong usage."""
    assert invoke("watch", demo, "steps", "--until", "steps>=500").code == 0
    assert invoke("watch", demo, "--until", "/loss >= 5e1").code == 0
    for text in ("steps", "steps>500", "steps>=x"):
        assert invoke("watch", demo, "--until", text).code == 2


def test_a_file_that_comes_later(tmp_path: Path) -> None:
    """It waits for a file that is not there yet."""
    result = invoke("watch", tmp_path / "x.h5", "--count", 2, "--every", 0.01)
    assert result.code == 0 and result.out == "" and "no file yet" in result.err


@pytest.mark.parametrize("gone_at", ["read", "describe"])
@pytest.mark.parametrize("look", [1, 2])
def test_a_file_that_vanishes(
    demo: Path, monkeypatch: pytest.MonkeyPatch, gone_at: str, look: int
) -> None:
    """A file that goes while it is looked at is waited for, as one that is not there yet."""
    away = demo.with_name("away.h5")
    whole = demo.read_bytes()
    looks = 0
    original = getattr(watch, gone_at)

    def while_it_goes(*args: Any, **options: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == look:
            demo.rename(away)
        try:
            return original(*args, **options)
        finally:
            if looks == look:
                away.write_bytes(whole)
                HDF5Checkpointer(away)["steps"] = 501
                away.rename(demo)

    monkeypatch.setattr(watch, gone_at, while_it_goes)
    if look == 2:  # the second look is at another state of the file
        slept = time.sleep

        def sleep(seconds: float) -> None:
            if looks == 1:
                HDF5Checkpointer(demo)["name"] = "new"
            slept(seconds)

        monkeypatch.setattr(time, "sleep", sleep)
    result = invoke("watch", demo, "--every", 0.01, "--until", "steps>=501")
    assert result.code == 0
    assert [line.split("  ")[4] for line in result.out.splitlines() if "  steps  " in line][
        -1
    ] == "501"
    assert ("no file yet" in result.err) == (look == 1)


def test_a_file_that_cannot_be_read_anymore(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is an error at the first look; later it is waited for."""
    looks = 0

    def failing(*args: Any, **options: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == failing_at:
            raise PermissionError(13, "Permission denied", str(demo))
        return read(*args, **options)

    monkeypatch.setattr(watch, "read", failing)
    failing_at = 1
    assert invoke("watch", demo, "--count", 1).code == 3
    looks, failing_at = 0, 2
    stamps = iter(range(10))
    monkeypatch.setattr(watch, "stamp_of", lambda file: (next(stamps),))
    assert invoke("watch", demo, "--count", 3, "--every", 0.01).code == 0
    assert looks == 3


@pytest.mark.slow
def test_in_a_terminal(tmp_path: Path) -> None:
    """A table in place, which follows a writer; Ctrl-C ends it with 130, and leaves the table."""
    path = tmp_path / "x.h5"
    with HDF5Checkpointer(path) as chk:
        chk["step"] = 1234
        with Terminal("watch", path, "--every", "0.1") as terminal:
            terminal.wait_for("1234", "Ctrl-C ends")
            chk["step"] = 5678
            terminal.wait_for("5678")
            assert "Traceback" not in terminal.seen
            terminal.interrupt()
            assert terminal.end() == 130
    assert "Traceback" not in terminal.seen


def test_what_it_waits_for(demo: Path, tmp_path: Path) -> None:
    """A name may be mistyped: without a screen, too, one line says what is waited for."""
    missing = tmp_path / "missing.h5"
    result = invoke("watch", missing, "--count", 2, "--every", 0.01)
    assert result.code == 0 and result.out == "" and result.err.count("\n") == 1
    assert str(missing) in result.err and "no file yet" in result.err
    result = invoke("watch", demo, "lsos", "--count", 1, "--json")
    assert result.out == "" and "these keys" in result.err and str(demo) in result.err
    assert invoke("watch", demo, "loss", "--count", 1).err == ""
