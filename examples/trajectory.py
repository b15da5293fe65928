"""A simulation of liquid argon that writes its trajectory, and programs that read it meanwhile.

    python trajectory.py argon.hdf5              # a writer and two readers at once

or each in a terminal of its own, the writer first:

    python trajectory.py argon.hdf5 --only write
    python trajectory.py argon.hdf5 --only energy
    python trajectory.py argon.hdf5 --only mobility

One process writes; any number read, without waiting for it and without delaying it. Each time a
reader opens the file, it sees one commit, the newest one: so many frames, and as many energies.

Model: 64 atoms with the potential of Lennard and Jones in a periodic box, by velocity Verlet, in
reduced units, at the density and near the temperature of liquid argon: A. Rahman, Phys. Rev. 136,
A405 (1964).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer

SETTINGS = {"side": 4, "density": 0.8, "temperature": 0.8, "time_step": 0.004, "every": 5}


def forces(positions: np.ndarray, box: float) -> tuple[np.ndarray, float]:
    """Return the forces, and the potential energy, of all pairs within half the box."""
    apart = positions[:, None] - positions[None]
    apart -= box * np.round(apart / box)
    squared = (apart**2).sum(axis=-1)
    np.fill_diagonal(squared, np.inf)
    inverse = np.where(squared < (box / 2) ** 2, 1 / squared, 0.0) ** 3
    shift = (2 / box) ** 6  # the potential is zero where it is cut off
    energy = 2 * ((inverse**2 - inverse) - (shift**2 - shift) * (inverse > 0)).sum()
    strength = 24 * (2 * inverse**2 - inverse) / squared
    return (strength[..., None] * apart).sum(axis=1), float(energy)


def write(file: str, steps: int) -> None:
    """Simulate, and append a frame and its energies every few steps, as one commit."""
    rng = np.random.default_rng(7)
    side = SETTINGS["side"]
    box = float((side**3 / SETTINGS["density"]) ** (1 / 3))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    x = (grid + 0.5) * box / side
    v = rng.normal(0.0, SETTINGS["temperature"] ** 0.5, x.shape)
    v -= v.mean(axis=0)
    step = SETTINGS["time_step"]
    force, potential = forces(x, box)
    with HDF5Checkpointer(file, mode="w") as chk:
        chk["settings"] = {**SETTINGS, "box": box, "atoms": len(x)}
        for number in range(1, steps + 1):
            v += step / 2 * force
            x += step * v  # not wrapped into the box: displacements are those of the atoms
            force, potential = forces(x, box)
            v += step / 2 * force
            if number % SETTINGS["every"] == 0:
                with chk.transaction():
                    chk.append("frames", x.astype("f4"))
                    chk.append(
                        "energies", {"potential": potential, "kinetic": float((v**2).sum() / 2)}
                    )
        chk["finished"] = True
    print(f"writer: {steps // int(SETTINGS['every'])} frames", flush=True)


def energy(chk: Any, frames: int) -> str:
    """Return the energies so far."""
    total = chk["energies/potential"] + chk["energies/kinetic"]
    assert len(total) == frames  # one commit: as many energies as frames
    atoms = chk["settings/atoms"]
    return f"energy per atom {total.mean() / atoms:.3f}, spread {np.ptp(total) / atoms:.4f}"


def mobility(chk: Any, frames: int) -> str:
    """Return how far the atoms have moved: reads two frames, whatever the length."""
    trajectory = chk.array("frames")
    moved = ((trajectory[frames - 1] - trajectory[0]) ** 2).sum(axis=-1)
    return f"mean squared displacement {moved.mean():.3f}"


READERS: dict[str, Callable[[Any, int], str]] = {"energy": energy, "mobility": mobility}


def read(file: str, name: str, pause: float = 0.2) -> None:
    """Look at the file again and again, until the writer has finished."""
    seen = 0
    while True:
        with HDF5Checkpointer(file, mode="r") as chk:  # one snapshot
            finished = chk.get("finished", False)
            frames = len(chk.array("frames")) if "frames" in chk else 0
            assert frames >= seen  # what was committed stays
            if frames:
                text = READERS[name](chk, frames)
        seen = frames
        if finished:
            print(f"{name}: {frames} frames, {text}", flush=True)
            return
        time.sleep(pause)


def run_all(file: str, steps: int) -> None:
    """Start the writer and the readers, each a process, and wait for them."""
    HDF5Checkpointer(file, mode="w")["settings"] = SETTINGS  # not the file of an earlier run
    command = [sys.executable, __file__, file, "--steps", str(steps), "--only"]
    names = ["write", *READERS]
    processes = [subprocess.Popen([*command, name]) for name in names]
    failed = [name for name, process in zip(names, processes, strict=True) if process.wait()]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A simulation and its readers.")
    parser.add_argument("file", help="the HDF5 file of the trajectory")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--only", choices=["write", *READERS], help="one of the processes")
    options = parser.parse_args()
    if options.only is None:
        run_all(options.file, options.steps)
    elif options.only == "write":
        write(options.file, options.steps)
    else:
        read(options.file, options.only)


if __name__ == "__main__":
    main()
