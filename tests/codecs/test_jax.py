"""JAX: arrays and random keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CodecRegistry,
    HDF5Checkpointer,
    UnknownTypeError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from tests.support.libraries import check_missing, check_round_trip, library

jax: Any = library("jax")
import jax.numpy as jnp  # noqa: E402


def differs(a: Any, b: Any) -> str | None:
    """How two arrays differ: dtype, weak type, shape, bits."""
    left, right = ((x.dtype, x.shape, getattr(x, "weak_type", None)) for x in (a, b))
    if left != right:
        return f"{left}, {right}"
    if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
        same = jax.random.key_impl(a) == jax.random.key_impl(b)
        a, b = jax.random.key_data(a), jax.random.key_data(b)
        return differs(a, b) if same else "impl"
    return None if np.asarray(a).tobytes() == np.asarray(b).tobytes() else f"{a}, {b}"


CASES = {
    "floats": jnp.array([1.5, jnp.nan, -0.0]),
    "ints": jnp.arange(6, dtype=jnp.int8).reshape(2, 3),
    "booleans": jnp.array([True, False]),
    "complex": jnp.array([1 + 2j]),
    "bfloat16": jnp.array([[1.5, jnp.inf]], jnp.bfloat16),
    "0-d bfloat16": jnp.array(1.5, jnp.bfloat16),
    "float8": jnp.array([1.5, 2], jnp.float8_e4m3fn),
    "halves": jnp.array([1.5], jnp.float16),
    "0-d": jnp.float32(2.5),
    "weak": jnp.asarray(2.5),
    "weak int": jnp.asarray(2),
    "weak array": jnp.full((2, 2), -0.0),
    "empty": jnp.zeros((0, 3)),
    "key": jax.random.key(1),
    "keys": jax.random.split(jax.random.key(1), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Dtypes, weak types and bits come back."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_jax(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array is a dataset."""
    chk = check_missing(path, CASES["ints"], monkeypatch, "jax", "jaxlib")
    assert chk.array("x")[1].tolist() == [3, 4, 5]
    with h5py.File(path) as file:
        assert file["x"].dtype == np.int8 and file["x"].shape == (2, 3)


def test_bits_of_one(path: str) -> None:
    """What JAX cannot make again of its own bits is refused, never changed."""
    for dtype in [getattr(jnp, name) for name in ("int1", "uint1") if hasattr(jnp, name)]:
        value = jnp.array(1, dtype)
        try:
            HDF5Checkpointer(path)["x"] = value
        except UnsupportedTypeError as error:
            assert "astype" in str(error)
        else:
            assert differs(value, HDF5Checkpointer(path)["x"]) is None


def test_a_file_names_types_alone() -> None:
    """A file cannot make its reader reach anything else of JAX."""
    registry = CodecRegistry()
    node: Any = registry.encode(jnp.array([1.5], jnp.bfloat16))
    node.mark.params["type"] = "linalg"
    with pytest.raises(UnknownTypeError, match="linalg"):
        registry.decode(node)


@pytest.fixture
def x64() -> Iterator[Any]:
    """64-bit values are on; what is called turns them off."""
    jax.config.update("jax_enable_x64", True)
    yield lambda: jax.config.update("jax_enable_x64", False)
    jax.config.update("jax_enable_x64", False)


@pytest.mark.parametrize("dtype", ["float64", "int64", "uint64", "complex128"])
def test_64_bits(path: str, x64: Any, dtype: str) -> None:
    """64-bit values come back where they are on; where not, they are an error, never made smaller."""
    value = jnp.array([1, 3], dtype)
    check_round_trip(path, value, differs)
    chk = HDF5Checkpointer(path)
    chk["x"] = value
    x64()
    with pytest.raises(UnsupportedStoredError, match="jax_enable_x64") as caught:
        chk["x"]
    assert caught.value.key == "x"
    assert chk.array("x")[:].dtype == dtype
    assert "x" in chk.verify().unread
