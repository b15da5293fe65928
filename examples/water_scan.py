"""Vibrations of the water molecule, angle by angle, in a computation that can be interrupted.

The vibrational levels of H2O (or D2O) without rotation, from an exact kinetic energy operator in
Radau coordinates: two distances and the angle between them. For each angle of a Gauss-Legendre
grid the stretching problem in the two distances is solved on a sinc grid. These steps are the scan,
and each is saved. From their lowest states the full, three-dimensional Hamiltonian is then built
and diagonalized.

    python water_scan.py water.hdf5 --stop-after 18     # stops halfway
    python water_scan.py water.hdf5                     # computes only the missing steps
    python water_report.py water.hdf5

Sources:
    Potential: the monomer of q-TIP4P/F, S. Habershon, T. E. Markland, D. E. Manolopoulos,
        J. Chem. Phys. 131, 024501 (2009), doi 10.1063/1.3167790: a Morse stretch expanded to
        fourth order for each bond and a harmonic bend. It was developed for the liquid.
    Sinc grid: D. T. Colbert, W. H. Miller, J. Chem. Phys. 96, 1982 (1992).
    Sequential diagonalization and truncation: Z. Bacic, J. C. Light, J. Chem. Phys. 85,
        4594 (1986).
    Masses: the atomic mass evaluation of 2012. Units: CODATA 2018.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

# One thread: each run then adds in the same order, and results agree to the last bit.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

from hdfchk import HDF5Checkpointer

WAVENUMBERS_PER_KCAL = 349.75509  # cm^-1 for 1 kcal/mol
KINETIC = 16.857629  # hbar^2 / 2 in cm^-1 amu angstrom^2

MASSES = {"H": 1.00782503223, "D": 2.01410177812, "O": 15.99491461957}  # amu
POTENTIAL = {
    "depth": 116.09,  # kcal/mol
    "alpha": 2.287,  # 1/angstrom
    "distance": 0.9419,  # angstrom
    "bend": 87.85,  # kcal/mol/rad^2
    "angle": 107.4,  # degrees
}
DISTANCES = (0.50, 1.70, 28)  # angstrom: first, last, number of points
CUTOFF = 26000.0  # cm^-1: stretching states above it are discarded


def settings(molecule: str, angles: int) -> dict[str, Any]:
    """Return everything that the result depends on."""
    return {
        "molecule": molecule,
        "hydrogen_mass": MASSES["D" if molecule == "D2O" else "H"],
        "oxygen_mass": MASSES["O"],
        "potential": POTENTIAL,
        "angles": angles,
        "cutoff": CUTOFF,
    }


def make_grid(angles: int) -> dict[str, Any]:
    """Return the points of the distances (sinc grid) and of the angle (Gauss-Legendre)."""
    cosines, weights = np.polynomial.legendre.leggauss(angles)
    return {
        "distance": np.linspace(*DISTANCES),
        "cosine": cosines,
        "weight": weights,
        "angle": np.degrees(np.arccos(cosines)),
    }


def potential(r1: Any, r2: Any, angle: Any) -> Any:
    """Return the potential energy in cm^-1; bond lengths in angstrom, bond angle in radians."""
    energy = POTENTIAL["bend"] / 2 * (angle - np.radians(POTENTIAL["angle"])) ** 2
    for r in (r1, r2):
        x = POTENTIAL["alpha"] * (r - POTENTIAL["distance"])
        energy = energy + POTENTIAL["depth"] * x**2 * (1 - x + 7 / 12 * x**2)
    return energy * WAVENUMBERS_PER_KCAL


def to_bonds(q1: Any, q2: Any, cosine: Any, mass_ratio: float) -> tuple[Any, Any, Any]:
    """Return bond lengths and angle for Radau coordinates; `mass_ratio` is hydrogen to oxygen."""
    c = (np.sqrt(1 + 2 * mass_ratio) - 1) / 2  # r1 = q1 + c (q1 + q2), as vectors
    d = 1 + c
    product = q1 * q2 * cosine
    r1 = np.sqrt((d * q1) ** 2 + (c * q2) ** 2 + 2 * c * d * product)
    r2 = np.sqrt((c * q1) ** 2 + (d * q2) ** 2 + 2 * c * d * product)
    dot = c * d * (q1**2 + q2**2) + (c**2 + d**2) * product
    return r1, r2, np.arccos(np.clip(dot / (r1 * r2), -1, 1))


def bend_matrix(grid: Any) -> np.ndarray:
    """Return the matrix of the squared angular momentum of the bend on the angular grid."""
    count = len(grid["cosine"])
    degree = np.arange(count)
    vandermonde = np.polynomial.legendre.legvander(grid["cosine"], count - 1)
    basis = vandermonde * np.sqrt(degree + 0.5) * np.sqrt(grid["weight"])[:, None]
    matrix: np.ndarray = (basis * (degree * (degree + 1))) @ basis.T
    return matrix


def exchange_bases(points: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pairs of distances for states that are even, and odd, under hydrogen exchange."""
    return {"even": np.triu_indices(points), "odd": np.triu_indices(points, 1)}


def stretch_step(grid: Any, given: Any, index: int) -> dict[str, Any]:
    """Compute one step of the scan: energies and states of both stretches at one angle."""
    q = grid["distance"]
    points = len(q)
    mass = given["hydrogen_mass"]
    offset = np.arange(points)[:, None] - np.arange(points)
    with np.errstate(divide="ignore"):
        kinetic = np.where(offset == 0, np.pi**2 / 3, 2.0 / offset**2) * (-1.0) ** offset
    kinetic *= KINETIC / (mass * (q[1] - q[0]) ** 2)

    q1, q2 = np.meshgrid(q, q, indexing="ij")
    bonds = to_bonds(q1, q2, grid["cosine"][index], mass / given["oxygen_mass"])
    local = potential(*bonds)

    step: dict[str, Any] = {"angle": float(grid["angle"][index])}
    for name, (i, j) in exchange_bases(points).items():
        sign = 1 if name == "even" else -1
        norm = np.where(i == j, 0.5, np.sqrt(0.5))
        same = np.eye(points)
        # <i j| T1 + T2 |k l> between pairs, and with k and l exchanged.
        matrix = sum(
            factor * (kinetic[np.ix_(i, k)] * same[np.ix_(j, m)]
                      + same[np.ix_(i, k)] * kinetic[np.ix_(j, m)])
            for factor, k, m in ((1, i, j), (sign, j, i))
        )  # fmt: skip
        matrix = matrix * (norm[:, None] * norm * 2)
        matrix[np.diag_indices_from(matrix)] += local[i, j]
        energies, states = np.linalg.eigh(matrix)
        kept = energies < given["cutoff"]
        step[name] = {"energies": energies[kept], "states": states[:, kept]}
    return step


def bend_factor(q1: Any, q2: Any, mass: float) -> Any:
    """Return the factor of the squared angular momentum of the bend, in cm^-1."""
    return KINETIC / mass * (1 / q1**2 + 1 / q2**2)


def full_levels(grid: Any, given: Any, scan: list[Any], name: str) -> np.ndarray:
    """Return the levels of the full three-dimensional problem, in cm^-1, for one symmetry."""
    i, j = exchange_bases(len(grid["distance"]))[name]
    factor = bend_factor(grid["distance"][i], grid["distance"][j], given["hydrogen_mass"])
    energies = [step[name]["energies"] for step in scan]
    states = np.concatenate([step[name]["states"] for step in scan], axis=1)
    where = np.repeat(np.arange(len(scan)), [len(kept) for kept in energies])
    matrix = (states.T @ (factor[:, None] * states)) * bend_matrix(grid)[np.ix_(where, where)]
    matrix[np.diag_indices_from(matrix)] += np.concatenate(energies)
    return np.linalg.eigvalsh(matrix)


def run(file: str, molecule: str = "H2O", angles: int = 36, stop_after: int | None = None) -> bool:
    """Compute the steps that are missing in the file; return whether the scan is complete.

    Args:
        file: the file of the scan.
        molecule: H2O or D2O.
        angles: the number of angles.
        stop_after: the maximum number of steps in this run.
    """
    # No `with`: each assignment opens, writes and closes the file. If the process is killed between
    # two steps, the file is complete by itself.
    chk = HDF5Checkpointer(file)
    given = settings(molecule, angles)
    if chk.setdefault("settings", given) != given:
        raise SystemExit(f"{file} contains a scan with other settings: use another file")
    grid = chk.cached_eval("grid", make_grid, args=(angles,))

    done = 0
    for index in range(angles):
        key = f"scan/{index:02d}"
        if key in chk:
            continue
        if done == stop_after:
            print(f"stopped after {done} steps: run again to continue", flush=True)
            return False
        step = stretch_step(grid, given, index)
        with chk.transaction():  # the step and its row of the log: both or neither
            chk[key] = step
            chk.append("ground_states", step["even"]["energies"][:1].sum() or np.nan)
        done += 1
        print(f"step {index + 1} of {angles} saved", flush=True)

    if "energies" not in chk:
        with chk:  # the states of all steps are memory-mapped, not read
            scan = list(chk["scan"].load(mmap=True).values())
            levels = {name: full_levels(grid, given, scan, name)[:40] for name in ("even", "odd")}
        mass_ratio = given["hydrogen_mass"] / given["oxygen_mass"]
        bond_angle = to_bonds(1.0, 1.0, grid["cosine"], mass_ratio)[2]  # the same at all q1 == q2
        chk.update({
            "energies": levels,
            "bend": {
                "bond_angle": np.degrees(bond_angle),
                "stretch_ground_state": chk["ground_states"],
            },
        })  # fmt: skip
    print(f"{done} steps done in this run; {file} is complete", flush=True)
    return True


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Vibrations of water, in an interruptible scan.")
    parser.add_argument("file", help="the HDF5 file in which to store the steps")
    parser.add_argument("--molecule", choices=("H2O", "D2O"), default="H2O")
    parser.add_argument("--angles", type=int, default=36, help="number of steps")
    parser.add_argument("--stop-after", type=int, metavar="N", help="stop after N steps")
    options = parser.parse_args()
    run(options.file, options.molecule, options.angles, options.stop_after)


if __name__ == "__main__":
    main()
