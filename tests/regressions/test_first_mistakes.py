"""What a newcomer writes first: the error says what was meant, or what to do."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hdfchk
from hdfchk import (
    CheckpointerKeyError,
    CodecRegistry,
    HDF5Checkpointer,
    InvalidOptionError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    "given, meant", [("r", "r"), ("rb", "r"), ("w+", "w"), ("a", "a"), ("json", None)]
)
def test_a_mode_in_the_place_of_the_serializer(path: str, given: str, meant: str | None) -> None:
    """``HDF5Checkpointer("a.h5", "r")``, as h5py takes it, is an error at once."""
    words = "did you mean mode='{}'".format(meant) if meant else "it is a CodecRegistry"
    with pytest.raises(InvalidOptionError, match=words):
        HDF5Checkpointer(path, given)
    assert HDF5Checkpointer(path, CodecRegistry()) == {}


@pytest.mark.parametrize("mode, meant", [("rb", "r"), ("wb", "w"), ("r+b", "r+"), ("ab", "a")])
def test_modes_of_open(path: str, mode: str, meant: str) -> None:
    """The error names the mode that stands for it."""
    with pytest.raises(InvalidOptionError, match=f"did you mean mode='{meant.replace('+', '.')}'"):
        HDF5Checkpointer(path, mode=mode)
    with pytest.raises(InvalidOptionError, match=r"see h5py\.File"):
        HDF5Checkpointer(path, mode="json")


def test_a_file_that_is_not_there(path: str) -> None:
    """Whatever reads a key of it says so; a key that is missing in a file has another error."""
    chk = HDF5Checkpointer(path)
    calls: list[Any] = [
        lambda: chk["x"],
        lambda: chk.load("x"),
        lambda: chk.array("x"),
        lambda: chk.table("x"),
        lambda: chk.group("x"),
        lambda: chk.pop("x"),
        lambda: chk.edit("x"),
        lambda: chk.move("x", "y"),
        lambda: chk.__delitem__("x"),
    ]
    for call in calls:
        with pytest.raises(
            CheckpointerKeyError, match="the file does not exist, or is empty"
        ) as caught:
            call()
        assert path in str(caught.value) and caught.value.key == "x"
    assert not os.path.exists(path)
    chk["energy"] = 1
    with pytest.raises(CheckpointerKeyError, match="did you mean 'energy'"):
        chk["enregy"]
    del chk["energy"]
    with pytest.raises(CheckpointerKeyError, match=r"see keys\(\)"):
        chk["enregy"]
    with pytest.raises(CheckpointerKeyError, match=r"see keys\(\)"):
        HDF5Checkpointer(None)["x"]


def test_folders_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named, and a '~' that nobody has expanded."""
    monkeypatch.chdir(tmp_path)
    for name, words in (
        ("no/such/x.h5", os.path.join("no", "such")),
        ("~/x.h5", "expanduser"),
        ("~somebody/x.h5", "expanduser"),
    ):
        for call in (
            lambda name=name: HDF5Checkpointer(name).update(x=1),
            lambda name=name: HDF5Checkpointer(name, mode="r")["x"],
            lambda name=name: hdfchk.load(name),
        ):
            with pytest.raises(FileNotFoundError, match=words):
                call()
    (tmp_path / "~").mkdir()
    HDF5Checkpointer("~/x.h5")["x"] = 1  # a folder of this name is one
    assert (tmp_path / "~" / "x.h5").exists()


@pytest.mark.parametrize(
    "key, text",
    [
        (("x", slice(2, 4)), "chk.array('x')[2:4]"),
        (("x", slice(None), 0), "chk.array('x')[:, 0]"),
        (("a", "x", slice(None, None, 2)), "chk.array('a/x')[::2]"),
        (("x", ...), "chk.array('x')[...]"),
        (("x", np.int64(3)), "chk.array('x')["),
    ],
    ids=["slice", "two", "path", "ellipsis", "numpy"],
)
def test_an_index_in_a_key(path: str, key: Any, text: str) -> None:
    """``chk["x", 2:4]``: the error has the call that reads a part of an array."""
    chk = HDF5Checkpointer(path)
    chk["x"] = np.arange(5)
    with pytest.raises(CheckpointerKeyError) as caught:
        chk[key]
    assert text in str(caught.value)
    with pytest.raises(CheckpointerKeyError, match=r"see keys\(\)"):
        chk["x", object()]


@pytest.mark.parametrize("target", ["path", "memory"])
def test_a_handle_on_what_is_no_array(path: str, target: str) -> None:
    """The error says how it is read instead."""
    chk = HDF5Checkpointer(path if target == "path" else None)
    chk["mixed"] = [1, "a", None]
    with pytest.raises(UnsupportedStoredError, match=r"chk\[key\]"):
        chk.array("mixed")


def test_values_that_cannot_be_stored() -> None:
    """What to store in their place fits the type."""

    class Plain:
        def __init__(self) -> None:
            self.x = 1

    class Slots:
        __slots__ = ("x",)

    chk = HDF5Checkpointer(None)
    for value, words in ((Plain(), r"store vars\(value\)"), (Slots(), "store its parts in a dict")):
        with pytest.raises(UnsupportedTypeError, match=words) as caught:
            chk["x"] = value
        assert "to_state=" in str(caught.value) and caught.value.key == "x"
    chk["args"] = argparse.Namespace(x=1)  # these are stored as they are
    chk["random"] = np.random.default_rng(1)


def test_methods_of_other_libraries(path: str) -> None:
    """The error of a name that h5py or dict-like classes have names the method to use."""
    chk = HDF5Checkpointer(path)
    for name, words in (("rename", "move"), ("create_group", "create=True"), ("flush", "commit")):
        assert not hasattr(chk, name)
        with pytest.raises(AttributeError, match=words):
            getattr(chk, name)
    with pytest.raises(AttributeError) as caught:
        chk.kyes()
    assert caught.value.name == "kyes" and caught.value.obj is chk  # Python suggests `keys`


def test_only_frames_of_the_caller_are_shown(path: str) -> None:
    """IPython and pytest leave out the frames in which a value was being encoded."""
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedTypeError) as caught:
        chk["x"] = {"a": [object()]}
    shown = [
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(caught.value.__traceback__)
        if not frame.f_locals.get("__tracebackhide__")
    ]
    assert shown[:2] == ["test_only_frames_of_the_caller_are_shown", "__setitem__"]
    assert len(shown) <= 6


def test_a_script_of_mistakes_imports_little() -> None:
    """What shows and explains imports nothing heavy where it is not used."""
    code = (
        "import sys, hdfchk\n"
        "repr(hdfchk.HDF5Checkpointer(None)), hdfchk.HDF5Checkpointer(None)._repr_html_()\n"
        "assert not {'rich', 'IPython', 'html.parser'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
