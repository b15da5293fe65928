"""h5py's private module of selections, and what is used where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py._hl import selections
from hypothesis import given
from hypothesis import strategies as st

from hdfchk.backends.hdf5.data import own_selection
from hdfchk.backends.hdf5.data.streams import boxes_of

ROOT = Path(__file__).parents[4]
SHAPES = [(), (7,), (4, 5), (3, 1, 6), (0, 4)]


def parts(length: int) -> st.SearchStrategy[Any]:
    """Parts of an index for an axis, right and wrong."""
    # Of rows beyond the end h5py says nothing until HDF5 does: they are tried below.
    row = st.integers(-length, length - 1)
    rows = st.lists(row, max_size=4) if length else st.just([])
    mask = st.lists(st.booleans(), min_size=length, max_size=length).map(
        lambda m: np.array(m, bool)
    )
    return st.one_of(
        st.slices(max(length, 1)),
        st.integers(-length - 1, length),
        rows.map(lambda found: sorted(set(found))),
        rows.map(lambda found: np.array(found, int)),
        mask,
        st.sampled_from([Ellipsis, None, "name", 1.5]),
    )


@st.composite
def indices(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """A shape and an index."""
    shape = draw(st.sampled_from(SHAPES))
    if draw(st.booleans()) and shape:
        return shape, (
            np.array(draw(st.lists(st.booleans(), min_size=60, max_size=60)))[
                : np.prod(shape)
            ].reshape(shape),
        )
    count = draw(st.integers(0, len(shape) + 1))
    return shape, tuple(draw(parts(shape[n] if n < len(shape) else 3)) for n in range(count))


def outcome(select: Any, shape: tuple[int, ...], args: tuple[Any, ...], dataset: Any) -> Any:
    """What is selected, in numbers; the error's class where it is refused."""
    try:
        found = select(shape, args, dataset)
    except (TypeError, ValueError, IndexError, NotImplementedError):
        return "refused"
    points = int(found.nselect)
    bounds = found.id.get_select_bounds() if points and shape else None
    return points, tuple(found.mshape), tuple(found.array_shape), bounds, boxes_of(found.id)


@given(indices())
def test_the_same_as_h5py(case: tuple[tuple[int, ...], tuple[Any, ...]]) -> None:
    """It selects the same elements as h5py, and refuses the same indices."""
    shape, args = case
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("x", shape, "i4")
        theirs = outcome(selections.select, shape, args, dataset)
        assert outcome(own_selection.select, shape, args, dataset) == theirs


CHILD = "(indexing or take_what) and not large"
WITHOUT = """
import sys
import h5py
taken = sys.modules["h5py._hl.selections"]
sys.modules["h5py._hl.selections"] = None
from hdfchk.backends.hdf5.data import own_selection, selection
assert selection.select is own_selection.select
sys.modules["h5py._hl.selections"] = taken  # h5py itself needs it
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def test_rows_beyond_the_end() -> None:
    """A row that is not there is refused before HDF5 sees it."""
    for rows in ([5], [0, 9], [-6]):
        with pytest.raises(IndexError, match="out of range for an axis of 5"):
            own_selection.select((4, 5), (0, rows))


@pytest.mark.slow
def test_without_h5pys_private_module() -> None:
    """Where h5py has no `_hl.selections`, parts of arrays are read and written all the same."""
    tests = ["tests/foreign/test_slices.py", "tests/arrays/test_array.py", "-k", CHILD]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
