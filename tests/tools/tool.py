"""A tool: how it makes a file, how it reads its own data in it, and what we do in between."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pandas as pd

from hdfchk import Group, HDF5Checkpointer, UnsupportedStoredError

from ..readers.readers import Reader

OURS = "ours"  # the key that our values are put at
ANY = object()  # whatever the tool reads there, if only it reads it

PLAIN = {
    "array": np.arange(5.0),
    "numbers": [1, 2, 3],
    "mixed": [1, "a", 2.5],
    "arrays": ["t", np.arange(3)],
    "inner": {"a": {"b": 1}},
    "text": "é",
    "number": 2.5,
    "count": 3,
    "flag": True,
    "names": np.array(["a", "bé"]),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "table": np.array([(1, 2.5)], "i4,f8"),
    "words": np.array(["a", "bé"], object),
}

Changes = dict[str, Any]
Edit = Callable[[HDF5Checkpointer], Changes]


@attrs.frozen(eq=False)
class Tool:
    """A tool, and where in its file there is what the edits need.

    Args:
        name: of the tool.
        make: makes a file of its own at a path.
        read: opens the file and reads all that the tool has put there: by name. What others have put
            beside must not disturb it.
        group: a group of the file in which our keys may stand.
        array: the path of an array of numbers, and the name that `read` has for it.
        grows: likewise, of one that can grow along its first axis.
        texts: likewise, of an array of strings.
        more: edits of this tool alone.
        suffix: of its files.
        senseless: edits that its own rules forbid, whoever makes them.
        reader: of `tests.readers`, that it is, if it is a program.
    """

    name: str
    make: Callable[[str], None]
    read: Callable[[str], dict[str, Any]]
    array: tuple[str, str]
    group: str = ""
    grows: tuple[str, str] | None = None
    texts: tuple[str, str] | None = None
    more: dict[str, Edit] = attrs.field(factory=dict)
    suffix: str = ".h5"
    senseless: tuple[str, ...] = ()
    reader: Reader | None = None

    def edits(self) -> dict[str, Edit]:
        """All edits that are tried on its file, by name."""
        found: dict[str, Edit] = {}
        places = {"the root": OURS} | ({"a group": f"{self.group}/{OURS}"} if self.group else {})
        for place, key in places.items():
            found[f"new keys in {place}"] = new(key, PLAIN)
            found[f"None in {place}"] = nothing(key)
            found[f"frames in {place}"] = new(key, frames())
        found |= {
            "a new key deleted": deleted,
            "attributes": attributes(self.array[0], self.group),
            "the same dtype and shape": overwrite(*self.array),
            "a slice": part(*self.array),
            "every key by itself": itself,
            "another dtype": cast(*self.array),
            "another length": longer(*self.array),
            "another kind of value": other(*self.array),
            "put with gzip": packed(*self.array),
            "compact": compact,
        }
        if self.grows is not None:
            found["append"] = append(*self.grows)
        if self.texts is not None:
            found["other strings"] = texts(*self.texts)
        found |= self.more
        assert set(self.senseless) <= set(found)
        return {name: edit for name, edit in found.items() if name not in self.senseless}


def frames() -> dict[str, Any]:
    """Values of pandas."""
    return {
        "frame": pd.DataFrame({"n": [1, 2], "s": ["a", "b"]}),
        "series": pd.Series([1.5, 2.5], ["i", "j"]),
        "time": pd.Timestamp("2020-01-01"),
    }


def new(key: str, value: Any) -> Edit:
    """A key that was not there, with a value that comes back."""

    def run(chk: HDF5Checkpointer) -> Changes:
        chk[key] = value
        assert chk[key] == value
        return {}

    return run


def nothing(key: str) -> Edit:
    """None at a key that was not there, and in a dict beside it."""

    def run(chk: HDF5Checkpointer) -> Changes:
        chk[key] = None
        chk[f"{key}2"] = {"a": None}
        assert chk[key] is None and chk[f"{key}2"] == {"a": None}
        return {}

    return run


def deleted(chk: HDF5Checkpointer) -> Changes:
    """A key of ours that is deleted again."""
    chk[OURS] = {"array": np.arange(5.0), "text": "a"}
    del chk[OURS]
    assert OURS not in chk
    return {}


def attributes(key: str, group: str) -> Edit:
    """Attributes of ours on an array, on the root, and on a group, if there is one."""

    def run(chk: HDF5Checkpointer) -> Changes:
        places = [chk.array(key).attrs, chk.attrs, *([chk[group].attrs] if group else [])]
        for attrs_of in places:
            attrs_of["ours"] = "é"
            attrs_of.update({"count": 3, "axis": [1.5, 2.5], "tags": ["a", "b"]})
            assert attrs_of["tags"] == ["a", "b"]
        return {}

    return run


def overwrite(key: str, name: str) -> Edit:
    """Other numbers of the same dtype and shape."""

    def run(chk: HDF5Checkpointer) -> Changes:
        value = chk[key] + 1
        chk[key] = value
        return {name: value}

    return run


def part(key: str, name: str) -> Edit:
    """A row by `array`."""

    def run(chk: HDF5Checkpointer) -> Changes:
        value = chk[key]
        value[0] = 5
        chk.array(key)[0] = 5
        return {name: value}

    return run


def itself(chk: HDF5Checkpointer) -> Changes:
    """Each value that can be read is assigned to its own key."""
    done = 0

    def visit(group: Group) -> None:
        nonlocal done
        for key in list(group):
            try:
                value = group[key]
            except UnsupportedStoredError:
                continue
            if isinstance(value, Group):
                visit(value)
            else:
                group[key] = value
                done += 1

    visit(chk)
    assert done
    return {}


def cast(key: str, name: str) -> Edit:
    """The same numbers in another dtype."""

    def run(chk: HDF5Checkpointer) -> Changes:
        value = chk[key]
        chk[key] = value.astype("f4" if value.dtype != np.float32 else "f8")
        return {name: value}

    return run


def longer(key: str, name: str) -> Edit:
    """An array with one row more. The tool may have a rule for lengths; it has to read the rest."""

    def run(chk: HDF5Checkpointer) -> Changes:
        value = chk[key]
        chk[key] = np.concatenate([value, value[-1:]])
        return {name: ANY}

    return run


def other(key: str, name: str) -> Edit:
    """A text in the place of an array."""

    def run(chk: HDF5Checkpointer) -> Changes:
        chk[key] = "text"
        return {name: ANY}

    return run


def packed(key: str, name: str) -> Edit:
    """The same array, compressed."""

    def run(chk: HDF5Checkpointer) -> Changes:
        chk.put(key, chk[key], compression="gzip")
        assert chk.array(key).compression == "gzip"
        return {}

    return run


def append(key: str, name: str) -> Edit:
    """A row more."""

    def run(chk: HDF5Checkpointer) -> Changes:
        value = chk[key]
        chk.append(key, value[0])
        return {name: np.concatenate([value, value[:1]])}

    return run


def texts(key: str, name: str) -> Edit:
    """Other strings over strings."""

    def run(chk: HDF5Checkpointer) -> Changes:
        value = chk[key]
        changed = value.copy()
        changed[0] = "changed é" if isinstance(value[0], str) else value[0][::-1]
        chk[key] = changed
        return {name: [_text(item) for item in changed]}

    return run


def _text(item: Any) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)


def compact(chk: HDF5Checkpointer) -> Changes:
    """The file written anew."""
    chk.compact()
    return {}


def same(wanted: Any, found: Any) -> bool:
    """Whether a tool has read what it should; numbers of any dtype."""
    if wanted is ANY:
        return True
    if isinstance(wanted, np.ndarray) and isinstance(found, list) and wanted.ndim > 1:
        wanted = wanted.ravel()  # of tools that are children, which print one item after the other
    wanted, found = plain(wanted), plain(found)
    if isinstance(wanted, list):
        return (
            isinstance(found, list) and len(wanted) == len(found) and all(map(same, wanted, found))
        )
    if isinstance(wanted, float) and isinstance(found, float | int):
        return math.isclose(wanted, found, rel_tol=1e-6) or (wanted != wanted and found != found)
    return bool(wanted == found)


def plain(item: Any) -> Any:
    """A value as lists, numbers and texts."""
    if isinstance(item, np.ndarray):
        return item.tolist()
    if isinstance(item, tuple):
        return list(item)
    if isinstance(item, np.generic):
        return item.item()
    if isinstance(item, bytes):
        return item.decode()
    return item
