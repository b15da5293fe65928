"""Exact comparison of the objects of optional libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import exact_pandas


def differs(a: Any, b: Any, where: str) -> str | None:
    """Compare as `tests.support.exact.differs` does; the types are equal."""
    package = type(a).__module__.split(".")[0]
    if package == "pandas":
        return exact_pandas.differs(a, b, where)
    return {"scipy": _scipy, "xarray": _xarray, "torch": _torch}[package](a, b, where)


def _scipy(a: Any, b: Any, where: str) -> str | None:
    if hasattr(a, "format"):
        return _sparse(a, b, where)
    from .exact import differs as exact

    # A result of a function: a tuple, a dict or fields, sometimes fields in addition to a tuple.
    left, right = ([vars(x)] if hasattr(x, "__dict__") else [] for x in (a, b))
    for kind in (tuple, dict):
        if isinstance(a, kind):
            left, right = [kind(a), *left], [kind(b), *right]
    return exact(left, right, where)


def _sparse(a: Any, b: Any, where: str) -> str | None:
    from .exact import differs as exact

    if a.format == "dok":
        # Whether an index is an int or a NumPy integer depends on how it was set; it is irrelevant.
        left, right = ({tuple(map(int, k)): v for k, v in x.items()} for x in (a, b))
        return exact(left, right, where) or exact((a.shape, a.dtype), (b.shape, b.dtype), where)
    names = {"coo": ("coords", "data"), "dia": ("data", "offsets"), "lil": ("rows", "data")}
    for name in (*names.get(a.format, ("data", "indices", "indptr")), "shape", "dtype"):
        left, right = getattr(a, name), getattr(b, name)
        why = exact(left, right, f"{where}.{name}")
        if why:
            return why
    return None


def _xarray(a: Any, b: Any, where: str) -> str | None:
    same = a.identical(b) and getattr(a, "encoding", 0) == getattr(b, "encoding", 0)
    if not same:
        return f"{where}: {a!r} became {b!r}"
    if hasattr(a, "xindexes") and list(a.xindexes) != list(b.xindexes):
        return f"{where}: indexes changed"
    if hasattr(a, "variables"):
        if list(a.data_vars) != list(b.data_vars) or list(a.coords) != list(b.coords):
            return f"{where}: order of variables changed"
        dtypes = [(v.dtype, b.variables[name].dtype) for name, v in a.variables.items()]
    else:
        dtypes = [(a.dtype, b.dtype)]
    return None if all(left == right for left, right in dtypes) else f"{where}: dtypes changed"


def _torch(a: Any, b: Any, where: str) -> str | None:
    import torch

    if a.dtype != b.dtype or a.shape != b.shape or a.requires_grad != b.requires_grad:
        return f"{where}: dtype, shape or requires_grad changed"
    left, right = (
        x.detach().contiguous().reshape(-1).view(torch.uint8) if x.numel() else x for x in (a, b)
    )
    return None if torch.equal(left, right) else f"{where}: bits changed"


assert np
