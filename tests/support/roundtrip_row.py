"""A row of the round-trip table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Row:
    """A kind of value: `stored` says how, `make` gives the cases to try."""

    family: str
    name: str
    stored: str
    make: Callable[[], list[Any]]
