"""Codecs of NumPy's random generators: their state, and the seed sequence from which they spawn.

The classes that a file may name are in a table. Indices into C buffers, which NumPy accepts from a
state unchecked, are checked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CorruptFileError
from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]

# By name: NumPy imports its random module where it is used.
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_MOST_POOL = 1024
"""The time to fill the pool of a seed sequence grows with the square of its size, which is 4."""


def _encode_seeds(value: Any, encoder: Encoder) -> Node:
    if value.pool_size > _MOST_POOL:
        encoder.refuse(value, f"with a pool of {value.pool_size}", f"use one of {_MOST_POOL}")
    return encoder.branch(value, value.state, Mark("numpy.random.SeedSequence"))


def _decode_seeds(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    if not 0 < parts["pool_size"] <= _MOST_POOL:
        raise CorruptFileError(f"a pool of {parts['pool_size']}", hint="restore it from a copy")
    return np.random.SeedSequence(**parts)


def _encode_bits(value: Any, encoder: Encoder) -> Node:
    state = dict(value.state)
    name = state.pop("bit_generator")
    seeds = value.seed_seq
    if seeds is not None and type(seeds) is not np.random.SeedSequence:
        encoder.refuse(
            value,
            f"seeded by a {type(seeds).__qualname__}",
            "store its .state, and what its seeds are made of",
        )
    parts = {**state, "seed_seq": seeds}
    return encoder.branch(value, parts, Mark("numpy.random.BitGenerator", 1, {"class": name}))


def _decode_bits(node: Branch, decoder: Decoder) -> Any:
    name, parts = params_of(node)["class"], decoder.fields(node)
    seeds = parts.pop("seed_seq")
    if name not in _BIT_GENERATORS or type(seeds) not in {type(None), np.random.SeedSequence}:
        raise ValueError(f"a bit generator {name!r} seeded by {seeds!r}")
    value: Any = getattr(np.random, name)(seeds)
    if seeds is None and name == "MT19937":
        value._legacy_seeding(0)  # noqa: SLF001  as of a RandomState: it has no seed sequence
    if name == "MT19937" and not 0 <= int(parts["state"]["pos"]) <= 624:
        raise ValueError("the position in the state is outside of it")
    if name == "Philox" and not 0 <= int(parts["buffer_pos"]) <= 4:
        raise ValueError("the position in the buffer is outside of it")
    value.state = {**parts, "bit_generator": name}
    return value


def _encode_generator(value: Any, encoder: Encoder) -> Node:
    parts = {"bit_generator": value.bit_generator}
    return encoder.branch(value, parts, Mark("numpy.random.Generator"))


def _decode_generator(node: Branch, decoder: Decoder) -> Any:
    return np.random.Generator(_checked(decoder.fields(node)["bit_generator"]))


def _checked(bits: Any) -> Any:
    if not isinstance(bits, np.random.BitGenerator):
        raise TypeError(f"{bits!r} is not a bit generator")
    return bits


def _encode_legacy(value: Any, encoder: Encoder) -> Node:
    state = value.get_state(legacy=False)
    parts = {
        "bit_generator": value._bit_generator,  # noqa: SLF001  there is no public name
        "has_gauss": state["has_gauss"],
        "gauss": state["gauss"],
    }
    return encoder.branch(value, parts, Mark("numpy.random.RandomState"))


def _decode_legacy(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    bits = _checked(parts.pop("bit_generator"))
    value = np.random.RandomState(bits)
    value.set_state({**bits.state, **parts})
    return value


CODECS = (
    Codec("numpy.random.SeedSequence", ("numpy.SeedSequence",), _encode_seeds, _decode_seeds),
    Codec(
        "numpy.random.BitGenerator",
        tuple(f"numpy.{name}" for name in _BIT_GENERATORS),
        _encode_bits,
        _decode_bits,
    ),
    Codec("numpy.random.Generator", ("numpy.Generator",), _encode_generator, _decode_generator),
    Codec("numpy.random.RandomState", ("numpy.RandomState",), _encode_legacy, _decode_legacy),
)
