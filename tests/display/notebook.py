"""A notebook that shows stores, executed and converted to a page; and a picture of it.

``python -m tests.display.notebook FOLDER`` makes the pages ``light.html`` and ``dark.html`` there; with
a second argument, a PNG, it takes the picture for the documentation.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from tests.support.picture_words import keep_words

CELLS = [
    """\
import numpy as np
from hdfchk import HDF5Checkpointer

chk = HDF5Checkpointer("water.hdf5", compression={"grid": "gzip"})
chk["params"] = {"method": "CCSD(T)", "basis": "aug-cc-pVTZ", "steps": 500, "tol": 1e-8}
chk["grid"] = np.linspace(0.7, 1.5, 500_000).reshape(-1, 50)
chk["log"] = {"step": np.arange(40), "energy": -76.3 + np.exp(-np.arange(40.0))}
chk["log/notes"] = {"host": "node7", "converged": True, "atoms": ["O", "H", "H"]}
chk["run"] = {"seed": None, "levels": [1, 2, 3]}
chk.attrs["project"] = "vibrations of water"
chk""",
    'chk["log"]',
    'chk.array("grid")',
    "chk.attrs",
    'chk.view(omitted_keys=["grid", "log/notes"])',
    "chk.tree(depth=1)",
    "print(chk.tree())",
    "dict(chk)",
    'HDF5Checkpointer("missing.hdf5", mode="r")',
    'chk["<b>bold"] = "<script>document.title = \'broken\'</script>"\nchk',
]


def pages(folder: Path) -> dict[str, Path]:
    """Execute the notebook in a folder, and convert it to a light and a dark page."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    context = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources=context).execute()
    found = {}
    for theme in ("light", "dark"):
        exporter = HTMLExporter(theme=theme)
        body, _ = exporter.from_notebook_node(notebook)
        found[theme] = folder / f"{theme}.html"
        found[theme].write_text(body, encoding="utf-8")
    return found


def chromium() -> str | None:
    """Debian's Chromium, or another one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def launch(playwright: Any) -> Any:
    """A headless browser."""
    return playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])


def take(playwright: Any, page: Path, picture: Path, cells: slice) -> None:
    """Take a picture of some of the cells of a page."""
    browser = launch(playwright)
    shown = browser.new_page(viewport={"width": 760, "height": 1200})
    shown.route("http*://**", lambda route: route.abort())
    shown.goto(page.as_uri())
    taken = shown.locator(".jp-Cell").all()[cells]
    boxes = [cell.bounding_box() for cell in taken]
    top, bottom = boxes[0]["y"], boxes[-1]["y"] + boxes[-1]["height"]
    clip = {"x": 0, "y": top, "width": 760, "height": bottom - top}
    shown.screenshot(path=str(picture), full_page=True, clip=clip)
    keep_words(picture, " ".join(cell.inner_text() for cell in taken))
    browser.close()


def main() -> None:
    folder = Path(sys.argv[1])
    found = pages(folder)
    if len(sys.argv) > 2:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            take(playwright, found["light"], Path(sys.argv[2]), slice(0, 2))
            take(playwright, found["dark"], folder / "dark.png", slice(0, 10))


if __name__ == "__main__":
    main()
