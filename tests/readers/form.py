"""A form: a value of one kind as it is stored, and the plain data that another tool finds."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import attrs

from hdfchk import HDF5Checkpointer

KEY = "x"
BESIDE = "beside"  # an ordinary array in each file: is it the key, or the file, that is not read?
BESIDE_DATA = [0.0, 1.0, 2.0]


@attrs.frozen
class Either:
    """Plain data that may come in one of several orders: by rows or by columns, say."""

    orders: tuple[Any, ...]


@attrs.frozen
class Json:
    """A JSON text of this value."""

    value: Any


@attrs.frozen
class Form:
    """A kind of value as it lies in a file.

    Args:
        family: the part of the table.
        name: what the row is called.
        make: puts the form at `KEY` of a store.
        plain: by the path below `KEY` ("" for itself), what must be found there. Datasets that are
            not named must be read without an error, whatever they hold.
        needs: a library that the form needs.
    """

    family: str
    name: str
    make: Callable[[HDF5Checkpointer], None]
    plain: dict[str, Any]
    needs: str = ""

    @property
    def row(self) -> tuple[str, str]:
        """Where it stands in the table."""
        return self.family, self.name

    def can_be_made(self) -> bool:
        """Whether the library that it needs is installed."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None


def value(family: str, name: str, item: Any, plain: Any = None, needs: str = "") -> Form:
    """A form that an assignment makes. Without `plain` the value itself is what is to be found."""

    def make(chk: HDF5Checkpointer) -> None:
        chk[KEY] = item() if needs else item

    found = item if plain is None else plain
    return Form(family, name, make, found if isinstance(found, dict) else {"": found}, needs)


def stored(family: str, name: str, array: Any, needs: str = "", **options: Any) -> Form:
    """A form that `put` makes, with options."""
    return Form(family, name, lambda chk: chk.put(KEY, array, **options), {"": array}, needs)
