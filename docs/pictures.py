"""Make the picture of the index page: ``python docs/pictures.py [FOLDER]`` (needs matplotlib)."""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import hdfchk

DOCS = Path(__file__).parent
TRAINING = DOCS.parent / "examples" / "training.py"
KILLED = 700
STYLE = {
    "svg.hashsalt": "hdfchk",
    "svg.fonttype": "none",
    "font.size": 9,
    "path.simplify_threshold": 1.0,
}


def train(file: Path, *arguments: str) -> np.ndarray:
    """Run the example and return the losses that are in its file."""
    subprocess.run([sys.executable, TRAINING, file, *arguments], check=False)
    losses = hdfchk.load(file, "loss")
    return losses.reshape(-1, 20).mean(axis=1)  # a mean of 20 steps, for the eye


def main(target: Path) -> None:
    """Train twice, once with a kill, and draw both."""
    with tempfile.TemporaryDirectory() as folder:
        through = train(Path(folder) / "through.hdf5")
        before = train(Path(folder) / "killed.hdf5", "--kill-at", str(KILLED))
        resumed = train(Path(folder) / "killed.hdf5")
        files = [hdfchk.load(Path(folder) / f"{name}.hdf5") for name in ("through", "killed")]
        weights = [file["state"]["weights"] for file in files]
        assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    steps = 20 * np.arange(1, len(through) + 1)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
        axes.semilogy(steps, through, color="0.75", linewidth=5, label="a run without a kill")
        count = len(before)
        axes.semilogy(steps[:count], before, color="C0", label=f"until kill -9 at step {KILLED}")
        axes.semilogy(steps[count - 1 :], resumed[count - 1 :], color="C3", label="started again")
        axes.axvline(KILLED, color="0.5", linewidth=0.8, linestyle=":")
        axes.set(xlabel="step", ylabel="loss")
        axes.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
        axes.minorticks_off()
        axes.legend(frameon=False)
        figure.savefig(target / "training.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS)
