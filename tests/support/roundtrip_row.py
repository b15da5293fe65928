"""A row of the round-trip table."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Row:
    """A kind of value: `stored` says how, `make` gives the cases to try.

    A row that `needs` a library that the test extra does not have tells how many cases it has.
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
