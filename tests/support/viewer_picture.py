"""The picture of the viewer in the documentation.

``python -m tests.support.viewer_picture docs/viewer.png`` draws it, with Chromium.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer
from hdfchk.viewer.server import Viewer
from tests.support.picture_words import keep_words

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--use-gl=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--no-sandbox",
)
"""For a machine without a GPU, and root in a container."""


RATE = 0.0008
CHANGED = dt.datetime(2026, 1, 2, 9, 41, 7).timestamp()


def train(path: Path, steps: int = 800) -> None:
    """Fit a small network to a noisy spectrum, and store what a real job would store."""
    rng = np.random.default_rng(7)
    x = np.linspace(-1, 1, 256)[:, None]
    y = np.exp(-30 * (x - 0.3) ** 2) + 0.6 * np.exp(-60 * (x + 0.4) ** 2)
    y += 0.02 * rng.standard_normal(y.shape)
    first, bias = rng.standard_normal((1, 32)) * 4, rng.standard_normal(32)
    last = rng.standard_normal((32, 1)) * 0.3
    with HDF5Checkpointer(path) as chk:
        chk["params"] = {
            "hidden": 32, "rate": RATE, "seed": 7, "optimizer": "sgd",
            "started": dt.datetime(2026, 1, 2, 9, 30),
        }  # fmt: skip
        chk["spectrum"] = np.concatenate([x, y], axis=1)
        for _ in range(steps):
            batch = rng.integers(0, len(x), 64)
            hidden = np.tanh(x[batch] @ first + bias)
            error = hidden @ last - y[batch]
            chk.append("loss", float((error**2).mean()))
            inner = error @ last.T * (1 - hidden**2)
            last -= RATE * hidden.T @ error / 64 * 2
            first -= RATE * x[batch].T @ inner / 64 * 2
            bias -= RATE * inner.mean(axis=0) * 2
        chk["weights"] = {"first": first, "bias": bias, "last": last}
        chk["state"] = rng
        chk["epochs"] = [steps, "done", None]


def serve(viewer: Viewer) -> tuple[Any, threading.Thread]:
    """Serve in a thread of this process; the server ends when its ``should_exit`` is True."""
    import uvicorn

    config = uvicorn.Config(viewer.app, log_level="error", lifespan="off")
    program = uvicorn.Server(config)
    thread = threading.Thread(target=program.run, kwargs={"sockets": [viewer.socket]})
    thread.start()
    return program, thread


def main(target: str) -> None:
    """Draw the picture."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        train(path)
        os.utime(path, (CHANGED, CHANGED))
        os.chdir(folder)
        viewer = Viewer("run.h5", key="loss")
        program, thread = serve(viewer)
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            page = browser.new_page(viewport={"width": 960, "height": 540})
            page.set_default_timeout(120_000)
            page.goto(viewer.url)
            page.wait_for_selector("canvas")
            page.wait_for_timeout(3000)
            while "Loading" in page.inner_text("body"):
                page.wait_for_timeout(500)
            # The folder is specific to this machine, and means nothing to a reader.
            page.evaluate(
                """folder => { const status = document.querySelector(".status");
                status.textContent = status.textContent.replace(folder + "/", ""); }""",
                folder,
            )
            page.screenshot(path=target)
            keep_words(Path(target), page.inner_text("body"))
            browser.close()
        program.should_exit = True
        thread.join()
        viewer.close()


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
