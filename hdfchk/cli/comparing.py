"""Differences between two values, by value and type, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .values import json_line, plain

__all__ = ["Tolerance", "difference"]

_SHOWN = 60


class Tolerance:
    """The difference allowed between two numbers: ``rtol * |left| + atol``.

    Args:
        rtol: the relative tolerance, times the number of the first file.
        atol: the absolute tolerance.
        types: whether types must be equal, too.
    """

    def __init__(self, rtol: float, atol: float, *, types: bool) -> None:
        self.rtol, self.atol, self.types = rtol, atol, types


def difference(left: Any, right: Any, tolerance: Tolerance) -> str | None:
    """Describe what differs between two values; return None if they are equal. NaN equals NaN."""
    import numpy as np

    if tolerance.types and type(left) is not type(right):
        return f"{_type(left)} → {_type(right)}"
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return _arrays(np.asanyarray(left), np.asanyarray(right), tolerance)
    if _is_sparse(left) and _is_sparse(right):
        return _sparse(left, right, tolerance)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _mappings(left, right, tolerance)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return _lists(left, right, tolerance)
    if _is_number(left) and _is_number(right):
        return None if _near(left, right, tolerance) else f"{short(left)} → {short(right)}"
    pair = _as_arrays(left, right)
    if pair is not None:
        found = _arrays(*pair, tolerance)
        return f"{short(left)} → {short(right)}" if found and not pair[0].ndim else found
    return None if _same(left, right) else f"{short(left)} → {short(right)}"


def _type(value: Any) -> str:
    name = type(value).__qualname__
    return f"{name} {short(value)}" if _is_number(value) or isinstance(value, str) else name


def short(value: Any) -> str:
    """Return a value as a short text."""
    try:
        text = json_line(value)
    except Exception:
        text = type(value).__qualname__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex) and not isinstance(value, bool)


def _near(left: Any, right: Any, tolerance: Tolerance) -> bool:
    if left == right or (left != left and right != right):  # noqa: PLR0124  NaN
        return True
    if isinstance(left, int) and isinstance(right, int) and not (tolerance.rtol or tolerance.atol):
        return False
    try:
        bound = tolerance.rtol * abs(left) + tolerance.atol
        if isinstance(left, int) or isinstance(right, int):  # as integers they differ exactly
            left, right = _integral(left), _integral(right)
        return bool(abs(left - right) <= bound) and math.isfinite(bound)
    except OverflowError:
        return False


def _integral(value: Any) -> Any:
    """Return a float without a fraction as an integer, anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _same(left: Any, right: Any) -> bool:
    equals = getattr(left, "equals", None)
    if callable(equals):
        return bool(equals(right))
    try:
        return bool(left == right or (left != left and right != right))  # noqa: PLR0124  NaT
    except Exception:  # an array has no single truth value, and foreign classes may raise
        return bool(plain(left) == plain(right))


def _is_sparse(value: Any) -> bool:
    """Whether a value is a sparse array or matrix of SciPy."""
    return callable(getattr(value, "tocsr", None))


def _sparse(left: Any, right: Any, tolerance: Tolerance) -> str | None:
    """Compare two sparse arrays by the elements that either of them stores."""
    import numpy as np

    if left.shape != right.shape:
        return f"shape {left.shape} → {right.shape}"
    elements = [value.tocoo() for value in (left, right)]
    places = [np.stack([*map(np.asarray, found.coords)]) for found in elements]
    stored, back = np.unique(np.concatenate(places, axis=1), axis=1, return_inverse=True)
    count, ends = stored.shape[1], len(elements[0].data)
    parts = []
    for found, at in zip(elements, (back[:ends], back[ends:]), strict=True):
        data = np.zeros(count, found.data.dtype)
        np.add.at(data, at, found.data)
        parts.append(data)
    return _arrays(parts[0], parts[1], tolerance, stored)


def _as_arrays(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Return NumPy scalars and arrays of other libraries as NumPy arrays; None for others."""
    import numpy as np

    for value in (left, right):
        if not hasattr(value, "__array__") or hasattr(value, "equals"):
            return None
    try:
        pair = np.asarray(left), np.asarray(right)
    except Exception:  # a dtype of a library that NumPy does not have
        return None
    return None if "O" in (pair[0].dtype.kind, pair[1].dtype.kind) else pair


def _mappings(
    left: Mapping[Any, Any], right: Mapping[Any, Any], tolerance: Tolerance
) -> str | None:
    for key in left:
        if key not in right:
            return f"{key!r} is in the first alone"
        found = difference(left[key], right[key], tolerance)
        if found:
            return f"{key!r}: {found}"
    more = [key for key in right if key not in left]
    return f"{more[0]!r} is in the second alone" if more else None


def _lists(left: Any, right: Any, tolerance: Tolerance) -> str | None:
    if len(left) != len(right):
        return f"{len(left)} items → {len(right)} items"
    differ = [
        (number, found)
        for number, pair in enumerate(zip(left, right, strict=True))
        if (found := difference(*pair, tolerance))
    ]
    if not differ:
        return None
    more = f" ({len(differ)} of {len(left)} items differ)" if len(differ) > 1 else ""
    return f"[{differ[0][0]}]: {differ[0][1]}{more}"


def _arrays(left: Any, right: Any, tolerance: Tolerance, places: Any = None) -> str | None:
    """Compare two arrays; `places` are the indices of their elements in the sparse arrays."""
    import numpy as np

    if left.shape != right.shape:
        return f"shape {left.shape} → {right.shape}"
    if tolerance.types and left.dtype != right.dtype:
        return f"{left.dtype} → {right.dtype}"
    if left.dtype.names and left.dtype == right.dtype:
        for name in left.dtype.names:
            found = _arrays(left[name], right[name], tolerance)
            if found:
                return f"{name!r}: {found}"
        return None
    if isinstance(left, np.ma.MaskedArray):
        masks = np.ma.getmaskarray(left), np.ma.getmaskarray(right)
        if not np.array_equal(*masks):
            return "masks differ"
        left, right = left.filled(), np.ma.filled(right, left.fill_value)
    differs = _elements(np.asarray(left), np.asarray(right), tolerance)
    count = int(np.count_nonzero(differs))
    if not count:
        return None
    first = tuple(int(i) for i in np.argwhere(differs)[0]) if left.ndim else ()
    shown = first if places is None else tuple(map(int, places[:, first[0]]))
    place = f"[{', '.join(map(str, shown))}] " if shown else ""
    pair = f"{short(left[first])} → {short(right[first])}"
    text = f"{count:,} of {left.size:,} elements differ, first {place}{pair}"
    return f"{text}{_most(left[differs], right[differs])}"


def _elements(left: Any, right: Any, tolerance: Tolerance) -> Any:
    import numpy as np

    if left.dtype.kind == "O" or right.dtype.kind == "O":
        pairs = zip(left.ravel().tolist(), right.ravel().tolist(), strict=True)
        return np.array([bool(difference(*pair, tolerance)) for pair in pairs]).reshape(left.shape)
    with np.errstate(all="ignore"):
        try:
            differs = np.asarray(left != right)
        except (TypeError, np.exceptions.DTypePromotionError):
            return np.ones(left.shape, bool)
        if left.dtype.kind in "fcMm" and right.dtype.kind in "fcMm":
            differs &= ~((left != left) & (right != right))  # noqa: PLR0124  NaN
        are_numbers = left.dtype.kind in "iufc" and right.dtype.kind in "iufc"
        if are_numbers and (tolerance.rtol or tolerance.atol):
            size = np.abs(left.astype(_wide(left, right)))
            bound = tolerance.rtol * size + tolerance.atol
            bound = np.where(np.isfinite(bound), bound, 0)
            differs &= ~_within(_apart(left, right), bound)
        if are_numbers and (left.dtype.kind in "iu") != (right.dtype.kind in "iu"):
            _compare_large_integers(left, right, tolerance, differs)
    return differs


def _wide(left: Any, right: Any) -> Any:
    """Return a dtype of floating point numbers that holds the numbers of both."""
    import numpy as np

    return np.result_type(left.dtype, right.dtype, np.float64)


def _apart(left: Any, right: Any) -> Any:
    """Return the absolute differences; those of integers are exact, and of no float dtype."""
    import numpy as np

    if left.dtype.kind not in "iu" or right.dtype.kind not in "iu":
        return np.abs(np.subtract(left, right, dtype=_wide(left, right)))
    if np.result_type(left, right).kind not in "iu":  # int64 and uint64
        return np.asarray(np.abs(left.astype(object) - right.astype(object)), object)
    # Modulo 2**64, as the differences of signed integers need not fit their type.
    one, two = left.astype(np.uint64), right.astype(np.uint64)
    return np.where(left > right, one - two, two - one)


def _within(apart: Any, bound: Any) -> Any:
    """Whether differences are at most as large as their bounds, which are finite."""
    import numpy as np

    if apart.dtype.kind != "u":
        return np.asarray(apart <= bound, bool)
    # NumPy would compare integers with floats as floats, and round them.
    is_large = bound >= 2.0**64
    limit = np.where(is_large | (bound < 0), 0, np.floor(bound)).astype(np.uint64)
    return is_large | ((bound >= 0) & (apart <= limit))


def _compare_large_integers(left: Any, right: Any, tolerance: Tolerance, differs: Any) -> None:
    """Compare integers with floats anew, one by one, where the integers have no exact float."""
    whole = left if left.dtype.kind in "iu" else right
    if whole.dtype.itemsize < 8:
        return
    is_large = (whole > 1 << 53) | (whole < -(1 << 53))
    pairs = zip(left[is_large].tolist(), right[is_large].tolist(), strict=True)
    differs[is_large] = [not _near(*pair, tolerance) for pair in pairs]


def _most(left: Any, right: Any) -> str:
    import numpy as np

    if left.dtype.kind not in "iufc" or right.dtype.kind not in "iufc":
        return ""
    with np.errstate(all="ignore"):
        apart = _apart(left, right)
        if apart.dtype.kind in "fc":
            apart = apart[np.isfinite(apart)]
        most = float(np.max(apart)) if apart.size else 0.0
    return f", by {most:.3g} at most" if most else ""  # 0: a float is too coarse for it
