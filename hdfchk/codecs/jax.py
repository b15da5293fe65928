"""Codecs of JAX arrays and random keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedStoredError
from ..tree import Leaf, Mark, Node, params_of
from . import ml_types
from .arrays import decode_array, encode_as
from .codec import Codec, Decoder, Encoder, no_value
from .optional import need

__all__ = ["CODECS"]


def _jax(module: str = "jax") -> Any:
    return need(module, "a JAX array", "its elements by chk.array(key) or h5py")


def _encode(value: Any, encoder: Encoder) -> Node:
    jax = _jax()
    if value.devices() != {jax.devices()[0]}:
        encoder.refuse(
            value,
            f"on {', '.join(sorted(map(str, value.devices())))}, which is not the default device",
            "call jax.device_put(value, jax.devices()[0]) first",
        )
    array = np.asarray(value)
    params: dict[str, Any] = {}
    if value.weak_type:
        params["weak"] = True
    if array.dtype != value.dtype:  # JAX makes booleans of integers of one bit
        leaf = None
    elif array.dtype.kind in "biufc" and array.dtype.isbuiltin == 1:
        leaf = encode_as("jax.Array", array, encoder, **params)
    elif not _is_kept(array.dtype):
        leaf = None
    else:  # its bits
        params["type"] = array.dtype.name
        bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").reshape(array.shape)
        leaf = encode_as("jax.bits", bits, encoder, **params)
    if leaf is None:
        encoder.refuse(value, f"of {value.dtype}", "convert it to numbers with .astype()")
    return leaf


def _is_kept(dtype: np.dtype[Any]) -> bool:
    """Whether JAX makes an array of this type of ml_dtypes; of integers of one bit it may not."""
    made = _jax().numpy.asarray(np.zeros(1, dtype))
    return ml_types.is_one(dtype) and bool(made.dtype == dtype)


def _decode(node: Leaf, decoder: Decoder) -> Any:
    jax, array, params = _jax(), decode_array(node, decoder), params_of(node)
    if "type" in params:
        array = array.view(ml_types.rebuild({ml_types.LIBRARY: params["type"]}))
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise UnsupportedStoredError(
            f"a JAX array of {array.dtype}, which JAX would make smaller: jax_enable_x64 is off",
            hint="call jax.config.update('jax_enable_x64', True) before, or read it by "
            "chk.array(key)",
        )
    value = jax.numpy.asarray(array)
    if value.dtype != array.dtype:
        raise UnsupportedStoredError(
            f"a JAX array of {array.dtype}, of which JAX {jax.__version__} makes {value.dtype}",
            hint="read it by chk.array(key), or with another version of JAX",
        )
    return _weak(value) if "weak" in params else value


def _weak(value: Any) -> Any:
    """Return an array as one of a weak type, as operations with Python's numbers make it."""
    try:
        convert = _jax("jax._src.lax.lax")._convert_element_type  # noqa: SLF001  no public one
        return convert(value, weak_type=True)
    except (AttributeError, TypeError) as error:
        raise UnsupportedStoredError(
            "a JAX array of a weak type, which this version of JAX cannot make",
            hint="read it by chk.array(key), or with another version of JAX",
        ) from error


def _encode_key(value: Any, encoder: Encoder) -> Node:
    random = _jax("jax.random")
    impl = str(random.key_impl(value))
    if random.key_impl(random.wrap_key_data(random.key_data(value), impl=impl)) != impl:
        encoder.refuse(value, "of a generator without a name", "store jax.random.key_data(value)")
    leaf = encode_as("jax.Key", np.asarray(random.key_data(value)), encoder)
    assert leaf is not None  # noqa: S101  these are numbers
    return Leaf(leaf.data, Mark("jax.Key", 1, {**params_of(leaf), "impl": impl}))


def _decode_key(node: Leaf, decoder: Decoder) -> Any:
    data, impl = decode_array(node, decoder), params_of(node)["impl"]
    return _jax("jax.random").wrap_key_data(_jax("jax.numpy").asarray(data), impl=impl)


CODECS = (
    Codec("jax.Array", ("jaxlib.ArrayImpl",), _encode, _decode),
    Codec("jax.bits", (), no_value, _decode),
    Codec("jax.Key", ("jax.PRNGKeyArray",), _encode_key, _decode_key),
)
