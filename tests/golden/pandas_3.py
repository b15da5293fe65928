"""What pandas 3 makes of texts and dates without pyarrow, also elsewhere: golden files hold it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["as_pandas_3"]


def as_pandas_3(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """A function that makes frames whose texts are of the dtype `str`, stored as Python's strings."""

    @wraps(make)
    def made() -> dict[str, Any]:
        import pandas as pd

        options = ["mode.string_storage", "python"]
        if int(pd.__version__.partition(".")[0]) < 3:
            options += ["future.infer_string", True]
        with pd.option_context(*options):
            return make()

    return made
