"""An error at any call of HDF5's in a commit leaves everything as it was."""

from __future__ import annotations

import io
import linecache
import re
import sys
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.support.exact import differs
from tests.support.inside import writing

CALLS = re.compile(
    r"h5[adgos]\.\w+\(|links\.(exists|move|get_info)\(|\.(unlink|write|read)\(|set_ext"
)
PLACES = ("hdf5/nodes/apply.py", "hdf5/nodes/writer.py", "hdf5/h5/", "hdf5/data/resize.py")


class FailAt:
    """Raise before the nth line that calls HDF5."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.at = ""

    def __enter__(self) -> FailAt:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)

    def trace(self, frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if not any(part in name for part in PLACES) or self.at:
            return None
        if event == "line" and CALLS.search(linecache.getline(name, frame.f_lineno)):
            self.left -= 1
            if self.left < 0:
                self.at = f"{name}:{frame.f_lineno}"
                raise RuntimeError("injected")
        return self.trace


def orders(group: Any) -> Any:
    """The keys of all dicts, in order, and the attributes."""
    inner = {key: orders(group[key]) for key in group if hasattr(group[key], "keys")}
    return list(group), inner, dict(group.attrs)


def fill(chk: Any) -> None:
    chk.update(
        {
            "number": 1,
            "same": np.arange(500.0),
            "text": "text",
            "big": np.arange(20_000),
            "dict": {"a": 1, "b": {"c": 2}, "d": 3},
            "only": {"x": 1},
            "gone": {"y": np.arange(3)},
            "both": {"p": 1, "q": 2},
            "last": None,
        }
    )
    make_words(chk)
    chk["number"] = "another type"
    chk["dict"].attrs["units"] = "m"
    chk.array("same").attrs["n"] = 1


def make_words(chk: Any) -> None:
    chk.create("words", (3,), str, chunks=(2,), maxshape=(None,))[...] = ["a", "b", "é"]


def commit(chk: Any) -> None:
    with writing(chk) as session:
        from hdfchk.backends.base import Delete, Put
        from hdfchk.tree import Branch, Leaf

        session.apply(
            [
                Put(("new",), Branch({"k": Leaf(1), "l": Branch({"m": Leaf("x")})})),
                Put(("number",), Leaf(2)),
                Put(("same",), Leaf(np.zeros(500))),
                Put(("big",), Leaf(np.zeros(20_001))),
                Put(("dict", "b"), Leaf(np.arange(4))),
                Put(("dict", "a"), Branch({"e": Leaf(1)})),
                Put(("only", "x"), Branch({})),
                Delete(("both", "p")),
                Delete(("both", "q")),
                Put(("dict", "_data"), Leaf(1)),
                Delete(("gone",)),
                Put(("text",), Branch({"big": Leaf(np.zeros(30_000))})),
            ]
        )


def attribute(chk: Any) -> None:
    chk["dict"].attrs["units"] = (1, "of another kind")


def same_attribute(chk: Any) -> None:
    chk["dict"].attrs["units"] = "s"


def remove_attribute(chk: Any) -> None:
    del chk["dict"].attrs["units"]


def remove(chk: Any) -> None:
    del chk["dict"]


def overwrite(chk: Any) -> None:
    chk["same"] = np.ones(500)


def more_words(chk: Any) -> None:
    chk["words"] = ["x", "", "y", "z", "é"]


def fewer_words(chk: Any) -> None:
    chk["words"] = np.array(["x"], object)


def append(chk: Any) -> None:
    chk.append("same", 1.0)


def part(chk: Any) -> None:
    chk.array("big")[3:7] = 5


def stream(chk: Any) -> None:
    chk.write_blocks("dict", (np.full(10, i) for i in range(3)))


WORK = [
    commit,
    attribute,
    same_attribute,
    remove_attribute,
    remove,
    overwrite,
    more_words,
    fewer_words,
    append,
    part,
    stream,
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["BytesIO", "no journal", "h5py", "journal"])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_an_error_at_any_call(kind: str, work: Callable[[Any], None], path: str) -> None:
    """An error at any call of HDF5's leaves values, attributes and order as they were."""
    file = None
    if kind == "h5py":
        file = h5py.File(path, "w", libver=("v108", "v110"), track_order=True)
    target: Any = {"BytesIO": io.BytesIO(), "h5py": file}.get(kind, path)
    options = {"journal": False} if kind == "no journal" else {"durable": False}
    with HDF5Checkpointer(target, **options if isinstance(target, str) else {}) as chk:
        fill(chk)
        if kind == "journal":
            chk.commit()
        before, order = chk.load(), orders(chk)
        tried = 0
        step = 5 if work is commit and kind != "BytesIO" else 1
        for number in range(0, 10_000, step):
            fail = FailAt(number)
            try:
                with fail:
                    work(chk)
            except Exception as error:
                assert fail.at, error
                assert not getattr(error, "__notes__", []), fail.at
            if not fail.at:
                break
            tried += 1
            assert differs(before, chk.load()) is None, fail.at
            assert orders(chk) == order, fail.at
        assert (
            tried > 3
            and differs(before, chk.load()) is not None
            or work
            in {
                attribute,
                same_attribute,
                remove_attribute,
            }
        )
        after = chk.load()
    if file is not None:
        file.close()
    with h5py.File(target if file is None else path) as found:
        assert not [name for name in found if name.startswith("hdfchk")]
        found.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
    if file is None:
        assert differs(after, HDF5Checkpointer(target).load()) is None
