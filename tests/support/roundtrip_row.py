"""A row of the round-trip table."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Row:
    """A kind of value: `stored` describes how it is stored, `make` returns the cases to try.

    If a row `needs` a library that is not in the test extra, `count` is the number of its cases.
    """

    family: str
    name: str
    stored: str
    make: Callable[[], list[Any]]
    needs: str = ""
    count: int = 0

    def can_be_made(self) -> bool:
        """Whether the library that it needs is installed."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None
