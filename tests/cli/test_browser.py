"""The full-screen program, by textual's own pilot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.support.libraries import library

library("textual")
library("plotext")

from hdfchk.cli.browser import Browser  # noqa: E402


def drive(
    path: Path, steps: Callable[[Browser, Any], Awaitable[None]], key: str | None = None
) -> None:
    """Open a file, and do something with it."""

    async def main() -> None:
        app = Browser(str(path), key, every=0.05)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(main())


def text_of(app: Browser, name: str) -> str:
    return str(app.query_one(f"#{name}").render())


def labels(app: Browser) -> list[str]:
    return [str(node.label) for node in app.query_one("#keys").root.children]


async def until(pilot: Any, condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("it did not come to that")


def test_keys_and_values(demo: Path) -> None:
    """The tree has the keys; what is at the cursor is shown: type, attributes, elements, plot."""

    async def steps(app: Browser, pilot: Any) -> None:
        assert labels(app)[0].split() == ["steps", "int", "500"]
        assert not any("\x1b" in label for label in labels(app))
        app.go_to("grid")
        await until(pilot, lambda: "grid" in text_of(app, "facts"))
        assert "float64 (3, 4)" in text_of(app, "facts") and "@units" in text_of(app, "facts")
        assert "11." in text_of(app, "elements") and "█" in text_of(app, "plot")
        app.go_to("params/deep/y")
        await until(pilot, lambda: text_of(app, "facts").startswith("params/deep/y"))
        app.go_to("name")
        await until(pilot, lambda: "\\x1b[2J" in text_of(app, "elements"))

    drive(demo, steps)


def test_a_running_job(tmp_path: Path) -> None:
    """Keys that are new appear, those that are gone leave, and the curve at the cursor grows."""
    path = tmp_path / "x.h5"
    with HDF5Checkpointer(path) as chk:
        chk["loss"] = np.arange(5.0)
        chk["gone"] = {"a": 1}

        async def steps(app: Browser, pilot: Any) -> None:
            await until(pilot, lambda: "float64 (5" in text_of(app, "facts"))
            plot = text_of(app, "plot")
            chk.append("loss", np.array([50.0]))
            chk["new"] = 1
            del chk["gone"]
            await until(pilot, lambda: "float64 (6" in text_of(app, "facts"))
            await until(pilot, lambda: text_of(app, "plot") != plot)
            await until(
                pilot, lambda: [label.split()[0] for label in labels(app)] == ["loss", "new"]
            )

        drive(path, steps, "loss")


def test_another_size(demo: Path) -> None:
    """A plot is as wide as its side of the screen, after a change of it, too."""

    async def steps(app: Browser, pilot: Any) -> None:
        def width() -> int:
            return max(map(len, text_of(app, "plot").splitlines()), default=0)

        await until(pilot, lambda: width() > 40)
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: 8 < width() <= 18)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: width() > 40)

    drive(demo, steps, "loss")


def test_finding_and_plots(demo: Path) -> None:
    """A part of a key leads to it; plots and their axis are changed by a key."""

    async def steps(app: Browser, pilot: Any) -> None:
        await pilot.press("slash", *"oss", "enter")
        await until(pilot, lambda: text_of(app, "facts").startswith("loss"))
        await until(pilot, lambda: "┌" in text_of(app, "plot"))
        plain = text_of(app, "plot")
        await pilot.press("l")
        await until(pilot, lambda: text_of(app, "plot") != plain)
        await pilot.press("p")
        await until(pilot, lambda: text_of(app, "plot") == "")
        await pilot.press("slash", *"eep", "enter")
        await until(pilot, lambda: text_of(app, "facts").startswith("params/deep\n"))
        await pilot.press("n")
        await until(pilot, lambda: text_of(app, "facts").startswith("params/deep/y"))

    drive(demo, steps)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A damaged value is shown with its problem, and the program goes on."""
    path = tmp_path / "x.h5"
    value = np.arange(10_000.0)
    HDF5Checkpointer(path, checksum=True).update({"good": 1, "bad": value})
    data = bytearray(path.read_bytes())
    data[data.index(value[5000:5004].tobytes())] ^= 1
    path.write_bytes(data)

    async def steps(app: Browser, pilot: Any) -> None:
        app.go_to("bad")
        await until(pilot, lambda: "cannot be read" in text_of(app, "elements"))
        path.write_bytes(b"no")
        await until(pilot, lambda: "HDF5" in text_of(app, "elements"))
        await pilot.press("q")

    drive(path, steps)


@pytest.mark.parametrize("content", [None, b"no"])
def test_a_file_that_goes(demo: Path, content: bytes | None) -> None:
    """Each key that reads a file that is gone or damaged shows a message; the program goes on."""
    whole = demo.read_bytes()
    told = "no such file" if content is None else "not an HDF5 file"

    def go() -> None:
        if content is None:
            demo.unlink()
        else:
            demo.write_bytes(content)

    def come_back() -> None:
        demo.write_bytes(whole)

    async def steps(app: Browser, pilot: Any) -> None:
        async def is_told(action: Callable[[], Any]) -> None:
            app.clear_notifications()
            found = action()
            if found is not None:
                await found
            await until(pilot, lambda: any(told in n.message for n in app._notifications))

        go()
        await is_told(lambda: pilot.press("slash", *"loss", "enter"))
        await is_told(lambda: pilot.press("n"))
        await is_told(lambda: app.go_to("params/deep"))
        await is_told(lambda: app.go_to("nope"))
        await is_told(lambda: pilot.press("r"))
        await is_told(app.on_mount)
        await until(pilot, lambda: told in text_of(app, "elements"))
        come_back()
        await pilot.press("n")
        await until(pilot, lambda: text_of(app, "facts").startswith("loss"))

    drive(demo, steps)


@pytest.mark.parametrize("key", [None, "loss", "params/deep"])
def test_a_file_that_goes_at_the_start(demo: Path, key: str | None) -> None:
    """A file that vanishes while the program starts is named, and shown when it is back."""
    whole = demo.read_bytes()
    first = key or "/"

    async def main() -> None:
        app = Browser(str(demo), key, every=0.05)
        go()
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: any("no such file" in n.message for n in app._notifications))
            assert text_of(app, "facts") == ""
            come_back()
            await until(pilot, lambda: text_of(app, "facts").startswith(f"{first}\n"))
            assert "steps" in "".join(labels(app))

    def go() -> None:
        demo.unlink()

    def come_back() -> None:
        new = demo.with_name("new.h5")
        new.write_bytes(whole)
        new.rename(demo)

    asyncio.run(main())
