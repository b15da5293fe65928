"""Tensors without their library, and those of other libraries."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hdfchk import CodecRegistry, MissingExtraError, UnsupportedTypeError
from hdfchk.tree import Leaf, Mark


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored tensor says what is missing."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"needs torch.*pip install torch, or read .*h5py"):
        CodecRegistry().decode(Leaf(np.zeros(2), Mark("torch.Tensor", 1, {"dtype": "float64"})))


def test_other_tensors_are_refused() -> None:
    """Anything that only can be made an array is refused, with that as the way out."""

    class Tensor:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.zeros(2)

    with pytest.raises(UnsupportedTypeError, match=r"numpy\.asarray"):
        CodecRegistry().encode(Tensor())
