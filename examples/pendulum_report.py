"""Third of three scripts on one file: what was put in, and what was found."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer


def report(*, parameters: Any, fit: Any, spectrum: Any, **_: Any) -> str:
    """Return the report as text.

    Args:
        parameters: ``length``, ``gravity``, ``damping`` of the simulation.
        fit: ``period`` in s and ``damping`` in 1/s.
        spectrum: ``frequencies`` in 1/s and ``amplitudes`` in rad.
        _: other keys of the file, not used.
    """
    small = 2 * np.pi * (parameters["length"] / parameters["gravity"]) ** 0.5
    strongest = spectrum["frequencies"][spectrum["amplitudes"].argmax()]
    return "\n".join([
        f"period           {fit['period']:.4f} s; of small swings {small:.4f} s",
        f"damping          {fit['damping']:.4f} 1/s; put in {parameters['damping']:.4f} 1/s",
        f"strongest line   {strongest:.3f} 1/s",
    ])  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Report on the swing of a pendulum.")
    parser.add_argument("file", help="the file that the three scripts share")
    file = parser.parse_args().file
    light = HDF5Checkpointer(file, mode="r", omitted_keys=["times", "angles"])
    print(report(**light))
