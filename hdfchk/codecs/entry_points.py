"""Codecs of other packages, which declare them in the entry-point group ``hdfchk.codecs``.

They are loaded when a type, or an encoding in a file, is found that has no codec: never at import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from ..logger import DEBUG, note
from .codec import Codec

__all__ = ["GROUP", "load"]

GROUP = "hdfchk.codecs"

SWITCH = "HDFCHK_NO_PLUGINS"
"""The environment variable that disables them, unless it is ``0`` or empty."""


def load(add: Callable[[Codec], object], known: Callable[[str], Codec | None]) -> list[Exception]:
    """Add the codecs of all entry points; return what went wrong, with a note of which one.

    Args:
        add: adds a codec.
        known: returns the codec of a name, or None.
    """
    if os.environ.get(SWITCH, "0") not in {"", "0"}:
        note(DEBUG, "entry points of %s are not loaded, as %s is set", GROUP, SWITCH)
        return []
    import importlib.metadata  # which takes as long as all of hdfchk's codecs

    failures: list[Exception] = []
    for entry in importlib.metadata.entry_points(group=GROUP):
        note(DEBUG, "loading the entry point %s (%s) of %s", entry.name, entry.value, GROUP)
        try:
            for codec in _codecs_of(entry.load()):
                if known(codec.name) is not codec:  # the user may have added it
                    add(codec)
        except Exception as error:
            package = entry.dist.name if entry.dist is not None else "an unknown package"
            error.add_note(
                f"the entry point {entry.name!r} ({entry.value}) of {package}, "
                f"in the group {GROUP}, failed: {type(error).__name__}: {error}"
            )
            failures.append(error)
    return failures


def _codecs_of(loaded: object) -> list[Codec]:
    """Return the codecs of an entry point: one, or an iterable of them.

    Raises:
        TypeError: it provides something else.
    """
    codecs = [loaded] if isinstance(loaded, Codec) else loaded
    found: list[Any] = list(codecs) if isinstance(codecs, Iterable) else [codecs]
    for codec in found:
        if not isinstance(codec, Codec):
            raise TypeError(f"{codec!r} is not a Codec")
    return found
