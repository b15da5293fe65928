"""What golden files hold of the types that came with set 4. Frozen, as the other values."""

from __future__ import annotations

import argparse
import array
import collections
import types
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer

from .pandas_3 import as_pandas_3
from .values import numbered


def _with_attributes(value: Any, **attributes: Any) -> Any:
    value.__dict__.update(attributes)
    return value


def ragged() -> dict[str, Any]:
    """Lists and tuples of arrays of unequal lengths."""
    parts = [np.arange(float(n)) for n in (3, 0, 1, 7, 2, 5, 4, 1, 9)]
    return numbered(
        list=[parts, [part.astype(">i4") for part in parts], [part > 2 for part in parts]],
        tuple=[tuple(parts), tuple(np.ones((len(part), 2), "f4") for part in parts)],
        shapes=[[np.full((n, n + 1), n, "u1") for n in range(8)]],
        times=[[np.arange(n).astype("M8[ms]") for n in range(8)]],
    )


def _generators() -> list[Any]:
    made: list[Any] = []
    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        generator = np.random.Generator(kind(np.random.SeedSequence(5, spawn_key=(1,))))
        generator.random(3)
        generator.bit_generator.seed_seq.spawn(2)
        made += [generator, kind(7)]
    return [*made, np.random.SeedSequence([1, 2**70]), np.random.RandomState(3)]


def instances() -> dict[str, Any]:
    """Namespaces, buffers, classes, random generators, results of NumPy, attributes, keys."""
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    return numbered(
        namespaces=[types.SimpleNamespace(a=1, b=[2]), argparse.Namespace(x=np.arange(3))],
        buffers=[array.array("h", [1, -2]), array.array("d"), memoryview(b"ab\0")],
        classes=[int, dict, np.float32, np.hypot, np.ndarray],
        generators=_generators(),
        linalg=[np.linalg.eigh(matrix), np.linalg.qr(matrix), np.linalg.slogdet(matrix)],
        attributes=[
            _with_attributes(collections.OrderedDict(a=1), _metadata={"v": 2}),
            _with_attributes(collections.Counter("aab"), note="x"),
        ],
        keys=[{np.str_("a"): np.arange(2), "b": 1}],
        overlaid=[np.array([1, 2**20], np.dtype(("<i4", {"low": ("<i2", 0), "high": ("<i2", 2)})))],
    )


def results() -> dict[str, Any]:
    """Results of SciPy."""
    from scipy import optimize

    return numbered(
        optimize=[
            optimize.OptimizeResult(x=np.array([1.0, 2.0]), fun=0.5, success=True, message="done"),
            optimize.OptimizeResult(),
        ],
    )


@as_pandas_3
def frames() -> dict[str, Any]:
    """Pandas objects in the second version of their encodings."""
    import pandas as pd

    months = pd.date_range("2020-01-31", periods=3, freq=pd.offsets.MonthEnd(2), unit="us")
    frame = pd.DataFrame({"a": np.arange(3), "t": [1.5, None, 2.5]})
    return numbered(
        flags=[frame.set_flags(allows_duplicate_labels=False)],
        sparse=[pd.Series(pd.arrays.SparseArray([0.0, 0.0, 1.0], fill_value=0.0))],
        frequencies=[
            months,
            pd.date_range(
                "2020-01-01",
                periods=3,
                freq=pd.offsets.DateOffset(months=1, days=2),
                unit="us",
            ),
        ],
        wide=[pd.DataFrame(np.arange(900.0).reshape(3, 300)).assign(last=["a", "b", "c"])],
        levels=[pd.MultiIndex.from_product([["a", "b"], [1, 2]]).sortlevel()[0]],
    )


def _pieces() -> list[Any]:
    import pandas as pd

    return [
        pd.DataFrame({"x": np.full(n, n + 0.5), "t": pd.Categorical(["a", "b", "c"][:n])})
        for n in (2, 1, 3)
    ]


@as_pandas_3
def grown() -> dict[str, Any]:
    """DataFrames that were made, and extended, by `append`."""
    import pandas as pd

    first, *others = _pieces()
    whole = first
    for piece in others:
        kinds = pd.api.types.union_categoricals([whole["t"], piece["t"]])
        whole = pd.concat([whole[["x"]], piece[["x"]]], ignore_index=True).assign(t=kinds)
    wide = pd.DataFrame(np.arange(600.0).reshape(2, 300))
    return {"frame": whole, "wide": pd.concat([wide, wide], ignore_index=True)}


def make_grown(path: str) -> None:
    """Make the file of `grown`."""
    import pandas as pd

    chk = HDF5Checkpointer(path)
    for piece in _pieces():
        chk.append("frame", piece)
    for _ in range(2):
        chk.append("wide", pd.DataFrame(np.arange(600.0).reshape(2, 300)))
