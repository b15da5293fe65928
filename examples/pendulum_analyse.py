"""Second of three scripts on one file: period and damping from the recorded angles."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer


def fit(times: np.ndarray, angles: np.ndarray) -> dict[str, float]:
    """Fit the crossings of zero, and the largest angles between them.

    Args:
        times: in s, of shape (n,).
        angles: in rad, of shape (n,).

    Returns:
        ``period`` in s, ``damping`` in 1/s.
    """
    smooth = np.convolve(angles, np.ones(9) / 9, mode="same")
    before = np.flatnonzero((smooth[:-1] < 0) & (smooth[1:] >= 0))
    crossings = times[before] - smooth[before] * (times[before + 1] - times[before]) / (
        smooth[before + 1] - smooth[before]
    )
    swings = np.split(np.abs(smooth), before + 1)[1:-1]
    largest = np.log([swing.max() for swing in swings])
    period = np.polyfit(np.arange(len(crossings)), crossings, 1)[0]
    damping = -np.polyfit(crossings[:-1], largest, 1)[0]
    return {"period": float(period), "damping": float(damping)}


def spectrum(times: np.ndarray, angles: np.ndarray) -> dict[str, Any]:
    """Return frequencies in 1/s and amplitudes in rad."""
    amplitudes = np.abs(np.fft.rfft(angles * np.hanning(len(angles)))) * 4 / len(angles)
    return {
        "frequencies": np.fft.rfftfreq(len(times), times[1] - times[0]),
        "amplitudes": amplitudes,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Analyse the swing of a pendulum.")
    parser.add_argument("file", help="the file that the three scripts share")
    file = parser.parse_args().file
    with HDF5Checkpointer(file) as chk:
        chk["fit"] = chk.call(fit)  # reads `times` and `angles`, nothing else
        chk.cached_eval("spectrum", lambda: chk.call(spectrum))
        print("stored", *chk)
