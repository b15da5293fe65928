"""The texts of values of libraries of the extra `types`, for `digest.py`.

What libraries may write otherwise in another version (dtypes as text, forms) is left out, as far as
the values tell it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["inside"]

TextOf = Callable[[Any], str]


def inside(value: Any, package: str, text_of: TextOf) -> str | None:
    """All that a value of a library is made of, as text; None if it is of none of these.

    Args:
        value: the value.
        package: the first level of the module of its class.
        text_of: the text of a part.
    """
    parts = _PARTS.get(package)
    found = None if parts is None else parts(value)
    return None if found is None else ",".join(map(text_of, found))


def _astropy(value: Any) -> list[Any]:
    import astropy.units as u
    from astropy.table import Table
    from astropy.time import Time, TimeDelta
    from astropy.utils.masked import Masked

    if isinstance(value, u.UnitBase):
        return [value.to_string()]
    if isinstance(value, Table):
        pairs = [[name, value.columns[name]] for name in value.columns]
        return [value.masked, dict(value.meta), pairs]
    info = [getattr(value.info, name, None) for name in ("name", "description", "format")]
    info.append(dict(value.info.meta or {}))
    if isinstance(value, (Time, TimeDelta)):
        told = [value.scale, value.format, value.precision, value.in_subfmt, value.out_subfmt]
        days = [np.asarray(getattr(value._time, name)) for name in ("jd1", "jd2")]
        return [*told, *days, np.asarray(value.mask), info]
    unit = getattr(value, "unit", None)
    info.append(None if unit is None else unit.to_string())
    if isinstance(value, Masked):
        return [value.unmasked, np.asarray(value.mask), info]
    if isinstance(value, np.ma.MaskedArray):
        parts = [value.view(np.ndarray), np.ma.getmaskarray(value), value.fill_value]
        return [*parts, info]
    return [value.view(np.ndarray), info]


def _pint(value: Any) -> list[Any]:
    units = [[name, float(power)] for name, power in sorted(value.unit_items())]
    return [value.magnitude, units]


def _unyt(value: Any) -> list[Any]:
    return [value.view(np.ndarray), str(value.units), float(value.units.base_value), value.name]


def _ase(value: Any) -> list[Any] | None:
    if not hasattr(value, "arrays"):
        return None
    constraints = [_constraint(constraint) for constraint in value.constraints]
    told = [np.array(value.pbc), np.array(value.get_celldisp()), dict(value.info), constraints]
    return [dict(value.arrays), np.array(value.cell.array), *told]


def _constraint(value: Any) -> list[Any]:
    told = value.todict()
    plain = {name: np.asarray(item).tolist() for name, item in told["kwargs"].items()}
    return [told["name"], plain]


def _polars(value: Any) -> list[Any]:
    if hasattr(value, "get_columns"):
        return [value.height, value.get_columns()]
    return [value.name, type(value.dtype).__name__, value.to_list()]


def _pyarrow(value: Any) -> list[Any]:
    if hasattr(value, "schema"):
        fields = [
            [field.name, str(field.type), field.nullable, dict(field.metadata or {})]
            for field in value.schema
        ]
        return [fields, dict(value.schema.metadata or {}), value.to_pydict()]
    return [str(value.type), value.to_pylist()]


def _awkward(value: Any) -> list[Any]:
    return [str(value.type), value.to_list(), dict(value.attrs)]


def _jax(value: Any) -> list[Any]:
    import jax

    if jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key):
        return [str(jax.random.key_impl(value)), np.asarray(jax.random.key_data(value))]
    raw = np.asarray(value)
    return [str(value.dtype), list(value.shape), value.weak_type, raw.tobytes()]


def _torch(value: Any) -> list[Any]:
    import torch

    if isinstance(value, torch.Tensor):
        raw = value.detach().contiguous().view(torch.uint8).numpy().tobytes()
        return [str(value.dtype), list(value.shape), value.requires_grad, raw]
    return list(value) if isinstance(value, tuple) else [str(value)]


def _networkx(value: Any) -> list[Any]:
    sides = [_plain(side) for side in (value.adj, getattr(value, "pred", {}))]
    return [dict(value.graph), _plain(dict(value.nodes(data=True))), sides]


def _plain(value: Any) -> Any:
    return {k: _plain(v) for k, v in value.items()} if hasattr(value, "items") else value


def _pydantic(value: Any) -> list[Any] | None:
    state = getattr(value, "__getstate__", dict)()
    if "__pydantic_private__" not in state:
        return None
    private = {name: state[name] for name in ("__pydantic_extra__", "__pydantic_private__")}
    return [dict(state["__dict__"]), sorted(state["__pydantic_fields_set__"]), private]


_PARTS: dict[str, Callable[[Any], list[Any] | None]] = {
    "ase": _ase,
    "astropy": _astropy,
    "awkward": _awkward,
    "jax": _jax,
    "jaxlib": _jax,
    "networkx": _networkx,
    "pint": _pint,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "torch": _torch,
    "unyt": _unyt,
    "classes_pydantic": _pydantic,
}
