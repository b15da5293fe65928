"""Short texts: of values, sizes, names and errors. They are bounded, and making one never fails."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = [
    "Described",
    "Parts",
    "count_of",
    "cut",
    "keys_of",
    "near",
    "parts_of",
    "problem_of",
    "short",
    "size_of",
]

MOST_LETTERS = 60
"""The maximum length of a text."""


class Described(Protocol):
    """The parts of an `hdfchk.Description` that are shown."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def length(self) -> int | None: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, ...] | None: ...  # noqa: D102
    @property
    def dtype(self) -> Any: ...  # noqa: D102
    @property
    def nbytes(self) -> int | None: ...  # noqa: D102
    @property
    def stored(self) -> int | None: ...  # noqa: D102
    @property
    def compression(self) -> str | None: ...  # noqa: D102
    @property
    def attributes(self) -> int: ...  # noqa: D102
    @property
    def value(self) -> Any: ...  # noqa: D102
    @property
    def has_value(self) -> bool: ...  # noqa: D102
    @property
    def problem(self) -> str | None: ...  # noqa: D102


class _Short(reprlib.Repr):
    """Bounded representations of values of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = MOST_LETTERS
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 6
        self.maxlevel = 3


_SHORT = _Short()


def cut(text: str, most: int = MOST_LETTERS) -> str:
    """Return a text as one line of at most `most` characters.

    Example:
        >>> cut("a  b"), cut("abcdef", 4)
        ('a b', 'abc…')
    """
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def short(value: Any, most: int = MOST_LETTERS) -> str:
    """Return the representation of a value as one short line.

    Example:
        >>> short([*range(100)]), short("x" * 100)[-4:]
        ('[0, 1, 2, 3, 4, 5, ...]', "xxx'")
    """
    try:
        text = _SHORT.repr(value)
    except Exception as error:  # an error in a foreign class
        return f"<{type(value).__name__}: {type(error).__name__}>"
    return cut(text, most)


def size_of(nbytes: int) -> str:
    """Return a number of bytes with a unit.

    Example:
        >>> size_of(999), size_of(2_400_000)
        ('999 B', '2.4 MB')
    """
    size, units = float(nbytes), ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    number = f"{size:.1f}" if size < 9.95 and units[0] != "B" else f"{size:.0f}"
    return f"{number} {units[0]}"


def near(path: str) -> str:
    """Return a path relative to the current folder, if it is inside.

    Example:
        >>> near(os.path.join(os.getcwd(), "runs", "x.h5")) == os.path.join("runs", "x.h5")
        True
    """
    try:
        folder = os.path.join(os.getcwd(), "")
    except OSError:  # the current folder was removed
        return path
    return path.removeprefix(folder)


def count_of(number: int, what: str = "key") -> str:
    """Return a number and a noun.

    Example:
        >>> count_of(1), count_of(10_000)
        ('1 key', '10,000 keys')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def keys_of(count: int, names: Iterable[str], what: str = "key") -> str:
    """Return a number of keys and the first of them.

    Args:
        count: the number of keys.
        names: the first of them, in order.
        what: the noun for one of them.

    Example:
        >>> keys_of(3, ["a", "b", "c"])
        "3 keys: 'a', 'b', 'c'"
        >>> keys_of(9000, ["a", "b"])
        "9,000 keys: 'a', 'b', …"
    """
    shown: list[str] = []
    for name in names:
        text = short(name, 30)
        if sum(map(len, shown)) + 2 * len(shown) + len(text) > MOST_LETTERS:
            break
        shown.append(text)
    more = ["…"] if len(shown) < count else []
    listed = ", ".join([*shown, *more])
    return f"{count_of(count, what)}: {listed}" if shown else count_of(count, what)


def problem_of(error: BaseException) -> str:
    """Return an error as one line.

    Example:
        >>> problem_of(ValueError("no such thing"))
        'ValueError: no such thing'
    """
    told = getattr(error, "problem", None) or getattr(error, "strerror", None) or str(error)
    name = type(error).__name__
    return cut(f"{name}: {told}" if told else name, 200)


class Parts:
    """The texts shown for a key.

    Args:
        of: its description.

    Attributes:
        name: the last level of its path.
        type: type, dtype and shape.
        value: the value, if it is small; otherwise the number of items.
        notes: size, compression, attributes.
        problem: what is wrong; empty if nothing is wrong.
    """

    __slots__ = ("name", "notes", "problem", "type", "value")

    def __init__(self, of: Described) -> None:
        self.name = cut(of.key.rpartition("/")[2], 100)
        self.problem = cut(of.problem, 200) if of.problem else ""
        self.type = cut(of.type)
        self.value = short(of.value) if of.has_value and of.value is not None else ""
        notes = []
        if of.kind == "array":
            shape = "" if of.shape is None else f" {of.shape}"
            dtype = cut(str(of.dtype)) if of.dtype is not None else ""
            plain = of.type == "ndarray"
            self.type = (
                f"{dtype if plain else ' of '.join(filter(None, (self.type, dtype)))}{shape}"
            )
        elif of.kind == "value" and not of.has_value and of.length is not None and not of.shape:
            self.value = count_of(of.length, "item")
        size = of.stored if of.stored is not None else of.nbytes
        if size is not None and not of.has_value:
            notes.append(size_of(size))
        if of.compression:
            notes.append(of.compression)
        if of.attributes:
            notes.append(count_of(of.attributes, "attribute"))
        self.notes = ", ".join(notes)


def parts_of(of: Described) -> str:
    """Return all texts for a value as one line.

    Example:
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk.update({"steps": 500, "names": ["a", "b"]})
        >>> [parts_of(found) for found in chk.describe(values=True)]
        ['steps: int 500', "names: list of str ['a', 'b']"]
    """
    parts = Parts(of)
    told = " ".join(filter(None, (parts.type, parts.value)))
    notes = ", ".join(filter(None, (told, parts.notes)))
    return f"{parts.name}: {notes}{' — ' + parts.problem if parts.problem else ''}"
