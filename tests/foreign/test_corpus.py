"""Every edit of every file of the corpus leaves all else as it was, and reads back exactly."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from . import known
from .compare import Allowed, differences
from .describe import Description
from .driver import in_child
from .edits import EDITS, Run
from .registry import build, names

MOST = 8
"""So many keys of a file does each edit try here; the command tries more."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Makes a file of the corpus the first time that it is asked for."""
    folder, made = str(tmp_path_factory.mktemp("corpus")), {}

    def get(name: str) -> str:
        if name not in made:
            made[name] = build(name, folder)
        return made[name]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", names())
def test_edits(corpus, tmp_path, name, edit):
    """A file of the corpus is read, edited and compacted; what fails is known, and no more."""
    run = Run(corpus(name), str(tmp_path / "copy"), edit, MOST).run()
    told = "\n".join(map(str, run.faults))
    if known.fails(name, edit):
        assert run.faults, f"{edit} of {name} is right now: take it out of the table"
    else:
        assert not run.faults, told


def test_the_table_has_no_others():
    """What is known to fail is in the corpus."""
    assert known.FAILS.keys() <= set(EDITS)
    assert {name for found in known.FAILS.values() for name in found} <= set(names())


@pytest.mark.slow
def test_all_of_it_is_tried(corpus, tmp_path):
    """Reading looks at each object, and edits find keys to edit."""
    path, done = corpus("loom/matrix"), {}
    for edit in EDITS:
        done[edit] = Run(path, str(tmp_path / edit), edit).run().done
    assert done["read"] == len(Description(path).objects) == 16
    assert all(count > 1 for edit, count in done.items() if edit != "verify"), done


def change_value(file):
    file["forecast/wind"][1, 1] = 100


def change_bits(file):
    file["forecast/wind"][0, 0] = -0.0


def change_attribute(file):
    file["forecast/model/run 1"].attrs["source"] = "another"


def cut_attribute(file):
    text = h5py.h5a.open(file["forecast/model/run 1"].id, b"history").get_type()
    file["forecast/model/run 1"].attrs.create("history", np.bytes_(b"mad"), dtype="S4")
    assert text.get_size() == 4


def remove_attribute(file):
    del file["x"].attrs["_Netcdf4Dimid"]


def retarget(file):
    file["forecast/wind"].attrs["reference"] = file["x"].ref


def replace(file):
    data = file["x"][...]
    attributes = dict(file["x"].attrs)
    del file["x"]
    file["x"] = data
    for name, value in attributes.items():
        file["x"].attrs[name] = value


def repack(file):
    wind = file["forecast/wind"]
    data = wind[...]
    del file["forecast/wind"]
    file["forecast"].create_dataset("wind", data=data, chunks=(1, 3), maxshape=(None, 3))


def relink(file):
    file["forecast/alias"] = file["x"]


def remove(file):
    del file["forecast/model"]


@pytest.mark.parametrize(
    "change",
    [change_value, change_bits, change_attribute, cut_attribute, remove_attribute, retarget, replace,
     repack, relink, remove],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_the_comparison_sees(corpus, tmp_path, change):
    """Each change of a file, however small, is a difference; none is none."""
    path = str(tmp_path / "file.h5")
    shutil.copyfile(corpus("netcdf/groups"), path)
    before = Description(path)
    assert differences(before, Description(path), Allowed()) == []
    with h5py.File(path, "r+") as file:
        change(file)
    assert differences(before, Description(path), Allowed())


def test_dangling_references_are_seen(corpus, tmp_path):
    """What a reference leads to is a part of what has it."""
    path = str(tmp_path / "file.h5")
    shutil.copyfile(corpus("types/references"), path)
    before = Description(path)
    with h5py.File(path, "r+") as file:
        del file["x"]
    found = differences(before, Description(path), Allowed(added=("/x",)))
    assert any("/objects" in what for what in found) and any("/regions" in what for what in found)


@pytest.mark.slow
def test_a_folder_of_files(corpus, tmp_path):
    """The command takes a folder, leaves its files alone, and says what it did."""
    folder = tmp_path / "folder" / "inner"
    folder.mkdir(parents=True)
    for name in ("loom/matrix", "files/user block of 512"):
        shutil.copyfile(corpus(name), folder / f"{name.replace('/', '-')}.h5")
    (folder / "notes.txt").write_text("no HDF5 at all")
    (folder / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(range(200)))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = [sys.executable, "-m", "tests.foreign", str(tmp_path / "folder"), "--edit", "read"]
    out = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, encoding="utf-8", check=False
    )
    assert out.returncode == 0, out.stdout + out.stderr
    assert "0 faults in 3 files" in out.stdout and "HDF5 cannot read it" in out.stdout
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_child_that_dies_or_hangs(corpus, monkeypatch, tmp_path):
    """A process that ends, or takes too long, is told, and is a fault unless HDF5 alone does so."""
    path = corpus("loom/matrix")
    result = in_child(path, ["read"], 5, 0.001)
    assert "HDF5 itself" in result.note and not result.faults
    python, shell = sys.executable, tmp_path / "python"
    shell.write_text("#!/bin/sh\nkill -9 $$\n")
    shell.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(shell))
    result = in_child(path, ["read"], 5, 60)
    assert "HDF5 itself" in result.note and "ended by 9" in result.note and not result.faults
    shell.write_text(f'#!/bin/sh\ncase "$*" in *look*) exec {python} "$@";; *) kill -9 $$;; esac\n')
    assert "ended by 9" in in_child(path, ["read"], 5, 60).faults[0][2]
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "raised" in in_child(path, ["read"], 5, 60).faults[0][2]
