"""Reading and writing of values in files of other formats: NumPy, JSON, CSV, text, bytes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import secrets
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .exits import UNREADABLE, USAGE, Failure
from .values import json_line, plain

__all__ = ["READERS", "WRITERS", "columns_of", "extension_of", "read_value", "write_value"]


def extension_of(path: str) -> str:
    """Return the extension of a path in lower case."""
    return os.path.splitext(path)[1].lower()


def write_value(path: str, value: Any) -> None:
    """Write a value to a file in the format of its extension.

    The file appears complete or not at all.

    Raises:
        Failure: the format is unknown, or the value cannot be written in it.
    """
    writer = WRITERS.get(extension_of(path))
    if writer is None:
        raise Failure(f"no form is known for {path}; use one of {', '.join(WRITERS)}", USAGE)
    # A name that no file of the user has; a mode as a new file gets it.
    beside = os.path.join(os.path.dirname(path), f".hdfchk-{secrets.token_hex(8)}.part")
    try:
        with open(beside, "xb") as stream:
            try:
                writer(stream, value)
                stream.close()
                os.replace(beside, path)
            except BaseException:
                with suppress(OSError):  # the error before it says more
                    os.unlink(beside)
                raise
    except UnicodeEncodeError as error:
        raise Failure(f"text that is no Unicode: {error} (for {path})", USAGE) from error
    except OSError as error:
        if error.filename == beside:  # not the name that the caller gave
            error.filename, error.filename2 = path, None
        raise


def read_value(path: str) -> Any:
    """Return the value in a file, read in the format of its extension.

    Raises:
        Failure: the format is unknown, the file is damaged, or memory does not suffice.
    """
    reader = READERS.get(extension_of(path))
    if reader is None:
        known = f"use one of {', '.join(READERS)}; of an HDF5 file, use cp or merge"
        raise Failure(f"no form is known for {path}; {known}", USAGE)
    with open(path, "rb") as stream:
        try:
            return reader(stream)
        except OSError as error:
            error.filename = error.filename or path
            raise
        except MemoryError as error:
            raise Failure(
                f"there is not enough memory to read it (in {path})", UNREADABLE
            ) from error
        except RecursionError as error:
            raise Failure(f"it is nested too deeply (in {path})", USAGE) from error
        except Exception as error:  # NumPy and zipfile raise errors of many types for damaged files
            why = str(error) or type(error).__name__
            raise Failure(f"it cannot be read: {why} (in {path})", USAGE) from error


def _write_npy(stream: Any, value: Any) -> None:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # metadata of a dtype are dropped
        np.lib.format.write_array(stream, as_array(value), allow_pickle=False)


def _write_npz(stream: Any, value: Any) -> None:
    import zipfile

    import numpy as np

    if not isinstance(value, Mapping):
        raise Failure("only a dict can be written as .npz; use .npy", USAGE)
    arrays = [(key, as_array(item, key)) for key, item in flat(value)]
    names = {key for key, _ in arrays}
    if len(names) < len(arrays):
        raise Failure("two values have the same key path in an .npz; use .json", USAGE)
    # numpy.savez takes names as keywords: it drops or refuses those of its own parameters.
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for key, array in arrays:
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def flat(value: Mapping[str, Any], base: str = "") -> list[tuple[str, Any]]:
    """Return the values of nested dicts with their key paths."""
    found: list[tuple[str, Any]] = []
    for key, item in value.items():
        path = f"{base}{key}"
        if type(item) is dict and item and all(isinstance(name, str) for name in item):
            found += flat(item, f"{path}/")
        else:
            found.append((path, item))
    return found


def as_array(value: Any, key: str | None = None) -> Any:
    """Return a value as a NumPy array that needs no pickle.

    Raises:
        Failure: the value is not an array of numbers or text.
    """
    import numpy as np

    place = "" if key is None else f" (key {key!r})"
    if hasattr(value, "toarray"):
        value = value.toarray()
    try:
        array = value if type(value) is np.ndarray else np.asarray(value)
    except (ValueError, TypeError):
        array = None
    if array is not None and array.dtype.kind != "O" and array.dtype.hasobject:
        array = None
    elif array is not None and array.dtype.kind == "O":
        text = all(isinstance(item, str) for item in array.ravel())
        array = array.astype(str) if text and array.size else None
    if array is None:
        raise Failure(
            f"a {type(value).__qualname__} is not an array of numbers or text{place}; use .json",
            USAGE,
        )
    return array


def _write_json(stream: Any, value: Any) -> None:
    stream.write(json_line(value, indent=1).encode() + b"\n")


def _write_csv(stream: Any, value: Any) -> None:
    columns = columns_of(value)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    writer.writerows(zip(*(map(_cell, cells) for _, cells in columns), strict=True))
    text.detach()


def _cell(value: Any) -> Any:
    cell = plain(value)
    is_missing = cell in ("NaT", "<NA>") and not isinstance(value, str)  # of pandas and NumPy
    if cell is None or is_missing:
        return ""
    return cell if isinstance(cell, str | int | float) else json_line(cell)


def columns_of(value: Any) -> list[tuple[str, list[Any]]]:
    """Return the columns of a table, each with its name; several can have one name.

    A table is a DataFrame, a dict of columns, or an array that is structured or has one or two
    dimensions. As pandas writes it, the index of a DataFrame is its first columns, with an empty
    name where it has none; the index that only counts the rows from 0 is left out.

    Raises:
        Failure: the value is not a table.
    """
    import numpy as np

    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return _columns_of_frame(value)
    if isinstance(value, Mapping):
        found = [(str(name), _column(item, name)) for name, item in value.items()]
        if found and len({len(cells) for _, cells in found}) == 1:
            return found
    elif isinstance(value, list | np.ndarray):
        try:
            array = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        except ValueError:  # lists of several lengths
            array = np.asarray(None)
        if array.dtype.names and array.ndim == 1:
            return [(name, list(array[name])) for name in array.dtype.names]
        if array.ndim in {1, 2} and array.dtype.kind != "O":
            columns = array.reshape(len(array), math.prod(array.shape[1:])).T
            return [(f"c{number}", list(cells)) for number, cells in enumerate(columns)]
    raise Failure(
        f"a {type(value).__qualname__} is not a table; use .json, or export to a folder", USAGE
    )


def _columns_of_frame(frame: Any) -> list[tuple[str, list[Any]]]:
    if not hasattr(frame, "iloc"):  # polars: no index, and no two columns of one name
        return [(str(name), list(frame[name])) for name in frame.columns]
    index, found = frame.index, []
    if not _only_counts(index):
        for level, name in enumerate(index.names):
            found.append(("" if name is None else str(name), list(index.get_level_values(level))))
    for number, name in enumerate(frame.columns):  # by position: names may coincide
        found.append((str(name), list(frame.iloc[:, number])))
    return found


def _only_counts(index: Any) -> bool:
    """Whether an index of pandas has no name, and only counts the rows from 0."""
    if index.nlevels != 1 or index.name is not None:
        return False
    return len(index) == 0 or (
        getattr(index.dtype, "kind", "O") in "iu" and list(index) == list(range(len(index)))
    )


def _column(value: Any, name: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return [value]
    if getattr(value, "ndim", 1) != 1:
        raise Failure("a column of a table has one axis; use .npz, or a folder", USAGE)
    if hasattr(value, "iloc") and not _only_counts(value.index):
        raise Failure(
            f"the index of the Series {name!r} would be lost; store a DataFrame instead", USAGE
        )
    return list(value)


def _write_text(stream: Any, value: Any) -> None:
    text = value if isinstance(value, str) else json_line(value)
    stream.write(text.encode("utf-8", "surrogateescape"))


def _write_bytes(stream: Any, value: Any) -> None:
    if not isinstance(value, bytes | bytearray):
        raise Failure(f"a {type(value).__qualname__} is not bytes; use .npy or .json", USAGE)
    stream.write(value)


def _read_npy(stream: Any) -> Any:
    import numpy as np

    return np.lib.format.read_array(stream, allow_pickle=False)


def _read_npz(stream: Any) -> Any:
    import numpy as np

    if stream.read(2) != b"PK":
        raise ValueError("it is no .npz archive; write it anew with numpy.savez")
    stream.seek(0)
    tree: dict[str, Any] = {}
    with np.load(stream, allow_pickle=False) as found:
        for path in found.files:
            value = found[path]
            if isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "biufcU":
                value = value.item()
            _put(tree, path, value)
    return tree


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a key path into nested dicts.

    Raises:
        ValueError: there is a value at this path, or at a part of it.
    """
    *names, last = path.split("/")
    for name in names:
        tree = tree.setdefault(name, {})
        if type(tree) is not dict:
            raise ValueError(f"the name {path!r} goes on below the name of an array; rename one")
    if last in tree:
        raise ValueError(f"the name {path!r} is there twice, or others go on below it; rename one")
    tree[last] = value


def _read_json(stream: Any) -> Any:
    return json.loads(stream.read())


def _read_csv(stream: Any) -> Any:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    rows = list(csv.reader(text))
    text.detach()
    if not rows:
        raise ValueError("there is no row of names")
    names = [name or f"c{number}" for number, name in enumerate(rows[0])]
    body = [row for row in rows[1:] if row]
    if any(len(row) != len(names) for row in body):
        raise ValueError("the rows differ in length")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two columns have the name {twice!r}; rename one")
    return {name: _typed([row[number] for row in body]) for number, name in enumerate(names)}


def _typed(cells: list[str]) -> Any:
    """Return a column as integers; else as floats, with NaN for empty cells; else as text."""
    import numpy as np

    for kind, items in ((np.int64, cells), (np.float64, [cell or "nan" for cell in cells])):
        if cells:
            try:
                return np.array(items).astype(kind)
            except (ValueError, OverflowError):
                continue
    return np.array(cells, dtype=str)


WRITERS: dict[str, Callable[[Any, Any], None]] = {
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".json": _write_json,
    ".csv": _write_csv,
    ".txt": _write_text,
    ".bin": _write_bytes,
}
READERS: dict[str, Callable[[Any], Any]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".json": _read_json,
    ".csv": _read_csv,
    ".txt": lambda stream: stream.read().decode("utf-8"),
    ".bin": lambda stream: stream.read(),
}
