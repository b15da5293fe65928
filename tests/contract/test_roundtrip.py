"""What goes in comes out: each row of the table, at every place, through a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, NestingError
from hdfchk.codecs.portable import Capabilities
from hdfchk.codecs.registry import default_registry
from hdfchk.tree import MAX_DEPTH
from tests.support import roundtrip
from tests.support.exact import differs

ROWS = [
    pytest.param(
        row,
        id=row.name,
        marks=[] if row.can_be_made() else pytest.mark.skip(f"{row.needs} is not installed"),
    )
    for row in roundtrip.every_row()
]
POOR = Capabilities(
    null=False, complex_numbers=False, longdouble=False, variable_strings=False, mark_all=True
)
PLACES = {
    "alone": lambda value: value,
    "in a dict": lambda value: {"before": 1, "value": value},
    "in a list": lambda value: [value, "after"],
    "in a tuple in a dict in a list": lambda value: [{"deep": (value, None)}],
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(
    "place",
    [
        "alone",
        pytest.param("in a dict", marks=pytest.mark.slow),
        pytest.param("in a list", marks=pytest.mark.slow),
        "in a tuple in a dict in a list",
    ],
)
def test_file(row: roundtrip.Row, place: str, tmp_path: Path) -> None:
    """A value read from a file is the one that was written, type and all."""
    with HDF5Checkpointer(tmp_path / "x.hdf5") as chk:
        for index, value in enumerate(row.make()):
            chk[f"k{index}"] = PLACES[place](value)
    with HDF5Checkpointer(tmp_path / "x.hdf5", mode="r") as chk:
        for index, value in enumerate(row.make()):
            assert differs(PLACES[place](value), chk.load_parameter(f"k{index}")) is None


@pytest.mark.parametrize("row", ROWS)
def test_memory(row: roundtrip.Row) -> None:
    """The in-memory backend gives back the same."""
    for place in PLACES.values():
        chk = HDF5Checkpointer(None)
        for index, value in enumerate(row.make()):
            chk[f"k{index}"] = place(value)
            assert differs(place(value), chk.load(f"k{index}")) is None


@pytest.mark.parametrize("row", ROWS)
def test_poor_backend(row: roundtrip.Row) -> None:
    """A backend that keeps little natively and wants marks everywhere loses nothing either."""
    for value in row.make():
        node = default_registry.encode(value, POOR)
        _check_poor(node)
        assert differs(value, default_registry.decode(node)) is None


def _check_poor(node: object) -> None:
    from hdfchk.tree import Branch

    assert node.mark is not None
    if isinstance(node, Branch):
        for child in node.children.values():
            _check_poor(child)
        return
    assert node.data is not None
    assert not isinstance(node.data, complex)
    if isinstance(node.data, np.ndarray):
        assert node.data.dtype.kind not in "Oc"
        assert node.data.dtype.char != "g"


SAVE = """
import sys
from hdfchk import HDF5Checkpointer
from tests.support import roundtrip
with HDF5Checkpointer(sys.argv[1]) as chk:
    for key, value in roundtrip.cases():
        chk[key] = {"top": value, "nested": {"in": {"value": value}}, "listed": [0, value]}
"""
READ = """
import sys
from hdfchk import HDF5Checkpointer
from hdfchk.tree import MAX_DEPTH
from tests.support import roundtrip
from tests.support.exact import differs
chk = HDF5Checkpointer(sys.argv[1], mode="r")
count = 0
with chk:
    for key, value in roundtrip.cases():
        stored = chk.load(key)
        for found in (stored["top"], stored["nested"]["in"]["value"], stored["listed"][1]):
            why = differs(value, found, key)
            count += 1
            if why:
                sys.exit(why)
print(count)
"""


@pytest.mark.slow
def test_two_interpreters(tmp_path: Path) -> None:
    """What one interpreter saves, a fresh one reads as it was."""
    path = str(tmp_path / "x.hdf5")
    root = Path(__file__).parents[2]
    for program in (SAVE, READ):
        done = subprocess.run(
            [sys.executable, "-c", program, path],
            capture_output=True,
            text=True,
            cwd=root,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == 3 * len(roundtrip.cases())


def test_types_page() -> None:
    """docs/types.md is made from the table and does not drift from it."""
    for row in roundtrip.table():
        assert row.count in {0, len(row.make())}, row.name
    page = Path(__file__).parents[2] / "docs" / "types.md"
    assert page.read_text(encoding="utf-8") == roundtrip.markdown()


def test_depth(tmp_path: Path) -> None:
    """Values nest down to the limit; below it they are refused, whole, naming the place."""
    for wrap in (lambda value: {"d": value}, lambda value: [value], lambda value: (value,)):
        value: object = {}
        for _ in range(MAX_DEPTH - 1):
            value = wrap(value)
        chk = HDF5Checkpointer(tmp_path / "x.hdf5")
        chk["x"] = value
        found, depth = chk.load("x"), 0
        while found:
            (found,) = found.values() if isinstance(found, dict) else found
            depth += 1
        assert depth == MAX_DEPTH - 1
        with pytest.raises(NestingError) as caught:
            chk["y"] = wrap(wrap(value))
        assert caught.value.key.startswith("y/")
        assert list(chk) == ["x"]


def test_two_codecs_for_one_name() -> None:
    """Two codecs for one encoding or one type are an error."""
    from hdfchk import RegistrationError
    from hdfchk.codecs.families import CODECS

    with pytest.raises(RegistrationError, match="list"):
        CodecRegistry().add(next(codec for codec in CODECS if codec.name == "list"))
