"""What to do with a value whose type has no codec: advice that loses nothing of it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Container

import attrs

from . import pydantic

__all__ = ["remedy_for"]

_LIST = "store list(value)"
_FUNCTION = "store its name, and find the function by it after reading"
_NEW = "leave it out, and make a new one after reading"
_FILE = "store its name, or what it contains (value.read())"
_UNIT = "store str(value), and make the unit from the text after reading"
_QUANTITY = "store its plain values and its units side by side, in a dict"
_STATE = "store value.state_dict(), and load it into a new one after reading"
_OPERATOR = (
    "store the matrix in its place: operator @ numpy.eye(operator.shape[1]), for example "
    "as result.hess_inv of an OptimizeResult"
)
_GROUPED = "store the pandas object that it groups (value.obj), and group it again after reading"
_FRAME = (
    "pass its class to hdfchk.register(), with to_state= and from_state=; or convert it to a "
    "pandas.DataFrame or Series, if that loses nothing"
)
_WINDOW = "store the pandas object (value.obj), or the result of the calculation"

_OF_TYPES = {
    # Python
    "builtins.async_generator": "store what it yields, collected in a list",
    "builtins.builtin_function_or_method": _FUNCTION,
    "builtins.dict_items": _LIST,
    "builtins.dict_keys": _LIST,
    "builtins.dict_values": _LIST,
    "builtins.enumerate": _LIST,
    "builtins.filter": _LIST,
    "builtins.function": _FUNCTION,
    "builtins.generator": _LIST,
    "builtins.map": _LIST,
    "builtins.mappingproxy": "store dict(value)",
    "builtins.method": _FUNCTION,
    "builtins.module": "store its name",
    "builtins.reversed": _LIST,
    "builtins.zip": _LIST,
    "_io._IOBase": _FILE,
    "_thread.RLock": _NEW,
    "_thread.lock": _NEW,
    "collections.ChainMap": "store value.maps, a list of dicts",
    "collections.UserDict": "store value.data",
    "collections.UserList": "store value.data",
    "collections.UserString": "store value.data",
    "datetime.tzinfo": "use datetime.timezone or zoneinfo.ZoneInfo",
    "functools.partial": "store its arguments, and the name of its function",
    "re.Pattern": "store value.pattern and value.flags",
    "threading.Thread": _NEW,
    # Libraries
    "ase.Calculator": "store its results (value.results) and its parameters, both dicts",
    "astropy.Quantity": _QUANTITY,
    "astropy.UnitBase": _UNIT,
    "awkward.Record": "store awkward.Array([value]), whose only item it is",
    "dask.DataFrame": "store value.compute()",
    "dask.FrameBase": "store value.compute()",
    "matplotlib.Figure": "store the data that it shows, or the bytes of a picture of it",
    "pandas.BaseGroupBy": _GROUPED,
    "pandas.BaseWindow": _WINDOW,
    "pandas.ExtensionArray": "store value.tolist() and str(value.dtype), in a dict",
    "pandas.NDFrame": _FRAME,
    "pandas.Styler": "store value.data, the frame that it shows",
    "pint.PlainQuantity": _QUANTITY,
    "pint.PlainUnit": _UNIT,
    "PIL.Image": "store numpy.asarray(value), value.mode and, if it has one, value.getpalette()",
    "polars.GroupBy": "store the frame, and group it again after reading",
    "polars.LazyFrame": "store value.collect()",
    "pyarrow.Dataset": "store value.to_table()",
    "pyarrow.RecordBatchReader": "store value.read_all()",
    "pyarrow.Scalar": "store value.as_py()",
    "torch.DataLoader": "store its data set, and make a new one after reading",
    "torch.Generator": "store value.get_state(), and set it after reading",
    "torch.LRScheduler": _STATE,
    "torch.Module": _STATE,
    "torch.Optimizer": _STATE,
    "unyt.Unit": _UNIT,
    "unyt.unyt_array": _QUANTITY,
    "xarray.DataTree": "store value.to_dict(), which has a Dataset for each node",
}
"""By package and name of a class, or of a base class of it."""

_MORE = ("unit", "units", "columns", "names", "dims", "coords", "mask", "crs", "categories")
"""Attributes of what is more than its elements: ``numpy.asarray`` would lose them."""


def remedy_for(cls: type, known: Container[type]) -> str:
    """Return what to do with a value whose class has no codec.

    Args:
        cls: its class.
        known: the types that have a codec.
    """
    if any(base.__name__ == "LinearOperator" for base in cls.__mro__):
        return _OPERATOR
    if cls.__module__.partition(".")[0] == "scipy":
        return "store the numbers that you need of it in a dict, and leave it out of its result"
    kinds = (pydantic.is_model, dataclasses.is_dataclass, attrs.has, _is_named_tuple)
    if any(is_kind(cls) for is_kind in kinds) or issubclass(cls, enum.Enum):
        return "pass its class to hdfchk.register()"
    for base in cls.__mro__:
        remedy = _OF_TYPES.get(f"{base.__module__.partition('.')[0]}.{base.__qualname__}")
        if remedy is not None:
            return remedy
    if hasattr(cls, "__next__"):
        return _LIST
    for base in cls.__mro__[1:]:
        if base in known and base is not object:
            return (
                "pass its class to hdfchk.register(), with to_state= and from_state=; or convert "
                f"it to {base.__name__}, if that loses nothing"
            )
    if hasattr(cls, "__array__") or hasattr(cls, "__dlpack__"):
        if not any(hasattr(cls, name) for name in _MORE):
            return "store numpy.asarray(value)"
        return "store its elements, and what else it has (units, names, a mask, …), in a dict"
    if cls.__dictoffset__ and cls.__module__ != "builtins":
        return (
            "store vars(value), the dict of its attributes, or pass its class to "
            "hdfchk.register(), with to_state= and from_state="
        )
    return (
        "store its parts in a dict, or pass its class to hdfchk.register(), with to_state= and "
        "from_state="
    )


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")
