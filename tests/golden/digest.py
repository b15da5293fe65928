"""A text that tells a value exactly, without hdfchk: its digest says whether the value is the same.

Of libraries that change their own texts (dtypes, frequencies), as little as possible is used.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import struct
from collections import deque
from fractions import Fraction
from typing import Any

import numpy as np

from . import digest_libraries


def digest(value: Any) -> str:
    """128 bits of the SHA-256 of a value's text."""
    return hashlib.sha256(text_of(value).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def text_of(value: Any) -> str:
    """A value as text: type, and all that it is made of."""
    name = type(value).__name__.removesuffix("NumpySemantics")  # of pandas 2
    return f"{name}({_inside(value)})"


def _inside(value: Any) -> str:
    package = type(value).__module__.partition(".")[0]
    told = _newer(value, package)
    if told is not None:
        return told
    place = "classes_pydantic" if type(value).__module__.endswith(".classes_pydantic") else package
    told = digest_libraries.inside(value, place, text_of)
    if told is not None:
        return told
    if package == "pandas":
        return _pandas(value)
    if package == "scipy":
        return _sparse(value)
    if package == "xarray":
        return _labelled(value)
    if isinstance(value, np.dtype):
        return _dtype(value)
    if isinstance(value, (np.ndarray, np.generic)) or package == "numpy":
        return _numpy(value)
    if isinstance(value, enum.Enum):
        return repr(value.value)
    return _python(value)


def _newer(value: Any, package: str) -> str | None:
    """The text of types that came with set 4; None for all others."""
    if isinstance(value, np.ufunc):
        return str(value.__name__)
    if isinstance(value, memoryview):
        return f"{value.format} {value.shape} {value.tobytes().hex()}"
    if isinstance(value, np.random.Generator):
        return text_of(value.bit_generator)
    if isinstance(value, np.random.RandomState):
        return _python(value.get_state(legacy=False))
    if isinstance(value, np.random.BitGenerator):
        return _items([dict(value.state), value.seed_seq])
    if isinstance(value, np.random.SeedSequence):
        return repr(value.state)
    if package == "numpy" and isinstance(value, tuple):
        return _items(value)
    if type(value).__name__ == "OptimizeResult":
        return _python(dict(value))
    if type(value).__name__ in {"SimpleNamespace", "Namespace"}:
        return _python(vars(value))
    if type(value).__name__ in {"OrderedDict", "Counter"} and vars(value):
        return _items([dict(value), vars(value)])
    return None


def _python(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, complex):
        return struct.pack(">dd", value.real, value.imag).hex()
    if isinstance(value, dict):
        made_by = getattr(getattr(value, "default_factory", None), "__name__", "")
        return made_by + _items(part for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple, deque)):
        return _items(value) + str(getattr(value, "maxlen", ""))
    if isinstance(value, (set, frozenset)):
        return ",".join(sorted(map(text_of, value)))
    if isinstance(value, (range, slice)):
        return _items([value.start, value.stop, value.step])
    if isinstance(value, Fraction):
        return f"{value.numerator:x}/{value.denominator:x}"
    if isinstance(value, (dt.datetime, dt.time)):
        return f"{value.replace(tzinfo=None, fold=0).isoformat()} {value.fold} {value.tzinfo!r}"
    state = _state(value)
    return repr(value) if state is None else _python(state)


def _items(items: Any) -> str:
    return ",".join(map(text_of, items))


def _state(value: Any) -> dict[str, Any] | None:
    """The attributes of an object of a registered class."""
    if not type(value).__module__.endswith(".classes"):
        return None
    slots = [n for cls in type(value).__mro__ for n in getattr(cls, "__slots__", ()) if n[0] != "_"]
    slots += getattr(value, "__dataclass_fields__", ())
    found = {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
    return {name: found[name] for name in sorted(found)}


def _dtype(dtype: np.dtype) -> str:
    if dtype.kind == "T":
        return f"T {dtype.coerce} {getattr(dtype, 'na_object', '')!r}"
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"{_dtype(base)}{shape}"
    if dtype.type.__module__ == "ml_dtypes":
        return f"{dtype.byteorder}{dtype.type.__name__}"
    if dtype.names is None:
        return f"{dtype.str}{dtype.char}"
    fields = [(name, *map(str, rest)) for name, (_, *rest) in (dtype.fields or {}).items()]
    inside = ",".join(_dtype(dtype[name]) for name in dtype.names)
    kind = f"{dtype.type.__name__} {dtype.itemsize} {dtype.isalignedstruct}"
    return f"{kind} {dtype.names} {fields} [{inside}]"


def _numpy(value: Any) -> str:
    if isinstance(value, np.ma.MaskedArray):
        if value is np.ma.masked:
            return ""
        parts = [value.data, np.ma.getmaskarray(value), value.mask is np.ma.nomask]
        return _items([*parts, value._fill_value, bool(value.hardmask)])
    if isinstance(value, (np.str_, np.bytes_)):
        return repr("".join(value) if isinstance(value, str) else bytes(value))
    array = np.asarray(value)
    fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    return f"{_dtype(array.dtype)} {array.shape} {fortran} {_elements(array)}"


def _elements(array: np.ndarray) -> str:
    dtype = array.dtype
    if dtype.names is not None:
        return ",".join(_elements(array[name]) for name in dtype.names)
    if dtype.kind in "OT":
        return _items(array.ravel().tolist())
    if dtype.char in "gG":  # of the 16 bytes of a number 6 say nothing
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        raw = native.reshape(-1).view("u1").reshape(-1, 16)
        return raw[:, :10].tobytes().hex()
    return hashlib.sha256(array.tobytes()).hexdigest()


def _pandas(value: Any) -> str:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, index].array for index in range(value.shape[1])]
        return _items([value.index, value.columns, columns, value.attrs])
    if isinstance(value, pd.Series):
        return _items([value.array, value.index, value.name, value.attrs])
    if isinstance(value, pd.MultiIndex):
        return _items([list(value.names), list(value)])
    if isinstance(value, pd.Index):
        return f"{value.dtype} {_items([list(value.names), list(value)])}"
    if isinstance(value, pd.CategoricalDtype):
        return f"{value.ordered} {text_of(value.categories)}"
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return f"{value.dtype} {_items(value)}"
    return f"{value} {getattr(value, 'nanosecond', '')} {getattr(value, 'unit', '')}"


def _sparse(value: Any) -> str:
    if value.format == "dok":
        items = sorted((tuple(map(int, np.atleast_1d(key))), item) for key, item in value.items())
        return f"{value.shape} {value.dtype} {_items(items)}"
    names = {"coo": ("coords", "data"), "dia": ("data", "offsets"), "lil": ("rows", "data")}
    found = names.get(value.format, ("data", "indices", "indptr"))
    return f"{value.shape} {value.dtype} {_items(getattr(value, name) for name in found)}"


def _labelled(value: Any) -> str:
    if hasattr(value, "variables"):
        variables = {name: value.variables[name] for name in sorted(value.variables)}
        parts = [variables, list(value.data_vars), list(value.coords), list(value.xindexes)]
        return _items([*parts, value.attrs, value.encoding])
    parts = [tuple(value.dims), np.asarray(value.values), dict(value.attrs), dict(value.encoding)]
    if hasattr(value, "coords"):
        coords = {name: value.coords[name].variable for name in value.coords}
        parts += [value.name, coords, list(value.xindexes)]
    return _items(parts)
