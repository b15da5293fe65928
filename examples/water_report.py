"""Report on a finished scan: computed and measured vibrational levels.

    python water_report.py water.hdf5

The store is passed as keyword arguments: `report(**chk)`.

Sources of the measured band origins, rounded to 0.1 cm^-1: J. Tennyson et al., J. Quant. Spectrosc.
Radiat. Transfer 117, 29 (2013) for H2O, and 142, 93 (2014) for D2O.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer

# Name, symmetry under exchange of the two atoms, index among the levels of that symmetry.
BANDS = [
    ("bend, v2", "even", 1),
    ("bend overtone, 2 v2", "even", 2),
    ("symmetric stretch, v1", "even", 3),
    ("asymmetric stretch, v3", "odd", 0),
]
MEASURED = {  # cm^-1
    "H2O": {
        "bend, v2": 1594.7,
        "bend overtone, 2 v2": 3151.6,
        "symmetric stretch, v1": 3657.1,
        "asymmetric stretch, v3": 3755.9,
    },
    "D2O": {
        "bend, v2": 1178.4,
        "symmetric stretch, v1": 2671.6,
        "asymmetric stretch, v3": 2787.7,
    },
}


def report(*, settings: Any, energies: Any, bend: Any, **_: Any) -> str:
    """Return the report as text.

    Args:
        settings: parameters of the computation: ``molecule``, ``angles``.
        energies: levels in cm^-1 for each symmetry, ``even`` and ``odd``.
        bend: ``bond_angle`` in degrees and ``stretch_ground_state`` in cm^-1 of each step.
        _: other keys of the store, not used.
    """
    molecule = settings["molecule"]
    zero = energies["even"][0]
    lines = [
        f"{molecule}, vibrations from {settings['angles']} angles",
        "",
        f"zero-point energy {zero:.1f} cm^-1",
        "",
        f"{'band':<24}{'computed':>10}{'measured':>10}{'difference':>12}  cm^-1",
    ]
    for name, symmetry, place in BANDS:
        level = energies[symmetry][place] - zero
        measured = MEASURED[molecule].get(name)
        beside = "" if measured is None else f"{measured:>10.1f}{level - measured:>+12.1f}"
        lines.append(f"{name:<24}{level:>10.1f}{beside}")
    energy = bend["stretch_ground_state"]
    near = np.nanargmin(energy) + np.arange(-1, 2)  # nan: no state below the cutoff
    curvature, slope, _constant = np.polyfit(bend["bond_angle"][near], energy[near], 2)
    angle = -slope / (2 * curvature)
    lines += [
        "",
        f"lowest energy of the stretches at a bond angle of {angle:.1f} degrees",
    ]
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Report on a finished scan of water.")
    parser.add_argument("file", help="the HDF5 file of water_scan.py")
    options = parser.parse_args()
    with HDF5Checkpointer(options.file, mode="r", omitted_keys="scan") as chk:
        if "energies" not in chk:
            raise SystemExit(f"{options.file} is not complete: run water_scan.py again")
        print(report(**chk))


if __name__ == "__main__":
    main()
