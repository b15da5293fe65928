"""`NumPyCheckpointer`: arrays in an NPZ file."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..codecs.codec import Decoder
from ..errors import (
    CorruptFileError,
    CycleError,
    InvalidKeyError,
    InvalidKeyTypeError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from .file_checkpointer import FileCheckpointer, Serializer
from .foreign import Foreign

__all__ = ["NumPyCheckpointer"]

_SEPARATOR = "::>|<::"
"""The separator of the levels of a key in the name of an array."""
_COUNT = "_list_numitems"
_ITEM = "_list_item_"
_PICKLES = re.compile(rb"'descr': [^\n]*'\|O\d*'")
_SCALARS = (bool, int, float, complex, str, bytes, np.generic)

Flat = dict[str, "np.ndarray[Any, Any] | _Objects"]


class _Objects(Foreign):
    """An array of objects, which NumPy pickles."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def decode(self, decoder: Decoder) -> Any:
        if not decoder.allow_pickle:
            raise UnsupportedStoredError(
                "an array of objects, which is a pickle: reading it executes code",
                hint="if you trust the file, open it with allow_pickle=True",
            )
        try:
            return np.lib.format.read_array(io.BytesIO(self.raw), allow_pickle=True)
        except Exception as error:  # a pickle may raise any error
            raise CorruptFileError(
                f"its pickle cannot be read ({type(error).__name__}: {error})",
                hint="the modules that it names must be importable as when the file was written",
            ) from error


class NumPySerializer:
    """Writes and reads NPZ files, as the older toolbox does.

    Nested dicts become names with `_SEPARATOR`, lists of mixed items become numbered names.
    Anything else is an array. An empty dict is an empty array with an empty name below it.
    """

    def serialize(self, file: Any, data: Any) -> None:
        """Write the dict `data` to an open binary file."""
        flat: Flat = {}
        _flatten(data, (), flat, set())
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for name, array in flat.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    if isinstance(array, _Objects):
                        member.write(array.raw)
                    else:
                        np.lib.format.write_array(member, array, allow_pickle=False)

    def deserialize(self, file: Any) -> Any:
        """Read the dict in an open binary file."""
        tree: dict[str, Any] = {}
        for name, array in _members(file).items():
            *above, last = name.split(_SEPARATOR)
            base = tree
            for part in above:
                base = base.setdefault(part, {})
                if not isinstance(base, dict):
                    raise CorruptFileError(
                        f"a part of the name {name!r} is an array", hint="read it with numpy.load"
                    )
            if last or not above:
                base[last] = array
        return {name: _nested(item) for name, item in tree.items()}

    def check(self, path: tuple[Any, ...], value: Any) -> None:
        """Reject a value that an NPZ file cannot hold."""
        for name in path:
            _check_name(name, path)
        _flatten(value, path, {}, set())

    def same(self, left: Any, right: Any) -> bool:
        """Whether two values are the same in an NPZ file."""
        first: Flat = {}
        second: Flat = {}
        _flatten(left, (), first, set())
        _flatten(right, (), second, set())
        return first.keys() == second.keys() and all(
            _same(array, second[name]) for name, array in first.items()
        )


def _members(file: Any) -> Flat:
    found: Flat = {}
    try:
        if file.read(6) == b"\x93NUMPY":
            raise CorruptFileError(
                "this is one array, not a checkpoint",
                hint="read it with numpy.load, or give the name of another file",
            )
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                raw = archive.read(name)
                head = raw[: 2**16].partition(b"\n")[0] + b"\n"
                found[name.removesuffix(".npy")] = (
                    _Objects(raw)
                    if _PICKLES.search(head)
                    else np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)
                )
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise CorruptFileError(
            f"this is not an NPZ file ({error})", hint="restore the file from a copy"
        ) from error
    return found


def _nested(value: Any) -> Any:
    """Convert numbered names back to lists."""
    if not isinstance(value, dict):
        return value
    if _COUNT not in value:
        return {name: _nested(item) for name, item in value.items()}
    try:
        return [_nested(value[f"{_ITEM}{n}"]) for n in range(int(value[_COUNT]))]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"a list whose items are not all there ({error})", hint="read it with numpy.load"
        ) from error


def _flatten(value: Any, path: tuple[Any, ...], flat: Flat, above: set[int]) -> None:
    """Add the arrays of a value to `flat`, by name."""
    name = _SEPARATOR.join(map(str, path))
    if isinstance(value, _Objects):
        flat[name] = value
        return
    array = _array(value, path)
    if array is not None:
        flat[name] = array
        return
    if id(value) in above:
        raise CycleError(
            "a dict or list that contains itself",
            key="/".join(map(str, path)),
            hint="store a key or an index",
        )
    above.add(id(value))
    if isinstance(value, dict):
        for part, item in value.items():
            _check_name(part, path)
            _flatten(item, (*path, part), flat, above)
        if not value and path:
            flat[name + _SEPARATOR] = np.empty(0)
    else:
        for n, item in enumerate(value):
            _flatten(item, (*path, f"{_ITEM}{n}"), flat, above)
        flat[_SEPARATOR.join([name, _COUNT])] = np.array(len(value))
    above.discard(id(value))


def _array(value: Any, path: tuple[Any, ...]) -> np.ndarray[Any, Any] | None:
    """Return the array for a value; None for a dict, or a list of mixed items.

    Raises:
        UnsupportedTypeError: the value has another type.
    """
    if isinstance(value, dict):
        return None
    asarray: Callable[[], Any] | None = getattr(value, "asarray", None)
    if not isinstance(value, np.ndarray) and asarray is not None:
        value = asarray()  # the sparse arrays of the older toolbox
    found: np.ndarray[Any, Any] | None = None
    if isinstance(value, np.ndarray):
        if type(value) in {np.ndarray, np.memmap}:
            found = value
    elif isinstance(value, (list, tuple)):
        found = _uniform(value)
        if found is None:
            return None
    elif isinstance(value, _SCALARS):
        made = np.array(value)
        found = made if made.dtype.kind not in "OSU" or made.item() == value else None
    if found is None or found.dtype.hasobject or found.dtype.kind == "T":
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise UnsupportedTypeError(
            f"an NPZ file cannot hold this {kind} without a pickle",
            key="/".join(map(str, path)),
            hint="keep it in an HDF5 file, or store its parts as arrays, numbers, lists and dicts",
        )
    return found


def _uniform(value: list[Any] | tuple[Any, ...]) -> np.ndarray[Any, Any] | None:
    """Return the array for a list of items of one kind; None if they are mixed."""
    try:
        found = np.array(value)
    except (ValueError, OverflowError):  # ragged; an int beyond 64 bits
        return None
    if found.dtype.hasobject or found.dtype.kind == "T":
        return None
    if found.dtype.kind in "SU":
        # NumPy converts numbers among texts to texts, and drops trailing NULs.
        return found if found.tolist() == _lists(value) else None
    return found


def _lists(value: Any) -> Any:
    """Convert nested tuples and arrays to nested lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def _check_name(name: Any, path: tuple[Any, ...]) -> None:
    where = "/".join(map(str, path))
    if not isinstance(name, str):
        raise InvalidKeyTypeError(
            f"a key in an NPZ file is a text, not {name!r}", key=where, hint="use a text as the key"
        )
    if not name or _SEPARATOR in name or "\0" in name or name == _COUNT:
        raise InvalidKeyError(
            f"{name!r} cannot be a key in an NPZ file", key=where, hint="use another key"
        )


def _same(left: np.ndarray[Any, Any] | _Objects, right: np.ndarray[Any, Any] | _Objects) -> bool:
    if isinstance(left, _Objects) or isinstance(right, _Objects):
        return isinstance(left, _Objects) and isinstance(right, _Objects) and left.raw == right.raw
    return (
        left.dtype == right.dtype
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )


class NumPyCheckpointer(FileCheckpointer):
    """A checkpointer that stores its values in an NPZ file.

    The file holds arrays: numbers, texts and lists of them are read back as arrays, a single one as
    a 0-d array; dicts as dicts, lists of mixed items as lists. Values that NumPy would have to
    pickle are rejected when they are set. `numpy.load` and the older toolbox can read the file, and
    this class reads files of the toolbox; arrays of objects only with ``allow_pickle=True``.

    Args:
        file: a path, or an open binary file. If there is no file at the path, ``.npz`` or ``.npy``
            is appended.
        cache: the dict to begin with, which is used in place; the file is not read then.
        serializer: what writes and reads the file, if not this class.
        open_kwargs: of the built-in `open`, for the file that is written.
        allowed_keys: as for `Checkpointer`.
        omitted_keys: as for `Checkpointer`.
        allow_pickle: unpickle arrays of objects. Unpickling runs code that the file names: only
            for files that you trust. Nothing is ever pickled.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> chk = NumPyCheckpointer(file)
        >>> chk.update({"energies": [0.5, 1.5], "run": {"steps": 500}})
        >>> NumPyCheckpointer(file)["energies"], NumPyCheckpointer(file)["run", "steps"]
        (array([0.5, 1.5]), array(500))
    """

    default_extension: ClassVar[str] = ".npz"
    _mode: ClassVar[str] = "rb"

    def __init__(
        self,
        file: Any,
        cache: Any = None,
        serializer: Serializer | None = None,
        open_kwargs: Mapping[str, Any] | None = None,
        allowed_keys: Any = None,
        omitted_keys: Any = None,
        *,
        allow_pickle: bool = False,
    ) -> None:
        if isinstance(file, (str, os.PathLike)) and not os.path.exists(file):
            given = os.fsdecode(file)
            near = [given + end for end in (".npz", ".npy") if os.path.exists(given + end)]
            file = near[0] if near else file
        super().__init__(
            file,
            cache,
            serializer,
            open_kwargs,
            allowed_keys,
            omitted_keys,
            allow_pickle=allow_pickle,
        )

    @classmethod
    def _open_kwargs(cls) -> dict[str, Any]:
        return {"mode": "wb"}

    @classmethod
    def _own_serializer(cls) -> Serializer:
        return NumPySerializer()
