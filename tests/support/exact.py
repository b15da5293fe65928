"""Exact comparison of type, dtype, shape, memory order, bits and order of keys, at every level."""

from __future__ import annotations

import collections
import math
import struct
from typing import Any

import numpy as np


def differs(a: Any, b: Any, where: str = "value") -> str | None:
    """Return where and how `b` differs from `a`, also in type; None if it does not."""
    if type(a) is not type(b):
        return f"{where}: {type(a)} became {type(b)}"
    if isinstance(a, (type, np.ufunc)):
        return None if a is b else f"{where}: {a} became {b}"
    if type(a).__module__.split(".")[0] in {"pandas", "scipy", "xarray", "torch"}:
        from . import exact_optional

        return exact_optional.differs(a, b, where)
    if type(a).__module__.split(".")[0] == "pytz":
        same = a is b or (a.zone is None and a.utcoffset(None) == b.utcoffset(None))
        return None if same else f"{where}: {a!r} became {b!r}"
    for kinds, compare in _COMPARE:
        if isinstance(a, kinds):
            return compare(a, b, where)
    if hasattr(a, "__dict__") or hasattr(a, "__slots__"):
        return _state(a, b, where)
    return None if a == b else f"{where}: {a!r} became {b!r}"


def _float(a: float, b: float, where: str) -> str | None:
    return None if struct.pack("d", a) == struct.pack("d", b) else f"{where}: bits of {a!r}, {b!r}"


def _complex(a: complex, b: complex, where: str) -> str | None:
    return _float(a.real, b.real, where) or _float(a.imag, b.imag, where)


def _dtype(a: np.dtype, b: np.dtype, where: str) -> str | None:
    if a != b or a.str != b.str or a.char != b.char or a.itemsize != b.itemsize:
        return f"{where}: dtype {a!r} became {b!r}"
    if a.isalignedstruct != b.isalignedstruct or a.fields != b.fields or a.type is not b.type:
        return f"{where}: details of dtype {a!r} changed: {b!r}"
    if a.kind == "T":
        left, right = (getattr(x, "na_object", "none at all") for x in (a, b))
        if a.coerce != b.coerce or (left is not right and repr(left) != repr(right)):
            return f"{where}: dtype {a!r} became {b!r}"
    return None


def _array(a: np.ndarray, b: np.ndarray, where: str) -> str | None:
    if isinstance(a, np.ma.MaskedArray):
        return _masked(a, b, where)
    why = _dtype(a.dtype, b.dtype, where)
    if why:
        return why
    if a.shape != b.shape:
        return f"{where}: shape {a.shape} became {b.shape}"
    fortran = a.ndim > 1 and a.flags.f_contiguous and not a.flags.c_contiguous
    if a.size > 1 and fortran != (b.flags.f_contiguous and not b.flags.c_contiguous):
        return f"{where}: memory order changed"
    if not b.flags.writeable:
        return f"{where}: cannot be written"
    if a.dtype.kind == "T" or a.dtype.hasobject:
        if a.dtype.names:
            return next(
                filter(None, (_array(a[n], b[n], f"{where}.{n}") for n in a.dtype.names)), None
            )
        pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
        return next(
            filter(None, (differs(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(pairs))), None
        )
    if a.dtype.names:
        return next(
            filter(
                None,
                (_array(np.asarray(a)[n], np.asarray(b)[n], f"{where}.{n}") for n in a.dtype.names),
            ),
            None,
        )
    if a.dtype.kind in "fc" and a.dtype.char in "gG":  # padding bytes are not part of the value
        return (
            None
            if np.array_equal(a, b, equal_nan=True)
            and np.array_equal(np.signbit(a.real), np.signbit(b.real))
            else f"{where}: {a!r} became {b!r}"
        )
    return None if a.tobytes() == b.tobytes() else f"{where}: {a!r} became {b!r}"


def _masked(a: Any, b: Any, where: str) -> str | None:
    if a is np.ma.masked:
        return None if b is np.ma.masked else f"{where}: masked became {b!r}"
    if (a._fill_value is None) != (b._fill_value is None) or a.hardmask != b.hardmask:
        return f"{where}: fill value or hardness changed"
    if (a.mask is np.ma.nomask) != (b.mask is np.ma.nomask):
        return f"{where}: mask changed"
    if a._fill_value is not None:
        why = _array(np.asarray(a._fill_value), np.asarray(b._fill_value), f"{where}.fill_value")
        if why:
            return why
    return _array(a.data, b.data, where) or _array(
        np.ma.getmaskarray(a), np.ma.getmaskarray(b), f"{where}.mask"
    )


def _scalar(a: np.generic, b: np.generic, where: str) -> str | None:
    if isinstance(a, np.void) or type(a) in (np.datetime64, np.timedelta64):
        why = _dtype(a.dtype, b.dtype, where)
        if why:
            return why
    if isinstance(a, (np.str_, np.bytes_)):
        return None if a == b and len(a) == len(b) else f"{where}: {a!r} became {b!r}"
    return _array(np.array(a), np.array(b), where)


def _sequence(a: Any, b: Any, where: str) -> str | None:
    if len(a) != len(b) or getattr(a, "maxlen", None) != getattr(b, "maxlen", None):
        return f"{where}: length or maxlen changed"
    return next(
        filter(
            None,
            (differs(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True))),
        ),
        None,
    )


def _set(a: Any, b: Any, where: str) -> str | None:
    key = lambda x: (type(x).__name__, repr(x))  # noqa: E731
    return _sequence(sorted(a, key=key), sorted(b, key=key), where)


def _dict(a: dict, b: dict, where: str) -> str | None:
    if getattr(a, "default_factory", None) is not getattr(b, "default_factory", None):
        return f"{where}: default factory changed"
    return (
        _sequence(list(a), list(b), f"{where} keys")
        or _sequence(list(a.values()), list(b.values()), f"{where} values")
        or differs(getattr(a, "__dict__", None), getattr(b, "__dict__", None), f"{where}.__dict__")
    )


def _slice(a: Any, b: Any, where: str) -> str | None:
    return _sequence([a.start, a.stop, a.step], [b.start, b.stop, b.step], where)


def _date(a: Any, b: Any, where: str) -> str | None:
    if a != b or getattr(a, "fold", 0) != getattr(b, "fold", 0):
        return f"{where}: {a!r} became {b!r}"
    left, right = getattr(a, "tzinfo", None), getattr(b, "tzinfo", None)
    if type(left) is not type(right) or repr(left) != repr(right):
        return f"{where}: time zone {left!r} became {right!r}"
    return None


def _state(a: Any, b: Any, where: str) -> str | None:
    names = [
        n for c in type(a).__mro__ for n in getattr(c, "__slots__", ()) if not n.startswith("__")
    ]
    names += getattr(a, "__dataclass_fields__", ())
    left = getattr(a, "__dict__", {}) | {n: getattr(a, n) for n in names if hasattr(a, n)}
    right = getattr(b, "__dict__", {}) | {n: getattr(b, n) for n in names if hasattr(b, n)}
    return _dict(dict(sorted(left.items())), dict(sorted(right.items())), where)


import array as _array_module  # noqa: E402
import datetime as _dt  # noqa: E402
import decimal as _decimal  # noqa: E402
import enum as _enum  # noqa: E402
import fractions as _fractions  # noqa: E402
import pathlib as _pathlib  # noqa: E402
import uuid as _uuid  # noqa: E402
import zoneinfo as _zoneinfo  # noqa: E402


def _equal(a: Any, b: Any, where: str) -> str | None:
    return None if a == b and hash(a) == hash(b) else f"{where}: {a} became {b}"


def _decimal_equal(a: Any, b: Any, where: str) -> str | None:
    return None if a.as_tuple() == b.as_tuple() else f"{where}: {a!r} became {b!r}"


def _uuid_equal(a: Any, b: Any, where: str) -> str | None:
    return None if a == b and a.is_safe is b.is_safe else f"{where}: {a!r} became {b!r}"


def _view_equal(a: memoryview, b: memoryview, where: str) -> str | None:
    same = (a.format, a.shape, a.readonly, a.tobytes()) == (
        b.format,
        b.shape,
        b.readonly,
        b.tobytes(),
    )
    return None if same else f"{where}: {a!r} became {b!r}"


def _items_equal(a: Any, b: Any, where: str) -> str | None:
    same = a.typecode == b.typecode and a.tobytes() == b.tobytes()
    return None if same else f"{where}: {a!r} became {b!r}"


def _bits_equal(a: Any, b: Any, where: str) -> str | None:
    return differs(a.state, b.state, f"{where}.state") or differs(a.seed_seq, b.seed_seq, where)


def _legacy_equal(a: Any, b: Any, where: str) -> str | None:
    left, right = (x.get_state(legacy=False) for x in (a, b))
    return differs(left, right, f"{where}.state") or differs(a._bit_generator, b._bit_generator)


_COMPARE: list[Any] = [
    (memoryview, _view_equal),
    (_array_module.array, _items_equal),
    (np.random.SeedSequence, lambda a, b, w: differs(a.state, b.state, f"{w}.state")),
    (np.random.BitGenerator, _bits_equal),
    (np.random.Generator, lambda a, b, w: differs(a.bit_generator, b.bit_generator, w)),
    (np.random.RandomState, _legacy_equal),
    (_enum.Enum, lambda a, b, w: None if a is b or a == b else f"{w}: {a!r} became {b!r}"),
    (np.dtype, _dtype),
    (np.ndarray, _array),
    (np.generic, _scalar),
    (
        (bool, int, str, bytes, bytearray, type(None), type(...), type(NotImplemented)),
        lambda a, b, w: None if a == b or a is b else f"{w}: {a!r} became {b!r}",
    ),
    (float, _float),
    (complex, _complex),
    (range, lambda a, b, w: _slice(a, b, w)),
    ((list, tuple, collections.deque), _sequence),
    ((set, frozenset), _set),
    (dict, _dict),
    (slice, _slice),
    ((_dt.datetime, _dt.date, _dt.time, _dt.timedelta), _date),
    (_decimal.Decimal, _decimal_equal),
    (_uuid.UUID, _uuid_equal),
    ((_fractions.Fraction, _pathlib.PurePath, _dt.timezone, _zoneinfo.ZoneInfo), _equal),
]
assert math
