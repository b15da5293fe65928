"""Values as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from .escapes import escaped_json

__all__ = ["json_line", "plain"]

_BY_TEXT = {
    "datetime",
    "date",
    "time",
    "timedelta",
    "Fraction",
    "Decimal",
    "UUID",
    "PosixPath",
    "WindowsPath",
    "PurePosixPath",
    "PureWindowsPath",
    "IPv4Address",
    "IPv6Address",
    "ZoneInfo",
}


def json_line(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON, on one line without `indent`, which cannot control a terminal.

    Numbers that JSON does not have are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``;
    a complex number is ``{"real": …, "imag": …}``; bytes are ``{"base64": …}``; dates and times
    are ISO 8601 text, durations are text as Python writes them. Arrays, tuples and sets are lists;
    a dict whose keys are not all text is a list of pairs, as is a DataFrame with two columns of
    one name; everything else is its text.

    Example:
        >>> json_line({"a": [1, float("nan"), 2j], "b": b"x"})
        '{"a": [1, "NaN", {"real": 0.0, "imag": 2.0}], "b": {"base64": "eA=="}}'
    """
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    return escaped_json(text)


def plain(value: Any) -> Any:
    """Return a value made of JSON types only."""
    import base64

    if value is None or isinstance(value, bool | str):
        return value if type(value) in {bool, str, type(None)} else str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, complex):
        return {"real": _number(value.real), "imag": _number(value.imag)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(item) for item in value]
    if type(value).__name__ in _BY_TEXT:
        iso = getattr(value, "isoformat", None)
        return iso() if iso is not None else str(value)
    return _of_library(value)


def _number(value: float) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _mapping(value: Mapping[Any, Any]) -> Any:
    if all(isinstance(key, str) for key in value):
        return {str(key): plain(item) for key, item in value.items()}
    return [[plain(key), plain(item)] for key, item in value.items()]


def _of_library(value: Any) -> Any:
    """Convert a value of NumPy, pandas or another library."""
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        return plain(value.tolist())  # null where it is masked
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    if isinstance(value, np.generic):
        return (
            plain(value.item()) if not isinstance(value, np.longdouble) else _number(float(value))
        )
    if isinstance(value, np.ndarray):
        return _array(value)
    if type(value).__name__ == "DataFrame" and not getattr(value.columns, "is_unique", True):
        return [[plain(name), plain(column)] for name, column in value.items()]
    for name in ("tolist", "to_dict", "toarray"):
        method = getattr(value, name, None)
        if callable(method):
            try:
                found = method(orient="list") if _is_frame(value, name) else method()
            except Exception:  # noqa: S112  a class with a method of that name and other arguments
                continue
            if found is not value:
                return plain(found)
    return str(value)


def _is_frame(value: Any, name: str) -> bool:
    return name == "to_dict" and type(value).__name__ == "DataFrame"


def _array(value: Any) -> Any:
    kind = value.dtype.kind
    if value.dtype.names:
        rows = [{name: plain(row[name]) for name in value.dtype.names} for row in value.ravel()]
        return _nested(rows, value.shape)
    if kind in "Mm":
        return value.astype(str).tolist()
    if kind == "f" and value.dtype.itemsize > 8:
        value = value.astype(float)
    items = value.tolist()
    return items if kind in "iub" else plain(items)


def _nested(rows: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return rows[0]
    if len(shape) == 1:
        return rows
    step = len(rows) // shape[0] if shape[0] else 0
    return [_nested(rows[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
