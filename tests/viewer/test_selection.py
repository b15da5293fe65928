"""Selections of the page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfchk import InvalidOptionError
from hdfchk.viewer.selection import parse


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_as_numpy(shape: list[int], data: st.DataObject) -> None:
    """A selection means what NumPy takes it for."""
    parts = []
    for length in shape:
        if data.draw(st.booleans()):
            parts.append(str(data.draw(st.integers(-length, length - 1))))
        else:
            bounds = st.one_of(st.just(""), st.integers(-9, 9).map(str))
            step = data.draw(st.sampled_from(["", ":", ":1", ":2"]))
            parts.append(f"{data.draw(bounds)}:{data.draw(bounds)}{step}")
    array = np.arange(np.prod(shape)).reshape(shape)
    index = parse(",".join(parts), tuple(shape))
    expected = eval(f"array[{','.join(parts)},]", {"array": array})
    assert np.array_equal(array[index], expected)


def test_axes_may_be_left_out() -> None:
    """Without a selection everything is selected."""
    assert parse("", (2, 3)) == (slice(0, 2, 1), slice(0, 3, 1))
    assert parse("1", (2, 3)) == (1, slice(0, 3, 1))
    assert parse("", ()) == ()


@pytest.mark.parametrize(
    "text",
    ["2", "-3", "0,0,0", "a", "__import__('os')", "[0]", "0:1:-1", "0:1:0", "1e3", "...", "0:1:1:1",
     "9" * 30, ",", "0 1"],
)  # fmt: skip
def test_refused(text: str) -> None:
    """What is no selection within the shape is an error."""
    with pytest.raises(InvalidOptionError, match="selection"):
        parse(text, (2, 3))
