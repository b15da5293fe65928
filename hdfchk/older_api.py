"""Specifications of stores, as accepted by the older checkpointer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .errors import InvalidOptionError

__all__ = ["check_extension", "is_specification", "options_of"]

_OTHER_FORMATS = frozenset({".json", ".npz", ".npy", ".pkl", ".yml", ".yaml", ".py"})


def check_extension(file: Any, usual: str) -> None:
    """Reject a file of another format.

    Args:
        file: a path, an open file, or anything else.
        usual: the extension of HDF5 files, for the message.

    Raises:
        InvalidOptionError: the extension is that of another format (a `ValueError`).
    """
    name = file if isinstance(file, (str, os.PathLike)) else getattr(file, "name", "")
    if not isinstance(name, (str, os.PathLike)):
        return
    extension = os.path.splitext(os.fspath(name))[1]
    if extension in _OTHER_FORMATS:
        raise InvalidOptionError(
            f"a file with the extension {extension!r} is not an HDF5 file",
            file=str(name),
            hint=f"use the extension {usual!r}, call HDF5Checkpointer(file), or "
            "hdfchk.mcutils.Checkpointer.from_file(file)",
        )


def is_specification(given: Mapping[str, Any]) -> bool:
    """Whether a mapping specifies a file, as opposed to a dict to be used in place."""
    return "file" in given and set(given) <= {"file", "keys", "opts"}


def options_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the store for a specification.

    Raises:
        InvalidOptionError: the specification has unknown parts.
    """
    options = dict(spec.get("opts") or {})
    names = spec.get("keys")
    if isinstance(names, Mapping):
        unknown = set(names) - {"allowed_keys", "omitted_keys"}
        if unknown:
            raise InvalidOptionError(
                f"'keys' has the unknown parts {sorted(unknown)}",
                hint="it takes allowed_keys and omitted_keys, or is a list of allowed keys",
            )
        options.update(names)
    elif names is not None:
        options["allowed_keys"] = names
    return options
