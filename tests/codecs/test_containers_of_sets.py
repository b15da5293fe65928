"""The items of sets are stored in one order, whatever the order that they have in memory."""

from __future__ import annotations

import random
import struct
from typing import Any

import numpy as np
import pytest

from hdfchk.codecs.codec import Encoder
from hdfchk.codecs.containers import CODECS
from hdfchk.codecs.registry import CodecRegistry
from hdfchk.tree import Branch, Leaf, Node

NANS = [struct.unpack("d", struct.pack("Q", 0x7FF8_0000_0000_0000 + n))[0] for n in (5, 1, 3)]


class InOrder(set[Any]):
    """A set that is listed in the order in which it was made."""

    def __init__(self, items: Any) -> None:
        super().__init__(items)
        self._items = list(items)

    def __iter__(self) -> Any:
        return iter(self._items)


def _bytes(node: Node) -> Any:
    if isinstance(node, Branch):
        return {name: _bytes(child) for name, child in node.children.items()}
    assert isinstance(node, Leaf)
    data = node.data
    if isinstance(data, np.ndarray):
        return data.tolist() if data.dtype.kind == "O" else data.tobytes()
    return data


def _encoded(name: str, items: Any) -> Any:
    codec = next(codec for codec in CODECS if codec.name == name)
    return _bytes(codec.encode(InOrder(items), Encoder(CodecRegistry())))


@pytest.mark.parametrize("name", ["set", "frozenset"])
@pytest.mark.parametrize(
    "items",
    [
        [3, -1, 2**40, 0],
        ["b", "a", "é", ""],
        ["a", "x" * 2000, "b"],
        [1.5, -0.0, *NANS, float("inf")],
        [1j, 2 + 0j, -1j],
        [True, False],
        [np.float32(2), np.float32(-1), np.float32(0.5)],
        [1, "1", 1.5, None, (1, 2), (1,), frozenset({2, "z", 1}), b"b", 2**80],
        [b"x" * 5000, b"y" * 5000, b"a" * 5000, "c"],
    ],
)
def test_one_order(name: str, items: list[Any]) -> None:
    """Every order of the same items has one encoded form."""
    orders = [random.Random(seed).sample(items, len(items)) for seed in range(12)]
    forms = [_encoded(name, order) for order in orders]
    assert all(form == forms[0] for form in forms)


def test_by_value() -> None:
    """Items of one type stand by their value."""
    codec = next(codec for codec in CODECS if codec.name == "set")
    numbers = codec.encode({3, 10, -2}, Encoder(CodecRegistry()))
    assert isinstance(numbers, Leaf) and np.asarray(numbers.data).tolist() == [-2, 3, 10]
    texts = codec.encode({"b", "ab", "a"}, Encoder(CodecRegistry()))
    assert isinstance(texts, Leaf) and np.asarray(texts.data).tolist() == [b"a", b"ab", b"b"]
