"""The page in Chromium: open, click, see the plot; a curve that grows while a writer runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.viewer.server import Viewer

from ..support.libraries import library
from ..support.viewer_picture import ARGUMENTS, CHROMIUM, serve

library("starlette")
library("uvicorn")
playwright = library("playwright.sync_api")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

PATIENCE = 60_000
"""Milliseconds to wait for what the page does: a machine may be busy."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as program:
        browser = program.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Any]:
    """Opens the page of a file; at the end there was no error and no request to another origin."""
    ending, faults, origins = [], [], set()

    def showing(path: Path, key: str | None = None) -> Any:
        viewer = Viewer(str(path), key=key)
        program, thread = serve(viewer)
        page = browser.new_page(viewport={"width": 1100, "height": 650})
        ending.append((page, program, thread, viewer))
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: origins.add(request.url.split("/")[2]))
        page.goto(viewer.url)
        page.wait_for_selector("#h5web-explorer-tree button")
        return page

    yield showing
    for page, program, thread, viewer in ending:
        page.close()
        program.should_exit = True
        thread.join(60)
        viewer.close()
    assert not faults and len(origins) == len(ending)


def click(page: Any, path: str) -> None:
    page.locator(f'[data-path="{path}"]').click()


def see(page: Any, text: str) -> None:
    page.locator(f"text={text}").first.wait_for()


def has_rows(page: Any, count: int) -> None:
    """Wait until what is shown has so many rows."""
    page.locator(rf"text=/^\s*{count}$/ >> visible=true").first.wait_for()


def is_drawn(page: Any) -> bool:
    """Whether the picture of a plot is more than one colour: a PNG of many different bytes."""
    png = page.locator("canvas").first.screenshot()
    place, data = 8, b""
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += 12 + length
    return len(set(zlib.decompress(data))) > 10


def test_a_curve(show: Any, tmp_path: Path) -> None:
    """The tree, the table of keys, a curve, and what H5Web alone would not show."""
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path).update(
        {"params": {"steps": 500, "method": "euler"}, "loss": np.exp(-np.arange(100.0) / 20),
         "mixed": [1, "word in a list", None], "days": np.array(["2026-01-02"], "M8[D]")}
    )  # fmt: skip
    page = show(path)
    see(page, "2 keys")  # the table of the file itself
    click(page, "/loss")
    page.wait_for_selector("canvas")
    see(page, "Line")
    assert is_drawn(page)
    click(page, "/params")
    see(page, "euler")
    click(page, "/mixed")
    see(page, "word in a list")
    click(page, "/days")
    see(page, "2026-01-02")
    assert page.title() == "run.h5 - hdfchk view"


def test_a_key_to_begin_with(show: Any, tmp_path: Path) -> None:
    """A key in the address is shown first."""
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path)["a b"] = {"c": "the value"}
    see(show(path, key="a b/c"), "the value")


WRITER = """
import sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]) as chk:
    for line in sys.stdin:
        for step in range(int(line)):
            chk.append("loss", 1 / (1 + step))
        print("done", flush=True)
"""


def test_a_curve_grows_while_a_writer_runs(show: Any, tmp_path: Path) -> None:
    """The commits of a running job are seen without a click, and the selected key stays."""
    path = tmp_path / "run.h5"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        _write(writer, 30)
        page = show(path)
        click(page, "/loss")
        page.wait_for_selector("canvas")
        has_rows(page, 30)
        _write(writer, 47)
        has_rows(page, 77)
        assert is_drawn(page)
        see(page, "bytes in its journal")
        writer.stdin.close()
        assert writer.wait(60) == 0
        page.locator("text=bytes in its journal").wait_for(state="hidden")
        has_rows(page, 77)
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()


def _write(writer: Any, count: int) -> None:
    writer.stdin.write(f"{count}\n")
    writer.stdin.flush()
    assert writer.stdout.readline() == "done\n"


def test_a_file_that_could_not_be_read_for_a_while(show: Any, tmp_path: Path) -> None:
    """The page that shows an error in place of the file shows the file as soon as it is readable."""
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path)["first"] = 1
    page = show(path)

    def fail(route: Any) -> None:
        route.fulfill(status=422, json={"message": "cannot be read at the moment"})

    page.route(lambda url: "/api/meta" in url and url.endswith("path=%2F"), fail)
    HDF5Checkpointer(path)["second"] = 2
    see(page, "cannot be read at the moment")
    page.unroute_all()
    page.locator('[data-path="/second"]').wait_for()


def test_the_end_of_the_viewer_is_said(show: Any, tmp_path: Path) -> None:
    """A file that is gone is said on the page."""
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path)["a"] = 1
    page = show(path)
    path.unlink()
    see(page, "No such file")
