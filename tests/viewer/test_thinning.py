"""Curves with fewer points."""

from __future__ import annotations

import numpy as np
import pytest

from hdfchk.viewer.thinning import extremes, steps_of


def thin(curve: np.ndarray, most_rows: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    return extremes(len(curve), lambda start, stop: curve[start:stop], most_rows, bins)


@pytest.mark.parametrize("length", [1, 7, 99, 100, 101, 1000, 1003])
@pytest.mark.parametrize("most_rows", [1, 10, 64, 10_000])
def test_extremes_of_bins(length: int, most_rows: int) -> None:
    """Of each bin the least and the largest are there, at their places, however it is read."""
    curve = np.random.default_rng(length).standard_normal(length)
    places, values = thin(curve, most_rows, bins=20)
    assert np.array_equal(values, curve[places])
    assert (np.diff(places) > 0).all() and places[0] == 0 and places[-1] == length - 1
    size = -(-length // 20)
    for start in range(0, length, size):
        part = values[(places >= start) & (places < start + size)]
        assert part.min() == curve[start : start + size].min()
        assert part.max() == curve[start : start + size].max()
    assert len(places) <= 2 * 20 + 2


def test_a_peak_of_one_point_stays() -> None:
    """One point among a million is seen."""
    curve = np.zeros(1_000_000)
    curve[123_456] = 7
    places, values = thin(curve, 100_000, bins=1000)
    assert places[values.argmax()] == 123_456 and len(values) <= 2002


def test_nan_hides_nothing() -> None:
    """NaN beside a number does not hide it; a bin of NaN stays a gap."""
    curve = np.array([np.nan, 3.0, 1.0, np.nan, np.nan, np.nan, 2.0, np.nan])
    places, values = thin(curve, 100, bins=2)
    assert {1, 2, 6} <= set(places.tolist())
    gap = np.array([1.0, 2.0, np.nan, np.nan, 5.0, 6.0])
    assert np.isnan(thin(gap, 100, bins=3)[1]).any()


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f8"])
def test_dtypes(dtype: str) -> None:
    """Every dtype of numbers keeps its elements as they are."""
    curve = (np.arange(500) % 7).astype(dtype)
    places, values = thin(curve, 100, bins=50)
    assert values.dtype == curve.dtype and np.array_equal(values, curve[places])


@pytest.mark.parametrize("shape", [(10, 10), (3, 5000, 5000), (2, 10**7), (10**7, 2), (1, 10**9)])
def test_steps(shape: tuple[int, ...]) -> None:
    """The last two axes have at most so many elements, and no fewer than a third of them."""
    steps = steps_of(shape, most=1_000_000)
    rows, columns = (-(-length // step) for length, step in zip(shape[-2:], steps[-2:]))
    assert rows * columns <= 1_000_000
    assert rows * columns > 250_000 or steps == (1,) * len(shape)
    assert set(steps[:-2]) <= {1}
