"""Exact comparison of pandas objects: pandas' own comparison, and everything that it ignores."""

from __future__ import annotations

from typing import Any

import numpy as np


def differs(a: Any, b: Any, where: str) -> str | None:
    """Compare as `tests.support.exact.differs` does; the types are equal."""
    import pandas as pd

    try:
        if isinstance(a, pd.DataFrame):
            return _frame(a, b, where)
        if isinstance(a, pd.Series):
            return _series(a, b, where)
        if isinstance(a, pd.Index):
            return _index(a, b, where)
        if isinstance(a, pd.api.extensions.ExtensionArray):
            if type(a).__name__ != "ArrowExtensionArray":  # pandas does not compare lists
                pd.testing.assert_extension_array_equal(a, b, check_exact=True)
            return _dtype(a.dtype, b.dtype, where) or _array(a, b, where)
    except AssertionError as error:
        return f"{where}: {error}"
    if isinstance(a, pd.api.extensions.ExtensionDtype):
        return _dtype(a, b, where)
    if a is pd.NaT or a is pd.NA:
        return None if a is b else f"{where}: {a} became {b}"
    if isinstance(a, pd.offsets.BaseOffset):
        return None if a == b else f"{where}: {a!r} became {b!r}"
    return _scalar(a, b, where)


def _frame(a: Any, b: Any, where: str) -> str | None:
    import pandas as pd

    pd.testing.assert_frame_equal(
        a,
        b,
        check_exact=True,
        check_freq=True,
        check_flags=True,
        check_column_type=True,
        check_index_type=True,
    )
    why = _attributes(a, b, where) or _index(a.columns, b.columns, f"{where}.columns")
    for place in range(a.shape[1]):
        left, right = a.iloc[:, place], b.iloc[:, place]
        why = why or _values(left.array, right.array, f"{where}.iloc[:, {place}]")
    return why or _index(a.index, b.index, f"{where}.index")


def _series(a: Any, b: Any, where: str) -> str | None:
    import pandas as pd

    from .exact import differs as exact

    pd.testing.assert_series_equal(a, b, check_exact=True, check_freq=True, check_flags=True)
    return (
        _attributes(a, b, where)
        or _values(a.array, b.array, f"{where}.array")
        or _index(a.index, b.index, f"{where}.index")
        or exact(a.name, b.name, f"{where}.name")
    )


def _attributes(a: Any, b: Any, where: str) -> str | None:
    from .exact import differs as exact

    if a.flags.allows_duplicate_labels != b.flags.allows_duplicate_labels:
        return f"{where}: flags changed"
    return exact(a.attrs, b.attrs, f"{where}.attrs")


def _index(a: Any, b: Any, where: str) -> str | None:
    import pandas as pd

    from .exact import differs as exact

    if type(a) is not type(b):
        return f"{where}: {type(a)} became {type(b)}"
    pd.testing.assert_index_equal(a, b, exact=True, check_exact=True)
    why = exact(list(a.names), list(b.names), f"{where}.names")
    if isinstance(a, pd.RangeIndex):
        left, right = ((x.start, x.stop, x.step) for x in (a, b))
        return why or (None if left == right else f"{where}: {a} became {b}")
    if not isinstance(a, pd.MultiIndex):
        if getattr(a, "freq", None) != getattr(b, "freq", None):
            return f"{where}: freq {a.freq!r} became {b.freq!r}"
        return why or _values(a.array, b.array, where)
    if a.sortorder != b.sortorder or a.nlevels != b.nlevels:
        return f"{where}: sortorder or levels changed"
    for level in range(a.nlevels):
        why = why or _index(a.levels[level], b.levels[level], f"{where}.levels[{level}]")
        why = why or exact(np.array(a.codes[level]), np.array(b.codes[level]), f"{where}.codes")
    return why


def _values(a: Any, b: Any, where: str) -> str | None:
    """Return how two arrays differ; columns of NumPy dtypes are compared as NumPy arrays."""
    from .exact import differs as exact

    if type(a).__name__ == "NumpyExtensionArray":
        return exact(np.array(a), np.array(b), where)
    return exact(a, b, where)


def _array(a: Any, b: Any, where: str) -> str | None:
    from .exact import differs as exact

    kind = type(a).__name__
    if kind == "SparseArray":
        if a.kind != b.kind or not a.sp_index.equals(b.sp_index):
            return f"{where}: the places of the values changed"
        why = exact(a.fill_value, b.fill_value, f"{where}.fill_value")
        return why or exact(np.array(a.sp_values), np.array(b.sp_values), f"{where}.sp_values")
    if kind == "ArrowExtensionArray":
        left, right = (x.__arrow_array__() for x in (a, b))
        same = left.type.equals(right.type, check_metadata=True)
        return None if same and str(left.to_pylist()) == str(right.to_pylist()) else f"{where}: {b}"
    if kind == "Categorical":
        why = exact(np.array(a.codes), np.array(b.codes), f"{where}.codes")
        return why or _index(a.categories, b.categories, f"{where}.categories")
    if kind == "IntervalArray":
        return _index(a.left, b.left, f"{where}.left") or _index(a.right, b.right, f"{where}.right")
    if getattr(a, "freq", None) != getattr(b, "freq", None):
        return f"{where}: freq changed"
    if kind == "NumpyExtensionArray":
        return exact(np.array(a), np.array(b), where)
    items = zip(a.astype(object), b.astype(object), strict=True)
    return next(filter(None, (exact(x, y, where) for x, y in items)), None)


def _dtype(a: Any, b: Any, where: str) -> str | None:
    """Return how two dtypes differ, even if pandas considers them equal."""
    import pandas as pd

    if type(a) is not type(b) or a != b or repr(a) != repr(b):
        return f"{where}: dtype {a!r} became {b!r}"
    if isinstance(a, pd.StringDtype):
        nan = [x.na_value is pd.NA for x in (a, b)]
        if a.storage != b.storage or nan[0] != nan[1]:
            return f"{where}: dtype {a!r} became {b!r}"
    if isinstance(a, pd.CategoricalDtype):
        if a.categories is None or b.categories is None:
            return None if a.categories is b.categories else f"{where}: categories changed"
        return _index(a.categories, b.categories, f"{where}.categories")
    if isinstance(a, pd.DatetimeTZDtype) and type(a.tz) is not type(b.tz):
        return f"{where}: time zone {a.tz!r} became {b.tz!r}"
    return None


def _scalar(a: Any, b: Any, where: str) -> str | None:
    """Return how two Timestamps, Timedeltas, Periods or Intervals differ."""
    for name in ("unit", "fold", "freq", "closed", "tz"):
        left, right = (getattr(x, name, None) for x in (a, b))
        if type(left) is not type(right) or left != right:
            return f"{where}: {name} {left!r} became {right!r}"
    return None if a == b and repr(a) == repr(b) else f"{where}: {a!r} became {b!r}"
