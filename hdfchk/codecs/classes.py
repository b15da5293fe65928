"""Codec of classes and functions that are values: ``{"dtype": np.float32, "norm": np.hypot}``.

A file names one of a table, or a registered class by its registered name; nothing is imported.
"""

from __future__ import annotations

import collections
import datetime as dt
import importlib
import sys
import types
from typing import Any

import numpy as np

from ..errors import UnknownTypeError
from ..tree import Leaf, Mark, Node, params_of
from . import ml_types
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]

_BUILTINS = (
    *(bool, int, float, complex, str, bytes, bytearray, memoryview, list, tuple, dict, set),
    *(frozenset, range, slice, object, type, types.NoneType, types.EllipsisType),
)
_STANDARD = (
    *(collections.OrderedDict, collections.defaultdict, collections.Counter, collections.deque),
    *(dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone, types.SimpleNamespace),
)
_IMPORTED_LATE = frozenset({"decimal.Decimal", "fractions.Fraction", "uuid.UUID"})
"""Classes of modules that few programs have: they are imported where such a name is met."""
_NUMPY = (
    "ndarray generic number integer signedinteger unsignedinteger inexact floating complexfloating "
    "flexible character bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 byte ubyte short "
    "ushort intc uintc long ulong longlong ulonglong float16 float32 float64 longdouble complex64 "
    "complex128 clongdouble object_ bytes_ str_ void datetime64 timedelta64 record"
)
_DTYPES = (
    "Bool Int8 UInt8 Int16 UInt16 Int32 UInt32 Int64 UInt64 Byte UByte Short UShort Int UInt Long "
    "ULong LongLong ULongLong Float16 Float32 Float64 LongDouble Complex64 Complex128 CLongDouble "
    "Object Bytes Str Void DateTime64 TimeDelta64 String"
)
_UFUNCS = (
    "absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and "
    "bitwise_count bitwise_or bitwise_xor cbrt ceil conjugate copysign cos cosh deg2rad "
    "degrees divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin "
    "fmod frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat "
    "lcm ldexp left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 "
    "logical_and logical_not logical_or logical_xor matmul matvec maximum minimum modf "
    "multiply negative nextafter not_equal positive power rad2deg radians reciprocal "
    "remainder right_shift rint sign signbit sin sinh spacing sqrt square subtract tan tanh "
    "trunc vecdot vecmat"
)


def _table() -> dict[str, Any]:
    """Return all names; of two names of one class (C's long) the first is written."""
    table: dict[str, Any] = {f"builtins.{cls.__name__}": cls for cls in _BUILTINS}
    table |= {f"{cls.__module__}.{cls.__qualname__}": cls for cls in _STANDARD}
    for prefix, home, names in (
        ("numpy", np, _NUMPY),
        ("numpy.ufunc", np, _UFUNCS),
        ("numpy.dtypes", np.dtypes, _DTYPES.replace(" ", "DType ") + "DType"),
    ):
        # A version of NumPy may not have all of them.
        found = {name: getattr(home, name, None) for name in names.split()}
        table |= {f"{prefix}.{name}": item for name, item in found.items() if item is not None}
    return table


_BY_NAME = _table()
_NAMES: dict[int, str] = {}
"""By `id`: a class need not have a hash, nor say what is equal to it."""
for _name, _item in _BY_NAME.items():
    _NAMES.setdefault(id(_item), _name)


def _encode(value: Any, encoder: Encoder) -> Node:
    name = _NAMES.get(id(value))
    if name is not None:
        return Leaf(name, Mark("class"))
    if isinstance(value, type):
        name = f"{value.__module__}.{value.__qualname__}"
        if name in _IMPORTED_LATE and _standard(name) is value:
            return Leaf(name, Mark("class"))
        registered = encoder.registry.name_of(value)
        if registered is not None:
            return Leaf(registered, Mark("class", 1, {"registered": True}))
        if value.__module__ == ml_types.LIBRARY and value.__name__ in ml_types.NAMES:
            return Leaf(f"{ml_types.LIBRARY}.{value.__name__}", Mark("class"))
    encoder.refuse(
        value,
        f"({value!r}) is not in the table of classes and functions that a file may name",
        "pass the class to hdfchk.register(), or store a name of your own for it",
    )


def _standard(name: str) -> Any:
    """Return the class of a name in `_IMPORTED_LATE`."""
    module, _, cls = name.partition(".")
    return getattr(sys.modules.get(module) or importlib.import_module(module), cls)


def _decode(node: Leaf, decoder: Decoder) -> Any:
    name = str(node.data)
    if params_of(node).get("registered"):
        return decoder.registry.record_named(name).cls
    library, _, small = name.rpartition(".")
    if library == ml_types.LIBRARY and small in ml_types.NAMES:
        return ml_types.rebuild({library: small}).type
    if name in _IMPORTED_LATE:
        return _standard(name)
    if name not in _BY_NAME:
        raise UnknownTypeError(
            f"the class or function {name!r} is in no table of this version",
            hint="update hdfchk or NumPy, or read the name with chk.array(key)",
        )
    return _BY_NAME[name]


CODECS = (Codec("class", (type, np.ufunc, type(np.dtypes.Float64DType)), _encode, _decode),)
