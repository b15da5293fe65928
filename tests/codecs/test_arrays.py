"""Arrays and scalars of every kind, made up by hypothesis."""

from __future__ import annotations

import datetime as dt
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hdfchk import HDF5Checkpointer
from hdfchk.codecs import dtypes, packing
from hdfchk.codecs.registry import default_registry
from hdfchk.tree import Mark
from tests.support.exact import differs

DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(endianness="?"),
    npst.datetime64_dtypes(endianness="?"),
    npst.timedelta64_dtypes(endianness="?"),
    npst.byte_string_dtypes(),
    npst.unicode_string_dtypes(endianness="?"),
)
STRUCTURED = npst.nested_dtypes(DTYPES, max_itemsize=200)
SHAPES = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def strided(array: np.ndarray, how: int) -> np.ndarray:
    if how == 1:
        return np.asfortranarray(array)
    return array[::-1] if how == 2 and array.ndim else array.T if how == 3 else array


@given(st.data(), DTYPES | STRUCTURED, SHAPES, st.integers(0, 3))
def test_any_array(data: Any, dtype: Any, shape: Any, how: int) -> None:
    """Any array of any dtype, shape and memory order comes back, alone and in a list."""
    array = strided(data.draw(npst.arrays(dtype, shape)), how)
    chk = HDF5Checkpointer(None)
    chk["x"] = {"a": array, "l": [array, 1]}
    found = chk.load("x")
    assert differs(array, found["a"]) is None and differs(array, found["l"][0]) is None


def test_any_array_in_a_file(path: str) -> None:
    """The same, through a file."""
    with HDF5Checkpointer(path) as chk:

        @given(st.data(), DTYPES | STRUCTURED, SHAPES, st.integers(0, 3))
        def run(data: Any, dtype: Any, shape: Any, how: int) -> None:
            array = strided(data.draw(npst.arrays(dtype, shape)), how)
            chk["x"] = array
            assert differs(array, chk["x"]) is None

        run()


ANY_TEXT = st.text(st.characters(codec=None), max_size=5)
PLAIN_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
TEXTS = st.one_of(
    npst.arrays(object, SHAPES, elements=st.one_of(PLAIN_TEXT)),
    npst.arrays(object, SHAPES, elements=ANY_TEXT | ANY_TEXT.map(np.str_)),
    npst.arrays(object, SHAPES, elements=PLAIN_TEXT | st.none() | st.integers()),
    st.lists(PLAIN_TEXT, max_size=4),
    st.lists(ANY_TEXT, max_size=4).map(tuple),
    npst.arrays("U5", SHAPES),
    npst.arrays(np.dtypes.StringDType(), SHAPES, elements=PLAIN_TEXT),
    ANY_TEXT,
)


def test_any_texts_over_others(path: str) -> None:
    """Strings in any form come back from any string dataset that they are written over."""
    widths, chunks = st.none() | st.integers(1, 9), st.none() | st.integers(1, 3)
    with HDF5Checkpointer(path) as chk:

        @given(TEXTS, TEXTS, widths, st.sampled_from(["utf-8", "ascii"]), chunks, st.integers(0, 3))
        def run(first: Any, then: Any, width: Any, cset: str, chunk: Any, how: int) -> None:
            if isinstance(then, np.ndarray):
                then = strided(then, how)
            shape = np.shape(then) if chunk is None else np.shape(first)
            limits = (None,) * len(shape) if chunk and shape else None
            chk.pop("x", None)
            chk.stream.create_dataset(
                "x",
                shape,
                h5py.string_dtype(cset, width),
                chunks=(chunk,) * len(shape) if limits else None,
                maxshape=limits,
            )
            for value in (chk.load("x"), then, first, then):
                chk["x"] = value
                assert differs(value, chk.load("x")) is None

        run()


@given(STRUCTURED)
def test_dtypes(dtype: Any) -> None:
    """A dtype is told by its description, and its storage dtype has its size."""
    assert differs(np.dtype(dtype), dtypes.rebuild(dtypes.describe(np.dtype(dtype)))) is None
    assert np.dtype(dtype).itemsize in (0, dtypes.storage(np.dtype(dtype)).itemsize)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.binary(),
    st.text(st.characters(codec=None)),
    st.decimals(),
    st.fractions(),
    st.uuids(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.just(...),
    st.builds(dt.timezone, st.timedeltas(-dt.timedelta(hours=23), dt.timedelta(hours=23))),
)
KEYS = st.one_of(
    st.text(max_size=4), st.integers(), st.tuples(st.integers(), st.text(max_size=2)), st.none()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(st.characters(codec=None), max_size=4), inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=3),
        st.integers(0, 3).map(np.arange),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_value(value: Any) -> None:
    """Any nest of values comes back through its tree."""
    assert differs(value, default_registry.decode(default_registry.encode(value))) is None


@pytest.mark.slow
def test_any_value_in_a_file(path: str) -> None:
    """Any nest of values comes back through a file, and replaces any other."""
    with HDF5Checkpointer(path) as chk:

        @given(VALUES)
        def run(value: Any) -> None:
            chk["x"] = value
            assert differs(value, chk.load("x")) is None

        run()


@given(
    st.text("abz_.", min_size=1),
    st.integers(1, 99),
    st.dictionaries(st.text(), st.integers() | st.text()),
)
def test_marks(name: str, version: int, params: dict[str, Any]) -> None:
    """A mark is told by its text."""
    mark = Mark(name, version, params)
    assert packing.mark_from_text(packing.mark_to_text(mark)) == mark
