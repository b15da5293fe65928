"""What pandas 3 makes of texts and dates, also with pandas 2: golden files hold it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any

__all__ = ["as_pandas_3"]


def as_pandas_3(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """A function that makes frames whose texts are of the dtype `str`, as in pandas 3."""

    @wraps(make)
    def made() -> dict[str, Any]:
        import pandas as pd

        is_old = int(pd.__version__.partition(".")[0]) < 3
        with pd.option_context("future.infer_string", True) if is_old else nullcontext():
            return make()

    return made
