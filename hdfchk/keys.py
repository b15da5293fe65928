"""Key paths: parse, check, join.

A key is a `str`, in which ``"/"`` separates levels, or a tuple of such strings. Parsing converts it
to a tuple of names, the only form that the rest of the library uses.
"""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterable

from .errors import CheckpointerKeyError, InvalidKeyError, InvalidKeyTypeError
from .typing import Key

__all__ = [
    "HIDDEN_PREFIX",
    "MAX_PATH",
    "Key",
    "Path",
    "join",
    "missing",
    "parse",
    "parse_for_read",
    "problem_of_name",
    "require_names",
    "to_bytes",
    "to_text",
]

Path = tuple[str, ...]
"""A parsed key: one name per level; the empty tuple is the root."""

HIDDEN_PREFIX = "hdfchk:"
"""Prefix of the names of internal links, which are not keys. Such links made by other programs, or
older versions, can be read and deleted; hidden groups are never listed."""


MAX_PATH = 2000
"""The maximum number of levels of a path to read: HDF5 follows all of them for each object."""


def problem_of_name(name: str, *, reading: bool = False) -> str | None:
    """Return what is wrong with the name of a level, or None if an HDF5 link can have it.

    Args:
        name: the name.
        reading: accept names that hdfchk would not create.

    Example:
        >>> problem_of_name("energies")
        >>> problem_of_name("..")
        "the name '..' has a special meaning in HDF5 paths"
    """
    if not name:
        return "a key, or one of its levels, is empty"
    if name in {".", ".."}:
        return f"the name {name!r} has a special meaning in HDF5 paths"
    if "\0" in name:
        return f"the name {name!r} contains a NUL, which ends a name in HDF5"
    if "/" in name:
        return f"the name {name!r} contains '/', which separates levels"
    if not reading and name.startswith(HIDDEN_PREFIX):
        return f"the name {name!r} begins with {HIDDEN_PREFIX!r}, which is reserved for hdfchk"
    # HDF5 names are bytes. Names in a file that are not valid UTF-8 are decoded with surrogate
    # escapes, which can be encoded again; any other lone surrogate cannot be encoded.
    try:
        bears = name.isascii() or to_text(to_bytes(name)) == name
    except UnicodeEncodeError:
        bears = False
    return None if bears else f"the name {name!r} has no UTF-8 form"


def to_bytes(name: str) -> bytes:
    """Encode a name as HDF5 stores it: UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def to_text(name: bytes) -> str:
    """Decode a name found in a file; bytes that are not valid UTF-8 become surrogate escapes."""
    return name.decode("utf-8", "surrogateescape")


def parse(key: object, *, reading: bool = False) -> Path:
    """Parse `key` for writing.

    Args:
        key: a `str` (``"/"`` separates levels) or a tuple of them.
        reading: accept keys that hdfchk would not create.

    Returns:
        The names, outermost first; never empty.

    Raises:
        InvalidKeyTypeError: `key` is neither a `str` nor a tuple of `str` (a `TypeError`).
        InvalidKeyError: a level is empty, ``"."``, ``".."``, contains a NUL or begins with
            ``"hdfchk:"`` (a `ValueError`).

    Example:
        >>> parse("a/b"), parse(("a", "b")), parse(("a/b", "c"))
        (('a', 'b'), ('a', 'b'), ('a', 'b', 'c'))
    """
    if type(key) is str and key.isidentifier():  # the most common case, always valid
        return (key,)
    if isinstance(key, str):
        path = tuple(key.split("/"))
    elif isinstance(key, tuple) and all(isinstance(part, str) for part in key):
        path = tuple(name for part in key for name in part.split("/"))
    else:
        raise InvalidKeyTypeError(
            f"a key must be a str or a tuple of str, not {key!r} of type {type(key).__qualname__}",
            hint="use str(key), or store a dict with other keys as one value",
        )
    if not path:
        raise InvalidKeyError("an empty tuple is not a key", hint="use load() for the whole store")
    for name in path:
        problem = problem_of_name(name, reading=reading)
        if problem is not None:
            raise InvalidKeyError(problem, key=str(key), hint="use another key")
    return tuple(str(name) for name in path)


def require_names(pairs: Iterable[tuple[object, object]], file: str, where: Path = ()) -> None:
    """Reject paths among the keys of a mapping that is stored as a whole: its keys are names.

    Args:
        pairs: the keys, each with its value.
        file: the name of the store in messages.
        where: the path at which the mapping is stored.

    Raises:
        InvalidKeyError: a key is a path; the message shows the nested form.

    Example:
        >>> require_names([("m", {"s": 3})], "run.hdf5")
        >>> require_names([("m/s", 3)], "run.hdf5")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
          ...
        hdfchk.errors.InvalidKeyError: 'm/s' is a path, ...; write {'m': {'s': 3}}
    """
    for key, value in pairs:
        is_path = isinstance(key, tuple) or (isinstance(key, str) and "/" in key)
        if is_path and (path := parse(key)):
            raise InvalidKeyError(
                f"{key!r} is a path, and the keys of a mapping that is stored as a whole are names",
                key=join(where + path),
                file=file,
                hint=f"write {_nested(path, value)}",
            )


def _nested(path: Path, value: object) -> str:
    """Return nested dicts with a value at a path, as text."""
    is_short = value is None or isinstance(value, (bool, int, float, str))
    text = reprlib.repr(value) if is_short else "..."
    for name in reversed(path):
        text = f"{{{name!r}: {text}}}"
    return text


def parse_for_read(key: object) -> Path:
    """Parse `key` for reading or deleting: a key that cannot exist raises `KeyError`."""
    try:
        return parse(key, reading=True)
    except (InvalidKeyError, InvalidKeyTypeError) as error:
        found = missing(None, f" {key!r}: {error.problem}")
        found.hint = _hint_for_index(key) or found.hint
        raise found from error


def _hint_for_index(key: object) -> str | None:
    """Return a hint for a key that contains an array index; None for others."""
    if not isinstance(key, tuple):
        return None
    names = tuple(itertools.takewhile(lambda part: isinstance(part, str), key))
    rest = key[len(names) :]
    if not names or not rest or not all(map(_is_index, rest)):
        return None
    index = ", ".join(map(_index_text, rest))
    return f"chk.array({'/'.join(names)!r})[{index}] reads a part of an array"


def _is_index(part: object) -> bool:
    return part is ... or isinstance(part, (int, slice)) or hasattr(part, "__index__")


def _index_text(part: object) -> str:
    if part is ...:
        return "..."
    if not isinstance(part, slice):
        return reprlib.repr(part)
    ends = [part.start, part.stop] + ([] if part.step is None else [part.step])
    return ":".join("" if end is None else reprlib.repr(end) for end in ends)


def missing(path: Path | None, why: str = "") -> CheckpointerKeyError:
    """Return the error for a missing key.

    Args:
        path: the key path; None if `why` names the key.
        why: text to follow the words "no such key".
    """
    key = None if path is None else join(path)
    return CheckpointerKeyError(f"no such key{why}", key=key, hint="see keys()")


def join(path: Path) -> str:
    """Return the path as text, levels separated by ``"/"``; the root is ``"/"``.

    Example:
        >>> join(("a", "b")), join(())
        ('a/b', '/')
    """
    return "/".join(path) if path else "/"
