"""Train a small neural network in a run that can be killed at any moment, and resumed.

    python training.py run.hdf5                  # trains; started again after a kill, it continues
    python training.py run.hdf5 --kill-at 700    # kills itself at step 700, as `kill -9` does

The network sorts Fisher's 150 irises into three species by four lengths. Its state is everything
that the rest of the run depends on: the weights, the momenta of the optimizer, the random generator
and the step. The state and the rows of the log are stored together, so a run that was killed ends
with the same bits as one that was not.

Source of `iris.csv`: R. A. Fisher, Annals of Eugenics 7, 179 (1936), as in R's data set `iris`.
"""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from typing import Any

# One thread: each run then adds in the same order, and results agree to the last bit.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

from hdfchk import HDF5Checkpointer

SETTINGS = {"steps": 1500, "hidden": 16, "batch": 30, "rate": 0.05, "momentum": 0.9, "seed": 1}
SAVE_EVERY = 50  # steps


def read_irises() -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths, scaled, of shape (150, 4), and the species, 0 to 2."""
    lines = (Path(__file__).parent / "iris.csv").read_text(encoding="utf-8").split("\n")[1:151]
    rows = [line.split(",") for line in lines]
    lengths = np.array([row[:4] for row in rows], dtype=np.float64)
    names = sorted({row[4] for row in rows})
    species = np.array([names.index(row[4]) for row in rows])
    return (lengths - lengths.mean(axis=0)) / lengths.std(axis=0), species


def begin(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the state before the first step."""
    rng = np.random.default_rng(settings["seed"])
    hidden = settings["hidden"]
    weights = {
        "first": rng.normal(0.0, 0.5, (4, hidden)),
        "first_bias": np.zeros(hidden),
        "second": rng.normal(0.0, 0.5, (hidden, 3)),
        "second_bias": np.zeros(3),
    }
    momenta = {name: np.zeros_like(weight) for name, weight in weights.items()}
    return {"step": 0, "weights": weights, "momenta": momenta, "rng": rng}


def probabilities(weights: dict[str, Any], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each species, and the activations of the hidden layer."""
    hidden = np.tanh(x @ weights["first"] + weights["first_bias"])
    scores = hidden @ weights["second"] + weights["second_bias"]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), hidden


def train_step(
    state: dict[str, Any], settings: dict[str, Any], x: np.ndarray, y: np.ndarray
) -> float:
    """Do one step on a random batch; change the state in place and return the loss."""
    weights, momenta = state["weights"], state["momenta"]
    batch = state["rng"].choice(len(x), settings["batch"], replace=False)
    p, hidden = probabilities(weights, x[batch])
    rows = np.arange(len(batch))
    loss = float(-np.log(p[rows, y[batch]]).mean())
    p[rows, y[batch]] -= 1
    p /= len(batch)
    back = (p @ weights["second"].T) * (1 - hidden**2)
    gradients = {
        "first": x[batch].T @ back,
        "first_bias": back.sum(axis=0),
        "second": hidden.T @ p,
        "second_bias": p.sum(axis=0),
    }
    for name, gradient in gradients.items():
        momenta[name] = settings["momentum"] * momenta[name] - settings["rate"] * gradient
        weights[name] = weights[name] + momenta[name]
    state["step"] += 1
    return loss


def run(file: str, settings: dict[str, Any], kill_at: int | None = None) -> None:
    """Train to the last step, from wherever the file stands.

    Args:
        file: the file of the run.
        settings: what the result depends on.
        kill_at: the step in which the process kills itself.
    """
    x, y = read_irises()
    with HDF5Checkpointer(file) as chk:
        if chk.setdefault("settings", settings) != settings:
            raise SystemExit(f"{file} contains a run with other settings: use another file")
        state = chk.load("state") if "state" in chk else begin(settings)
        print(f"start at step {state['step']}", flush=True)
        losses: list[float] = []
        while state["step"] < settings["steps"]:
            if state["step"] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            losses.append(train_step(state, settings, x, y))
            if state["step"] % SAVE_EVERY == 0 or state["step"] == settings["steps"]:
                with chk.transaction():  # the state and the rows up to it: both or neither
                    chk["state"] = state
                    for loss in losses:
                        chk.append("loss", loss)
                losses.clear()
        right = probabilities(state["weights"], x)[0].argmax(axis=1) == y
        print(f"step {state['step']}: loss {chk.array('loss')[-1]:.4f}, {right.sum()} of 150 right")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a network in a run that can be resumed.")
    parser.add_argument("file", help="the HDF5 file of the run")
    parser.add_argument("--steps", type=int, default=SETTINGS["steps"])
    parser.add_argument("--kill-at", type=int, metavar="STEP", help="kill the process in this step")
    options = parser.parse_args()
    run(options.file, SETTINGS | {"steps": options.steps}, options.kill_at)


if __name__ == "__main__":
    main()
