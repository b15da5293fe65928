"""What golden files hold of libraries of the extra `types`. Frozen, as the other values.

`PLAIN` is what plain HDF5 reads of each file, without its library.
"""

from __future__ import annotations

import collections
import datetime as dt
from typing import Any

import numpy as np

from .values import numbered

__all__ = ["PLAIN"]


def astropy() -> dict[str, Any]:
    """Quantities, units, times, columns and tables."""
    import astropy.table as tables
    import astropy.units as u
    from astropy.time import Time, TimeDelta
    from astropy.utils.masked import Masked

    named = [1.5, np.nan] * u.Unit("erg / (s cm2)")
    named.info.name, named.info.description, named.info.meta = "flux", "é", {"from": [1, "x"]}
    plain = tables.Table({"a": [1, 2], "s": ["x", "é"]}, units={"a": "m"}, meta={"k": [1, (2,)]})
    quantities = tables.QTable({"t": Time([58000.5, 58001.0], format="mjd"), "x": [1.0, 2.0] * u.m})
    masked = tables.Table({"a": [1.0, 2.0]}, masked=True)
    masked["b"] = tables.MaskedColumn(["x", "y"], mask=[True, False], unit="km")
    return numbered(
        quantity=[[1.0, 2.0] * u.km, u.Quantity(np.arange(3, dtype="i2"), u.s, dtype="i2"), named],
        masked=[Masked([1.0, 2.0] * u.s, mask=[True, False])],
        unit=[u.m / u.s**2, u.dimensionless_unscaled],
        time=[
            Time([58000.125, 58001], 1e-11, format="mjd", scale="tai"),
            Time("2020-02-29T12:34:56.125", scale="tt", precision=9),
            TimeDelta([1.5, 2.0], format="sec"),
        ],
        column=[
            tables.Column([1, 2], name="n", unit="m", description="d", meta={"a": 1}),
            tables.MaskedColumn([1.5, 2], mask=[True, False], unit="s", name="m", fill_value=-1),
        ],
        table=[plain, quantities, masked],
    )


def pint() -> dict[str, Any]:
    """Quantities of the application's registry."""
    import pint as library

    made = library.get_application_registry().Quantity
    return numbered(
        quantity=[
            made(np.array([1.5, np.nan]), "m/s"),
            made(np.arange(6, dtype=">i2").reshape(2, 3), "pixel"),
            made(1.5, "kilometer ** 0.5"),
            made(2**70, "s"),
            made([1.0, 2.0], "degC"),
        ]
    )


def unyt() -> dict[str, Any]:
    """Arrays and quantities."""
    from unyt import unyt_array, unyt_quantity

    return numbered(
        array=[
            unyt_array([1.5, np.nan], "km/s"),
            unyt_quantity(3, "km"),
            unyt_array([1.0], "Msun", name="mass"),
            unyt_array([1.0, 2.0]),
            unyt_quantity(2.0, "m") ** 0.5,
        ]
    )


def ase() -> dict[str, Any]:
    """Atoms, with constraints and without."""
    from ase import Atoms
    from ase.constraints import FixAtoms, FixedPlane

    atoms = Atoms("H2O", positions=np.arange(9.0).reshape(3, 3), cell=[1, 2, 3, 90, 90, 90])
    atoms.pbc = [True, False, True]
    atoms.set_initial_charges([0.5, 0.5, -1.0])
    atoms.info.update({"energy": -1.5, 3: [1, (2,)]})
    fixed = Atoms("Au2", positions=np.zeros((2, 3)), celldisp=[1, 0, 0.5])
    fixed.set_constraint([FixAtoms([0]), FixedPlane(1, (1, 0, 0))])
    return numbered(atoms=[atoms, fixed, Atoms()])


def pydantic() -> dict[str, Any]:
    """Models."""
    from .classes_pydantic import Inner, Model

    full = Model(n=1, inner=Inner(x=2.5), data=np.arange(3.0), more=["x"])
    full._private.append(5)
    return numbered(model=[Model(n=1), full])


def polars() -> dict[str, Any]:
    """Series and data frames."""
    import polars as pl

    nested = pl.Series("l", [[1, 2], None, []], dtype=pl.List(pl.Int16))
    return numbered(
        series=[
            pl.Series("n", [1, None, -3], dtype=pl.Int8),
            pl.Series("f", [1.5, float("nan"), -0.0]),
            pl.Series("s", ["a", None, "é", ""]),
            pl.Series("x", [b"a\0", None, b""]),
            pl.Series("d", [dt.date(2020, 2, 29), None]),
            pl.Series("u", [dt.timedelta(1, 2, 3), None], dtype=pl.Duration("ms")),
            pl.Series("e", ["y", None, "x"], dtype=pl.Enum(["x", "y", "z"])),
            pl.Series("r", [{"a": 1, "b": "x"}, None]),
            nested,
        ],
        frame=[pl.DataFrame({"x": [1.0, 2.0], "s": ["a", None]}), pl.DataFrame()],
    )


def pyarrow() -> dict[str, Any]:
    """Arrays and tables of Arrow."""
    import pyarrow as pa

    field = pa.field("a", pa.int64(), nullable=False, metadata={"u": "m"})
    return numbered(
        array=[
            pa.array([1, None, -3], pa.int8()),
            pa.array(["a", None, "é"]),
            pa.array([b"a\0", None, b""]),
            pa.array([[1, 2], None, []], pa.list_(pa.int16())),
            pa.array([{"a": 1, "b": "x"}, None]),
            pa.array([dt.date(2020, 2, 29), None]),
            pa.array(["b", "a", None, "b"]).dictionary_encode(),
            pa.chunked_array([[1, 2], [None]]),
            pa.nulls(3),
        ],
        table=[
            pa.record_batch({"x": [1.0, 2.0], "s": ["a", None]}),
            pa.table({"a": [1, 2]}, schema=pa.schema([field], {"k": "v"})),
        ],
    )


def arrow_frames() -> dict[str, Any]:
    """Objects of pandas whose parts are Arrow's."""
    import pandas as pd
    import pyarrow as pa

    kinds = {
        "int8": [1, None, 3],
        "string": ["a", None, "é"],
        "list": [[1, 2], None, []],
        "date": [dt.date(2020, 2, 29), None, None],
        "bytes": [b"a\0", None, b""],
    }
    types = {
        "int8": pa.int8(),
        "string": pa.string(),
        "list": pa.list_(pa.int16()),
        "date": pa.date32(),
        "bytes": pa.binary(),
    }
    columns = {
        name: pd.array(kinds[name], dtype=pd.ArrowDtype(found)) for name, found in types.items()
    }
    texts = pd.array(["a", None, "é"], dtype="string[pyarrow]")
    names = pd.Index(["int8", "texts"], dtype=object)
    return numbered(
        series=[pd.Series(column, name=1) for column in [*columns.values(), texts]],
        frame=[pd.DataFrame({"int8": columns["int8"], "texts": texts}).set_axis(names, axis=1)],
    )


def awkward() -> dict[str, Any]:
    """Arrays of lists, records, missing items."""
    import awkward as ak

    return numbered(
        array=[
            ak.Array([[1, 2], [], [3]]),
            ak.Array([{"x": 1.5, "y": ["a", "é"]}, {"x": 2.5, "y": []}]),
            ak.Array([1, None, 3]),
            ak.Array([1], attrs={"from": [1, "x"]}),
        ]
    )


def jax() -> dict[str, Any]:
    """Arrays and random keys."""
    import jax as library
    import jax.numpy as jnp

    return numbered(
        array=[
            jnp.array([1.5, jnp.nan, -0.0]),
            jnp.arange(6, dtype=jnp.int8).reshape(2, 3),
            jnp.array([[1.5, jnp.inf]], jnp.bfloat16),
            jnp.asarray(2.5),
        ],
        key=[library.random.key(1)],
    )


def torch() -> dict[str, Any]:
    """Tensors, a state dict, names of types."""
    import torch as library

    weight = library.nn.Parameter(library.tensor([[1.5, -2.0]], dtype=library.bfloat16))
    state = collections.OrderedDict(weight=weight.detach(), bias=library.tensor([0.5]))
    state._metadata = collections.OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    return numbered(
        tensor=[library.tensor([1.5, 2.0]), library.arange(6).reshape(2, 3), weight],
        state=[state],
        name=[library.Size([2, 3]), library.bfloat16, library.device("cuda:1")],
    )


def networkx() -> dict[str, Any]:
    """Graphs of each kind."""
    import networkx as nx

    multi = nx.MultiDiGraph(x=1)
    multi.add_edge(1, 2, key="k", w=1.5)
    multi.add_edge(2, 1, key=(0, None))
    moved = nx.Graph(title="é")
    moved.add_node("c", weight=1.5)
    moved.add_edges_from([("d", "a"), ("b", "d"), ("a", "b")])
    moved.remove_edge("d", "a")
    moved.add_edge("d", "a", w=1)
    return numbered(graph=[nx.Graph([(0, 1, {"w": 1.5}), (1, 2, {"w": 2.5})]), moved, multi])


def ml_dtypes() -> dict[str, Any]:
    """Arrays and scalars of few bits."""
    import ml_dtypes as library

    fields = np.zeros(2, [("a", library.bfloat16), ("b", "i4")])
    return numbered(
        array=[
            np.array([1.5, -2.0], library.bfloat16),
            np.array([[1.5], [2]], library.float8_e4m3fn),
            np.array([1, -3], library.int4),
            fields,
        ],
        scalar=[library.bfloat16(1.5), np.dtype(library.float8_e5m2)],
    )


def pytz() -> dict[str, Any]:
    """Dates in zones of pytz."""
    import pytz as library

    zone = library.timezone("Europe/Berlin")
    return numbered(
        date=[zone.localize(dt.datetime(2020, 7, 1, 12)), dt.datetime(2020, 7, 1, tzinfo=zone)],
        zone=[zone, library.FixedOffset(90)],
    )


PLAIN: dict[str, dict[str, Any]] = {
    "astropy": {
        "quantity:0": [1.0, 2.0],
        "quantity:0@units": "km",
        "masked:0/data@units": "s",
        "masked:0/mask": [True, False],
        "unit:0": "m / s2",
        "time:2/jd1": [0.0, 0.0],
        "column:0@units": "m",
        "table:0/columns/s": ["x", "é"],
        "table:1/columns/x": [1.0, 2.0],
        "table:2/columns/b/values/data@units": "km",
    },
    "pint": {
        "quantity:0@units": "meter / second",
        "quantity:1": [[0, 1, 2], [3, 4, 5]],
        "quantity:2": 1.5,
    },
    "unyt": {"array:0@units": "km/s", "array:1": 3, "array:3": [1.0, 2.0]},
    "ase": {
        "atoms:0/arrays/numbers": [1, 1, 8],
        "atoms:0/pbc": [True, False, True],
        "atoms:0/cell": [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]],
    },
    "pydantic": {"model:1/n": 1, "model:1/inner/x": 2.5, "model:1/data": [0.0, 1.0, 2.0]},
    "polars": {
        "series:0/valid": [True, False, True],
        "series:2/values": ["a", "", "é", ""],
        "frame:0/columns/x": [1.0, 2.0],
        "frame:0/columns/s/valid": [True, False],
    },
    "pyarrow": {
        "array:0/valid": [True, False, True],
        "table:0/columns/x": [1.0, 2.0],
        "table:0/columns/s/values": ["a", ""],
    },
    "frames of Arrow": {
        "frame:0/column1/texts": ["a", "", "é"],
        "frame:0/column1/missing": [False, True, False],
    },
    "awkward": {
        "array:0/buffers/node0-offsets": [0, 2, 2, 3],
        "array:0/buffers/node1-data": [1, 2, 3],
    },
    "jax": {"array:1": [[0, 1, 2], [3, 4, 5]], "array:2": [[0x3FC0, 0x7F80]], "array:3": 2.5},
    "torch": {
        "tensor:0": [1.5, 2.0],
        "tensor:2": [[0x3FC0, -0x4000]],
        "state:0/bias": [0.5],
        "name:1": "bfloat16",
    },
    "networkx": {
        "graph:0/sources": [0, 1],
        "graph:0/targets": [1, 2],
        "graph:0/edge_attributes/columns/w": [1.5, 2.5],
    },
    "ml_dtypes": {"array:0": [0x3FC0, 0xC000], "scalar:0": 0x3FC0},
    "pytz": {"date:0": "2020-07-01T12:00:00", "zone:0": "Europe/Berlin"},
}
"""By file: paths, or path, ``@`` and an attribute, and what plain HDF5 reads there."""
