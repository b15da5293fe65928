"""The dtypes of the library ml_dtypes: bfloat16, float8 and smaller, int4 and smaller, complex32.

HDF5 has no such types that every tool can read: their bits are stored, as unsigned integers. The
table of names is closed: a file cannot name anything else in that library.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnknownTypeError
from .optional import need

__all__ = ["LIBRARY", "NAMES", "describe", "is_one", "keeps", "rebuild", "storage"]

AnyDType = np.dtype[Any]

LIBRARY = "ml_dtypes"
_STORAGE: dict[str, Any] = {
    "bfloat16": "u2",
    "complex32": [("r", "f2"), ("i", "f2")],
    "bcomplex32": [("r", "u2"), ("i", "u2")],
    **dict.fromkeys(("int1", "int2", "int4", "uint1", "uint2", "uint4"), "u1"),
    **dict.fromkeys(("float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"), "u1"),
    **dict.fromkeys(("float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn"), "u1"),
    **dict.fromkeys(("float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"), "u1"),
}
NAMES = tuple(_STORAGE)


def is_one(dtype: AnyDType) -> bool:
    """Whether it is one of the dtypes in the table."""
    cls = dtype.type
    if cls.__module__ != LIBRARY or cls.__name__ not in _STORAGE or dtype.names is not None:
        return False
    return getattr(need(LIBRARY, "its dtype"), cls.__name__) is cls


def describe(dtype: AnyDType) -> dict[str, str]:
    """Return a JSON value from which `rebuild` creates the same dtype."""
    spec = {LIBRARY: dtype.type.__name__}
    return spec if dtype.isnative else spec | {"order": dtype.byteorder}


def rebuild(spec: dict[str, str]) -> AnyDType:
    """Return the dtype from the output of `describe`.

    Raises:
        MissingExtraError: ml_dtypes is not installed.
        UnknownTypeError: this version of it does not have the dtype.
    """
    name = spec[LIBRARY]
    if name not in _STORAGE:
        raise UnknownTypeError(f"an unknown dtype of {LIBRARY}, {name!r}", hint="update hdfchk")
    library = need(LIBRARY, f"the dtype {name}")
    if not hasattr(library, name):
        raise UnknownTypeError(
            f"{LIBRARY} {library.__version__} does not have {name}", hint=f"update {LIBRARY}"
        )
    dtype: AnyDType = np.dtype(getattr(library, name))
    return dtype.newbyteorder(spec["order"]) if "order" in spec else dtype  # type: ignore[arg-type]


def storage(dtype: AnyDType) -> AnyDType:
    """Return the dtype that stores the bits of `dtype`, of the same byte order."""
    stored: AnyDType = np.dtype(_STORAGE[dtype.type.__name__])
    return stored.newbyteorder(dtype.byteorder)


def keeps(array: np.ndarray[Any, Any], cast: np.ndarray[Any, Any]) -> bool:
    """Whether numbers kept their values in a dtype of the table, but for the precision of floats.

    Args:
        array: the numbers, of any dtype.
        cast: the same numbers, of a dtype of the table.
    """
    name = cast.dtype.type.__name__
    if name.startswith(("int", "uint")):
        is_int = array.dtype.kind in "biu" or array.dtype.type.__name__.startswith(("int", "uint"))
        return is_int and np.array_equal(array.astype(np.float64), cast.astype(np.float64))
    is_complex = array.dtype.kind == "c" or array.dtype.type.__name__.endswith("complex32")
    if is_complex and not name.endswith("complex32"):
        return False
    wide, found = array.astype(np.complex128), cast.astype(np.complex128)
    # Some have no infinity: what is too large becomes the largest number.
    most = float(need(LIBRARY, "its dtype").finfo(cast.dtype.type).max)
    finite = np.isfinite(wide)
    parts = np.abs(np.stack([wide.real, wide.imag])[:, finite])
    return np.array_equal(finite, np.isfinite(found)) and bool((parts <= most).all())
