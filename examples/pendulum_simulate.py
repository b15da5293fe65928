"""First of three scripts on one file: the swing of a damped pendulum, as a sensor records it.

    python pendulum_simulate.py pendulum.hdf5
    python pendulum_analyse.py pendulum.hdf5
    python pendulum_report.py pendulum.hdf5

Each script is a function of named arguments. It is called with what the file contains,
`run(**chk)`, and what it returns is stored: no script knows what the others are called, or what
else the file contains.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer

PARAMETERS = {
    "length": 0.994,  # m: the seconds pendulum
    "gravity": 9.81,  # m/s^2
    "damping": 0.02,  # 1/s
    "start": 0.2,  # rad
    "duration": 60.0,  # s
    "rate": 50.0,  # 1/s
    "noise": 0.002,  # rad
    "seed": 3,
}


def acceleration(angle: float, speed: float, p: Any) -> float:
    """Return the angular acceleration in rad/s^2."""
    return float(-p["gravity"] / p["length"] * np.sin(angle) - 2 * p["damping"] * speed)


def simulate(parameters: Any) -> dict[str, Any]:
    """Return times in s and angles in rad, integrated by the classical Runge-Kutta method."""
    p = parameters
    step = 1 / p["rate"]
    times = np.arange(round(p["duration"] * p["rate"])) * step
    angles = np.empty(len(times))
    x, v = p["start"], 0.0
    for i in range(len(times)):
        angles[i] = x
        x1, v1 = v, acceleration(x, v, p)
        x2, v2 = v + step / 2 * v1, acceleration(x + step / 2 * x1, v + step / 2 * v1, p)
        x3, v3 = v + step / 2 * v2, acceleration(x + step / 2 * x2, v + step / 2 * v2, p)
        x4, v4 = v + step * v3, acceleration(x + step * x3, v + step * v3, p)
        x += step / 6 * (x1 + 2 * x2 + 2 * x3 + x4)
        v += step / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
    noise = np.random.default_rng(p["seed"]).normal(0.0, p["noise"], len(times))
    return {"times": times, "angles": angles + noise}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Simulate a pendulum.")
    parser.add_argument("file", help="the file that the three scripts share")
    file = parser.parse_args().file
    with HDF5Checkpointer(file) as chk:
        chk["parameters"] = PARAMETERS
        chk.update(chk.call(simulate))
        print("stored", *chk)
