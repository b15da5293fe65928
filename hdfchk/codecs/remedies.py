"""Advice for values whose type has no codec: how to store them without loss."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

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
_COMPUTE = "store value.compute()"
_COUNT = "store what it was made of: it has no end"
_EXPRESSION = "store str(value), and make it from the text after reading"
_GROUPED = "store the pandas object that it groups (value.obj), and group it again after reading"
_COORDINATES = (
    "store its frame (value.frame.name) and its coordinates (value.ra.deg, value.dec.deg, …) with "
    "their units, in a dict"
)
_FRAME = (
    "pass its class to hdfchk.register(), with to_state= and from_state=; or convert it to a "
    "pandas.DataFrame or Series, if that loses nothing"
)
_WINDOW = "store the pandas object (value.obj), or the result of the calculation"

_OF_TYPES = {
    # Python
    "builtins.async_generator": "store what it yields, collected in a list",
    "builtins.BaseException": "store type(value).__name__ and str(value), in a dict",
    "builtins.builtin_function_or_method": _FUNCTION,
    "builtins.code": "store the text that it was made of",
    "builtins.coroutine": "store what it returns (await it)",
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
    "_asyncio.Future": "store its result (await it)",
    "_ctypes.Array": _LIST,
    "_io._IOBase": _FILE,
    "_thread.RLock": _NEW,
    "_thread._local": _NEW,
    "_thread.lock": _NEW,
    "collections.ChainMap": "store value.maps, a list of dicts",
    "collections.UserDict": "store value.data",
    "collections.UserList": "store value.data",
    "collections.UserString": "store value.data",
    "concurrent.Executor": _NEW,
    "concurrent.Future": "store value.result()",
    "datetime.tzinfo": "use datetime.timezone or zoneinfo.ZoneInfo",
    "decimal.Context": "store its prec, rounding, Emin, Emax, capitals and clamp, in a dict",
    "functools._lru_cache_wrapper": _FUNCTION,
    "functools.partial": "store its arguments, and the name of its function",
    "itertools.count": _COUNT,
    "itertools.cycle": _COUNT,
    "itertools.repeat": _COUNT,
    "logging.Handler": _NEW,
    "logging.Logger": "store its name, and find it by that after reading",
    "mmap.mmap": "store value[:], which is bytes",
    "posix.DirEntry": "store value.path",
    "queue.Queue": "store its items, in a list",
    "random.Random": "store value.getstate(), and set it after reading",
    "re.Match": "store value.group(), value.groups() and value.span()",
    "re.Pattern": "store value.pattern and value.flags",
    "socket.socket": _NEW,
    "sqlite3.Connection": "store the name of its file, or what a query returns (fetchall())",
    "sqlite3.Cursor": "store value.fetchall()",
    "sqlite3.Row": "store dict(value)",
    "subprocess.Popen": "store its output and its returncode",
    "threading.Barrier": _NEW,
    "threading.Condition": _NEW,
    "threading.Event": _NEW,
    "threading.Semaphore": _NEW,
    "threading.Thread": _NEW,
    # Libraries
    "ase.Atom": "store value.symbol and value.position, or the Atoms that it belongs to",
    "ase.Calculator": "store its results (value.results) and its parameters, both dicts",
    "ase.Cell": "store value.array",
    "ase.FixConstraint": "store value.todict()",
    "astropy.BaseCoordinateFrame": _COORDINATES,
    "astropy.BaseRepresentationOrDifferential": _COORDINATES,
    "astropy.BaseTimeSeries": "store astropy.table.QTable(value)",
    "astropy.FunctionUnitBase": _UNIT,
    "astropy.Header": "store value.tostring()",
    "astropy.Quantity": _QUANTITY,
    "astropy.SkyCoord": _COORDINATES,
    "astropy.Row": "store value.table[[value.index]], a table of one row",
    "astropy.UnitBase": _UNIT,
    "awkward.ArrayBuilder": "store value.snapshot()",
    "awkward.Content": "store awkward.Array(value)",
    "awkward.Record": "store awkward.Array([value]), whose only item it is",
    "dask.DataFrame": _COMPUTE,
    "dask.Array": _COMPUTE,
    "dask.Bag": _COMPUTE,
    "dask.Delayed": _COMPUTE,
    "dask.FrameBase": _COMPUTE,
    "h5py.AttributeManager": "store dict(value)",
    "h5py.Dataset": "store value[()], and its attributes (dict(value.attrs)) beside it",
    "h5py.Group": "store the names of its file and of itself, or hdfchk.load(file, name)",
    "hdfchk.Array": "assign it to a key of its own (chk[key] = array), or store array[...]",
    "hdfchk.Checkpointer": "store dict(value), or the name of its file",
    "hdfchk.Group": "assign it to a key of its own (chk[key] = group), or store group.load()",
    "jaxlib.PjitFunction": _FUNCTION,
    "matplotlib.Figure": "store the data that it shows, or the bytes of a picture of it",
    "netCDF4.Variable": "store value[...], and its attributes (value.__dict__) beside it",
    "networkx.NodeView": "store the graph, or dict(value)",
    "networkx.OutEdgeView": "store the graph, or list(value.data())",
    "numpy._ArrayFunctionDispatcher": _FUNCTION,
    "numpy.NpzFile": "store dict(value)",
    "numpy.finfo": "store value.dtype, and make it of that after reading",
    "numpy.iinfo": "store value.dtype, and make it of that after reading",
    "numpy.poly1d": "store value.coeffs and value.variable",
    "pandas.BaseGroupBy": _GROUPED,
    "pandas.BaseOffset": "store its class name, value.n, value.normalize and value.kwds, in a dict",
    "pandas.BaseWindow": _WINDOW,
    "pandas.ExtensionArray": "store value.tolist() and str(value.dtype), in a dict",
    "pandas.ExtensionDtype": "store pandas.Series(dtype=value), which is empty and has it",
    "pandas.NDFrame": _FRAME,
    "pandas.Styler": "store value.data, the frame that it shows",
    "pint.PlainQuantity": _QUANTITY,
    "pint.PlainUnit": _UNIT,
    "PIL.Image": "store numpy.asarray(value), value.mode and, if it has one, value.getpalette()",
    "polars.Expr": "store value.meta.serialize(), and make it from that after reading",
    "polars.GroupBy": "store the frame, and group it again after reading",
    "polars.LazyFrame": "store value.collect()",
    "pyarrow.Array": (
        "cast() it to a type that can be stored; of an array of an extension type store "
        "value.storage, and str(value.type) beside it"
    ),
    "pyarrow.Buffer": "store value.to_pybytes()",
    "pyarrow.Dataset": "store value.to_table()",
    "pyarrow.RecordBatchReader": "store value.read_all()",
    "pyarrow.DataType": "store str(value)",
    "pyarrow.Scalar": "store value.as_py()",
    "pyarrow.Schema": "store value.serialize().to_pybytes(), for pyarrow.ipc.read_schema",
    "pyarrow.Tensor": "store value.to_numpy(), and value.dim_names beside it",
    "sklearn.BaseEstimator": (
        "store value.get_params(), and the attributes that fit() has set (value.coef_, …), in a "
        "dict"
    ),
    "sympy.Basic": _EXPRESSION,
    "sympy.MatrixBase": _EXPRESSION,
    "tables.Leaf": "store value.read(), and its attributes (value.attrs) beside it",
    "torch.DataLoader": "store its data set, and make a new one after reading",
    "torch.Generator": "store value.get_state(), and set it after reading",
    "torch.TensorDataset": "store value.tensors",
    "uncertainties.AffineScalarFunc": "store value.nominal_value and value.std_dev, in a dict",
    "unyt.Unit": _UNIT,
    "unyt.unyt_array": _QUANTITY,
    "xarray.Coordinates": "store value.to_dataset()",
    "xarray.DataTree": "store value.to_dict(), which has a Dataset for each node",
    "zarr.Array": "store value[...], and its attributes (dict(value.attrs)) beside it",
}
"""By package and name of a class, or of a base class of it."""

_OF_PYTHON = 1 << 9
"""The flag of types that a class statement has made (Py_TPFLAGS_HEAPTYPE)."""
_MORE = (
    *("unit", "units", "columns", "names", "dims", "coords", "mask", "crs", "categories", "attrs"),
)
"""Attributes of array-like objects that ``numpy.asarray`` would lose."""


def remedy_for(cls: type, is_known: Callable[[type], bool]) -> str:
    """Return advice for a value whose class has no codec.

    Args:
        cls: its class.
        is_known: whether a type has a codec.
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
    if hasattr(cls, "state_dict") and hasattr(cls, "load_state_dict"):
        return _STATE
    if hasattr(cls, "__next__"):
        return _LIST
    for base in cls.__mro__[1:]:
        if base is not object and is_known(base):
            return (
                "pass its class to hdfchk.register(), with to_state= and from_state=; or convert "
                f"it to {base.__name__}, if that loses nothing"
            )
    if hasattr(cls, "__array__") or hasattr(cls, "__dlpack__"):
        if not any(hasattr(cls, name) for name in _MORE):
            return "store numpy.asarray(value)"
        return "store its elements, and what else it has (units, names, a mask, …), in a dict"
    if _is_its_attributes(cls):
        return (
            "store vars(value), the dict of its attributes, or pass its class to "
            "hdfchk.register(), with to_state= and from_state="
        )
    return (
        "store its parts in a dict, or pass its class to hdfchk.register(), with to_state= and "
        "from_state="
    )


def _is_its_attributes(cls: type) -> bool:
    """Whether ``vars(value)`` is the complete state: no slots, and no base class in C."""
    if not cls.__dictoffset__:
        return False
    bases = cls.__mro__[:-1]
    made = (base.__flags__ & _OF_PYTHON and not vars(base).get("__slots__") for base in bases)
    return bool(bases) and all(made)


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")
