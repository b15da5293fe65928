"""The models of pydantic whose instances lie in golden files."""

from __future__ import annotations

from typing import Any

import pydantic

import hdfchk


@hdfchk.register(name="golden.Inner")
class Inner(pydantic.BaseModel):
    x: float = 0.5


@hdfchk.register(name="golden.Model")
class Model(pydantic.BaseModel):
    model_config = {"arbitrary_types_allowed": True, "extra": "allow"}

    n: int
    inner: Inner = Inner()
    data: Any = None
    _private: list[int] = pydantic.PrivateAttr(default_factory=list)
