"""PyTorch's tensors. The library is too large for the test extra: with it, they make the round
trip; without it, reading one says what is missing."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from hdfchk import (
    CodecRegistry,
    HDF5Checkpointer,
    MissingExtraError,
    UnsupportedTypeError,
)
from hdfchk.tree import Leaf, Mark
from tests.support import roundtrip_optional
from tests.support.exact import differs

if importlib.util.find_spec("torch"):

    def test_round_trip(path: str) -> None:
        """Tensors and parameters come back with dtype, shape, bits and requires_grad."""
        chk = HDF5Checkpointer(path)
        for index, value in enumerate(roundtrip_optional.tensors()):
            chk[f"k{index}"] = {"t": value, "in a list": [value]}
            found = chk.load(f"k{index}")
            assert (
                differs(value, found["t"]) is None and differs(value, found["in a list"][0]) is None
            )

    def test_refused() -> None:
        """Sparse tensors, graphs and subclasses are refused."""
        import torch

        class Mine(torch.Tensor):
            pass

        graph = torch.ones(2, requires_grad=True) * 2
        for value in (torch.ones(2).to_sparse(), graph, torch.ones(2).as_subclass(Mine)):
            with pytest.raises(UnsupportedTypeError):
                CodecRegistry().encode(value)

else:

    def test_without_the_library() -> None:
        """A stored tensor says what is missing."""
        with pytest.raises(MissingExtraError, match="torch"):
            CodecRegistry().decode(Leaf(np.zeros(2), Mark("torch.Tensor", 1, {"dtype": "float64"})))


def test_other_tensors_are_refused() -> None:
    """Anything that only can be made an array is refused, with that as the way out."""

    class Tensor:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.zeros(2)

    with pytest.raises(UnsupportedTypeError, match=r"numpy\.asarray"):
        CodecRegistry().encode(Tensor())
