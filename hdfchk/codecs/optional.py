"""Import of optional libraries where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingExtraError

__all__ = ["need"]


def need(library: str, what: str, extra: str | None = None) -> Any:
    """Import the module `library`, which is needed for `what`.

    Raises:
        MissingExtraError: it is not installed; the message names the extra that provides it.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        root = library.partition(".")[0]
        raise MissingExtraError.naming(root, extra or root, what) from error
