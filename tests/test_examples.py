"""The examples run as scripts; the scan gives the same result however it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer
from tests.support.exact import differs
from tests.support.libraries import library

pytestmark = pytest.mark.slow  # each script is a process or several, which compute something

ROOT = Path(__file__).parents[1]
STEPS = "12"


def command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", str(ROOT / "examples" / script), *arguments]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def run(folder: Path, script: str, *arguments: str) -> str:
    done = subprocess.run(
        command(script, *arguments),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a scan that runs through."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder, "water_scan.py", "w.hdf5", "--angles", STEPS)
    return folder / "w.hdf5"


def test_stopped_and_resumed(whole: Path, tmp_path: Path) -> None:
    """Stopped by the flag, and again, and resumed: the same to the last bit, each step done once."""
    first = run(tmp_path, "water_scan.py", "w.hdf5", "--angles", STEPS, "--stop-after", "5")
    second = run(tmp_path, "water_scan.py", "w.hdf5", "--angles", STEPS, "--stop-after", "3")
    third = run(tmp_path, "water_scan.py", "w.hdf5", "--angles", STEPS)
    assert [text.count("saved") for text in (first, second, third)] == [5, 3, 4]
    assert "complete" in third and "complete" not in second
    assert differs(hdfchk.load(whole), hdfchk.load(tmp_path / "w.hdf5")) is None
    assert run(tmp_path, "water_scan.py", "w.hdf5", "--angles", STEPS).count("saved") == 0


KILLED = """
import os, signal, sys
import water_scan

angles, after = map(int, sys.argv[1:])
step = water_scan.stretch_step

def step_or_die(grid, given, index):
    if index == after:  # the step before is saved, this one is being computed
        os.kill(os.getpid(), signal.SIGKILL)
    return step(grid, given, index)

water_scan.stretch_step = step_or_die
water_scan.run("w.hdf5", angles=angles)
"""


@pytest.mark.parametrize("after", [1, 4])
def test_killed_and_restarted(whole: Path, tmp_path: Path, after: int) -> None:
    """Killed after some saved steps and started again: the same to the last bit."""
    killed = subprocess.run(
        [sys.executable, "-W", "error", "-c", KILLED, STEPS, str(after)],
        cwd=tmp_path,
        env=ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "examples")])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(hdfchk.load(tmp_path / "w.hdf5")["scan"]) == after
    rest = run(tmp_path, "water_scan.py", "w.hdf5", "--angles", STEPS)
    assert rest.count("saved") == int(STEPS) - after
    assert differs(hdfchk.load(whole), hdfchk.load(tmp_path / "w.hdf5")) is None


def test_report(whole: Path, tmp_path: Path) -> None:
    """The second script reports what the first has stored; of an unfinished scan it says so."""
    text = run(tmp_path, "water_report.py", str(whole))
    assert "zero-point energy" in text and "asymmetric stretch" in text
    run(tmp_path, "water_scan.py", "w.hdf5", "--angles", STEPS, "--stop-after", "1")
    done = subprocess.run(
        command("water_report.py", "w.hdf5"),
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "not complete" in done.stderr


def test_physics(tmp_path: Path) -> None:
    """With all angles the fundamentals lie within 3.2 per cent of the measured ones."""
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        from water_report import BANDS, MEASURED
    finally:
        sys.path.remove(str(ROOT / "examples"))
    for molecule in ("H2O", "D2O"):
        run(tmp_path, "water_scan.py", f"{molecule}.hdf5", "--molecule", molecule)
        energies = hdfchk.load(tmp_path / f"{molecule}.hdf5")["energies"]
        for name, symmetry, place in BANDS:
            measured = MEASURED[molecule].get(name)
            if measured is not None:
                assert (
                    abs(energies[symmetry][place] - energies["even"][0] - measured)
                    < 0.032 * measured
                )


def test_old_script(tmp_path: Path) -> None:
    """A script of the older checkpointer runs with nothing but its import changed; twice."""
    first, second = (run(tmp_path, "old_script.py", "run.hdf5").splitlines() for _ in range(2))
    assert first[1:] == second[1:] and first[1].startswith("mean position")
    assert "'piece_2'" in first[0] and "'mean'" in second[0]
    loaded = hdfchk.load(tmp_path / "run.hdf5")
    assert loaded["info"] == {"pieces": 3} and loaded["params"]["method"] == "semi-implicit euler"


TRAINED = ("--steps", "600")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a training run without a kill."""
    folder = tmp_path_factory.mktemp("trained")
    text = run(folder, "training.py", "t.hdf5", *TRAINED)
    assert text.startswith("start at step 0\nstep 600: loss ")
    return folder / "t.hdf5"


@pytest.mark.parametrize("steps", [[1], [250], [299, 301, 599]])
def test_training_killed_and_resumed(trained: Path, tmp_path: Path, steps: list[int]) -> None:
    """A training run that was killed, once or often, ends with the same bits as one that was not."""
    for step in steps:
        killed = subprocess.run(
            command("training.py", "t.hdf5", *TRAINED, "--kill-at", str(step)),
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
    saved = steps[-1] // 50 * 50
    assert run(tmp_path, "training.py", "t.hdf5", *TRAINED).startswith(f"start at step {saved}\n")
    assert differs(hdfchk.load(trained), hdfchk.load(tmp_path / "t.hdf5")) is None
    assert len(hdfchk.load(trained, "loss")) == 600


def test_training_killed_from_outside(trained: Path, tmp_path: Path) -> None:
    """Killed wherever it happens to be, while it writes too, it ends with the same bits."""
    for rows in (50, 200, 350):  # killed after at least so many rows, at no step in particular
        process = subprocess.Popen(
            command("training.py", "t.hdf5", *TRAINED),
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
        )
        while process.poll() is None:
            with HDF5Checkpointer(tmp_path / "t.hdf5") as chk:
                if "loss" in chk and len(chk.array("loss")) >= rows:
                    process.kill()
                    process.wait()
        assert process.returncode in {0, -signal.SIGKILL}  # 0: the run was faster than the look
    run(tmp_path, "training.py", "t.hdf5", *TRAINED)
    assert differs(hdfchk.load(trained), hdfchk.load(tmp_path / "t.hdf5")) is None


def test_trajectory(tmp_path: Path) -> None:
    """Two readers beside a writer see whole commits, the last one in the end; energy is conserved."""
    text = run(tmp_path, "trajectory.py", "argon.hdf5", "--steps", "200")
    lines = dict(line.split(": ", 1) for line in text.splitlines())
    assert lines["writer"] == "40 frames"
    assert lines["energy"].startswith("40 frames, ") and lines["mobility"].startswith("40 frames, ")
    stored = hdfchk.load(tmp_path / "argon.hdf5")
    assert stored["frames"].shape == (40, 64, 3)
    total = stored["energies"]["potential"] + stored["energies"]["kinetic"]
    assert np.ptp(total) < 0.002 * abs(total.mean())


def test_scripts_on_one_file(tmp_path: Path) -> None:
    """Three scripts on one file: each adds what it has found, the last one reads what it needs."""
    assert run(tmp_path, "pendulum_simulate.py", "p.hdf5") == "stored parameters times angles\n"
    first = run(tmp_path, "pendulum_analyse.py", "p.hdf5")
    assert first == "stored parameters times angles fit spectrum\n"
    assert run(tmp_path, "pendulum_analyse.py", "p.hdf5") == first
    fit = hdfchk.load(tmp_path / "p.hdf5", "fit")
    assert abs(fit["period"] - 2.0015) < 0.002 and abs(fit["damping"] - 0.02) < 0.001
    report = run(tmp_path, "pendulum_report.py", "p.hdf5")
    assert "strongest line   0.500 1/s" in report


EXECUTE = """
import sys
import nbclient, nbformat

notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, "executed.ipynb")
"""


def test_notebook(tmp_path: Path) -> None:
    """The notebook runs, its objects show HTML, and it is stored without what it shows."""
    place = ROOT / "examples" / "notebook.ipynb"
    cells = json.loads(place.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)
    library("nbclient")
    library("ipykernel")
    subprocess.run(
        [sys.executable, "-c", EXECUTE, str(place)], cwd=tmp_path, env=ENVIRONMENT, check=True
    )
    done = json.loads((tmp_path / "executed.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = {}
    for cell in done:
        for output in cell.get("outputs", []):
            assert output["output_type"] == "execute_result", output  # no prints, no warnings
            shown["".join(cell["source"]).splitlines()[-1]] = {
                kind: "".join(text) for kind, text in output["data"].items()
            }
    for expression in ("chk", 'chk["params"]', 'chk.array("frames")', "chk.tree()"):
        assert shown[expression]["text/html"].startswith("<div")
    assert "euler" in shown['chk["params"]']["text/html"]
    assert "bohr" in shown['chk.array("frames").attrs']["text/html"]
    assert "notebook.hdf5" in shown["chk.info()"]["text/plain"]
