"""Folders with known children, and folders that show a dataset or plot of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import CheckpointerKeyError
from .entities import CONTENTS, Dataset, Entity, Folder, in_memory

__all__ = ["child_name", "folder_of", "plot_of", "showing"]


def child_name(name: object) -> str:
    """Return a name that is valid for a child: without ``/``, which separates levels."""
    return str(name).replace("/", "\N{DIVISION SLASH}") or "''"


def folder_of(
    children: Mapping[str, Entity], attributes: Mapping[str, Any], table: Dataset | None = None
) -> Folder:
    """Return a folder of children, whose names may be any text.

    Args:
        children: the children.
        attributes: of the folder.
        table: the table that the folder itself shows; by default the names and shapes of its
            children.
    """
    named = {child_name(name): child for name, child in children.items()}

    def contents() -> Dataset:
        return _shapes(named) if table is None else table

    return showing(lambda: named, _finder(named), attributes, contents)


def _shapes(named: Mapping[str, Entity]) -> Dataset:
    found = np.empty((len(named), 2), object)
    for number, (name, child) in enumerate(named.items()):
        shape = child.shape if isinstance(child, Dataset) else ()
        found[number] = [name, " × ".join(f"{length:,}" for length in shape)]
    return in_memory(found, fields=("key", "shape"))


def _finder(named: Mapping[str, Entity]) -> Callable[[str], Entity]:
    def find(name: str) -> Entity:
        try:
            return named[name]
        except KeyError:
            raise CheckpointerKeyError("there is nothing of this name", key=name) from None

    return find


def showing(
    children: Callable[[], Mapping[str, Entity]],
    child: Callable[[str], Entity],
    attributes: Mapping[str, Any],
    contents: Callable[[], Entity] | None,
) -> Folder:
    """Return a folder that shows a dataset of its own when it is selected.

    Args:
        children: as of `Folder`.
        child: as for `Folder`.
        attributes: as of `Folder`.
        contents: returns that dataset.
    """
    if contents is None or "default" in attributes or "NX_class" in attributes:
        return Folder(children, child, attributes)

    def find(name: str) -> Entity:
        return contents() if name == CONTENTS else child(name)

    # H5Web shows the dataset that this attribute of a group names.
    return Folder(children, find, {**attributes, "default": CONTENTS})


def plot_of(
    children: Callable[[], Mapping[str, Entity]],
    signal: str,
    axes: list[str],
    attributes: Mapping[str, Any],
) -> Folder:
    """Return a folder that is shown as a plot: an NXdata group of NeXus.

    Args:
        children: returns arrays.
        signal: the name of the plotted array.
        axes: the name of the coordinate array of each axis, or ``"."``.
        attributes: more attributes.
    """
    nexus = {"NX_class": "NXdata", "signal": signal, "axes": axes}

    def find(name: str) -> Entity:
        return _finder(children())(name)

    return Folder(children, find, {**attributes, **nexus})
