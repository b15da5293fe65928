"""How stores and groups look: short texts, trees, HTML; nothing is read, and nothing fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer
from hdfchk.backends.hdf5.session import Hdf5Session
from tests.display.conftest import chk, nested, strange, wide, with_damage

__all__ = ["chk"]


class Page(HTMLParser):
    """HTML that is checked as it is read: what is opened is closed, and nothing of it runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"div", "span", "b", "details", "summary"}
        assert {name for name, _ in attrs} <= {"style", "open"}
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def all_of(shown: Any) -> str:
    """Everything that an object shows of itself."""
    return repr(shown) + (Page(shown._repr_html_()).text if hasattr(shown, "_repr_html_") else "")


def test_short_texts(chk: HDF5Checkpointer, path: str) -> None:
    """They name place, number of keys, and the first of them."""
    assert repr(chk).startswith(f"<HDF5Checkpointer {path}: 8 keys: 'params', 'x', 'list', ")
    assert repr(chk["params"]) == (
        f"<Group 'params' in {path}: 4 keys: 'steps', 'method', 'deep', 'none'>"
    )
    assert repr(chk["params/none"]) == f"<Group 'params/none' in {path}: 0 keys>"
    seen = chk.view(allowed_keys="params", omitted_keys="params/deep")
    assert repr(seen) == f"<Group {path}, filtered: 1 key: 'params'>"
    assert "'params/deep' in" in repr(dict(chk["params"])) and "'er'>" in repr(dict(chk["params"]))
    assert "'params', 'x'" in repr(chk.items()) and "'params', 'x'" in repr(chk.values())
    assert repr(chk["params"].keys()) == "Keys(['steps', 'method', 'deep', 'none'])"
    assert repr(HDF5Checkpointer(None)) == "<HDF5Checkpointer memory: 0 keys>"


def test_html(chk: HDF5Checkpointer) -> None:
    """It has keys, types, shapes, sizes and small values, folds, and escapes what is not ours."""
    page = Page(chk._repr_html_())
    assert page.tags.count("details") == 3
    for told in ("params", "4 keys", "500", "'euler'", "float64 (100, 3)", "2.4 kB", "gzip",
                 "1 attribute", "list of int", "[1, 2, 3]", "<b>&'\"", "<script>alert(1)"):  # fmt: skip
        assert told in page.text, told
    assert len(page.text) < 2000
    assert Page(chk["params"]._repr_html_()).tags.count("details") == 2
    view = Page(chk.view(omitted_keys=["params", "x"])._repr_html_()).text
    assert "filtered" in view and "params" not in view


def test_html_of_arrays_and_attributes(chk: HDF5Checkpointer) -> None:
    """Arrays show what is known without reading them; attributes their values."""
    page = Page(chk.array("x")._repr_html_()).text
    assert "(100, 3)" in page and "float64" in page and "2.4 kB" in page and "'units'" in page
    packed = Page(chk.array("z")._repr_html_()).text
    assert "gzip" in packed and "chunks" in packed
    page = Page(chk.attrs._repr_html_()).text
    assert "<i>" in page and "</div><script>" in page
    assert "none" in Page(chk["params"].attrs._repr_html_()).text
    chk.attrs.update({f"n{n}": n for n in range(300)})
    assert "201 more attributes" in Page(chk.attrs._repr_html_()).text
    assert repr(chk.array("x").attrs).endswith(": 1 attribute: 'units'>")


def test_nothing_is_read(chk: HDF5Checkpointer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No array is read, whatever is shown."""

    def read(self: Any, *args: Any, **options: Any) -> None:
        raise AssertionError("an array was read")

    shown = [chk, chk["params"], chk.array("x"), chk.array("z"), chk.keys(), chk.tree()]
    for name in ("read", "read_value", "read_slice"):
        monkeypatch.setattr(Hdf5Session, name, read)
    for item in shown:
        assert "AssertionError" not in all_of(item) and "was read" not in all_of(item)
    assert "x: float64" in str(chk.tree())


@pytest.mark.parametrize("make", [wide, nested])
def test_many_keys(path: str, make: Any) -> None:
    """Of 10,000 keys the first are shown, and the number of the rest; the time has a bound."""
    chk = make(path)
    assert len(repr(chk)) < 200 + len(path)
    begun = time.process_time()
    html = chk._repr_html_()
    assert len(html) <= 300_000
    assert time.process_time() - begun < 20  # that of all keys, one by one, and of a busy machine
    page = Page(html).text
    more = "9,900 more keys" if make is wide else "… 100 keys"
    assert more in page or make is nested and "100 keys" in page
    assert page.count("float") <= 1000 + 10
    assert str(chk.tree()).count("\n") <= 1000 + 101
    if make is wide:
        assert str(chk.tree(limit=None)).count("\n") == 10_000
        assert repr(chk.keys()).endswith("…: 10,000 keys)") and len(repr(chk.keys())) < 1000


def test_what_is_wrong_is_shown(path: str) -> None:
    """A store that is missing, damaged, closed or no HDF5 file shows that, and raises nothing."""
    for words, item in strange(path):
        assert words in repr(item), (words, repr(item))
        assert len(repr(item)) < 1000
        if hasattr(item, "_repr_html_"):
            assert words in Page(item._repr_html_()).text
    assert not os.path.exists(f"{path}.missing")
    damaged = with_damage(f"{path}.damaged")
    page = Page(damaged._repr_html_()).text
    assert "⚠" in page and "good" in page and "bad" in page
    assert "3 keys: 'good', 'bad', 'group'" in repr(damaged)
    assert "good: int 1" in str(damaged.tree()) and "bad: " in str(damaged.tree())


@pytest.mark.parametrize("mode", ["w", "x"])
def test_a_look_begins_no_file(path: str, mode: str) -> None:
    """A store that would begin anew does not so as it is shown."""
    if mode == "w":
        HDF5Checkpointer(path)["old"] = 1
    new = HDF5Checkpointer(path, mode=mode)
    all_of(new)
    all_of(new.keys())
    all_of(new.attrs)
    str(new.tree())
    new._ipython_key_completions_()
    assert os.path.exists(path) == (mode == "w")
    assert mode != "w" or HDF5Checkpointer(path)["old"] == 1


def test_beside_a_writer(path: str) -> None:
    """What a running job writes is shown, and it is not held up."""
    code = (
        "import sys; from hdfchk import HDF5Checkpointer\n"
        "with HDF5Checkpointer(sys.argv[1]) as chk:\n"
        "    chk['step'] = 1; print(flush=True); input(); chk['step'] = 2"
    )
    job = subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert job.stdout is not None
    job.stdout.readline()
    chk = HDF5Checkpointer(path)
    assert "'step'" in all_of(chk) and "step: int 1" in str(chk.tree())
    job.communicate(b"\n")
    assert job.returncode == 0 and "step: int 2" in str(chk.tree())


def test_a_look_waits_for_nobody(path: str) -> None:
    """Beside a program that has locked the file, or a transaction of a thread, it says so at once.

    The store itself waits longer: no test would end if what is shown did, too.
    """
    HDF5Checkpointer(path)["x"] = np.zeros(3)
    chk = HDF5Checkpointer(path, lock_timeout=100_000.0)
    array, attributes = chk.array("x"), chk.attrs
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with chk.transaction():
            begun.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    try:
        for item in (chk, array, attributes, chk.keys()):
            assert "LockedError" in repr(item)
            assert not hasattr(item, "_repr_html_") or "LockedError" in item._repr_html_()
        assert chk._ipython_key_completions_() == []
    finally:
        done.set()
        thread.join()
    with subprocess.Popen(
        [sys.executable, "-c", LOCKS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as job:
        assert job.stdout is not None
        job.stdout.readline()
        assert "LockedError" in repr(chk) and "LockedError" in chk._repr_html_()
        job.communicate(b"\n")
    assert "1 key: 'x'" in repr(chk)


LOCKS = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print(flush=True); input()"


def test_trees(chk: HDF5Checkpointer) -> None:
    """A tree is text, HTML, and a tree of rich; `depth` and `key` choose what is in it."""
    text = str(chk.tree("params"))
    assert text.endswith(
        "in " + chk.checkpoint_file + ": 4 keys\n"
        "├── steps: int 500\n"
        "├── method: str 'euler'\n"
        "├── deep: 1 key\n"
        "│   └── er: 1 key\n"
        "│       └── x: int 1\n"
        "└── none: 0 keys"
    )
    assert "── er" not in str(chk.tree("params", depth=1))
    assert "── steps" not in str(chk.tree(depth=1)) and "── x" in str(chk.tree(depth=1))
    assert "float64 (100, 3), 2.4 kB, 1 attribute" in repr(chk.tree("x"))
    assert "more keys" in str(chk.tree(limit=10))
    for tree in (chk.tree(), chk.tree("params"), chk.tree("x")):
        assert Page(tree._repr_html_()).text
    with pytest.raises(CheckpointerKeyError):
        chk.tree("missing")


def test_rich(chk: HDF5Checkpointer) -> None:
    """rich prints a tree as one of its own; it takes no store for anything but its text."""
    console = pytest.importorskip("rich.console", reason="rich is not installed")
    out = console.Console(record=True, width=100, file=open(os.devnull, "w"))  # noqa: SIM115
    out.print(chk.tree())
    out.file.close()
    text = out.export_text()
    assert "method: str 'euler'" in text and "[1, 2, 3]" in text
    assert not hasattr(chk, "__rich__")


def test_no_key_is_too_odd(path: str) -> None:
    """Names with new lines, of any length, and with bytes that are no text, are one line."""
    import h5py

    with h5py.File(path, "w") as file:
        file["a\nb\tc"] = 1
        file[b"\xff\xfe"] = 2
        file["n" * 5000] = np.zeros(3)
        file["deep/" + "/".join("d" * 300)] = 1
    chk = HDF5Checkpointer(path)
    lines = str(chk.tree()).splitlines()
    assert lines[0].endswith(": 4 keys") and len(lines) < 60
    assert all(len(line) < 400 + len(path) for line in lines)
    page = Page(chk._repr_html_())
    assert len(page.text) < 5000 and re.search("n{50}", page.text)
    page.text.encode()
    assert chk._ipython_key_completions_()
