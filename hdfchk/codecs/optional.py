"""Import of optional libraries where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingExtraError

__all__ = ["need"]


_EXTRAS = frozenset({"pandas", "scipy", "xarray"})
"""Libraries with an extra of their name."""


def need(library: str, what: str, instead: str | None = None) -> Any:
    """Import the module `library`, which is needed for `what`.

    Args:
        library: the module.
        what: a value that cannot be made without it.
        instead: what can be read without it.

    Raises:
        MissingExtraError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        root = library.partition(".")[0]
        extra = root if root in _EXTRAS else None
        raise MissingExtraError.naming(root, extra, what, instead) from error
