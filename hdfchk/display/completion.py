"""Completion of keys in IPython: names, paths of two levels, and tuples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .texts import Described

__all__ = ["keys_to_complete"]

MOST = 3000
"""The maximum number of keys offered."""
PER_GROUP = 300
"""The maximum number of keys of one group, if other groups have keys, too."""


def keys_to_complete(describe: Callable[..., Sequence[Described]]) -> list[Any]:
    """Return completions for the brackets of ``chk[…]``.

    IPython does not call ``chk["params"]`` to complete ``chk["params"]["st``. Therefore the keys of
    the second level are offered as paths, ``"params/steps"``, and as tuples, ``("params",
    "steps")``.

    Args:
        describe: `Group.describe`.
    """
    top = describe(depth=1, limit=MOST)
    found: list[Any] = [entry.key for entry in top]
    for entry in top:
        if entry.kind != "group" or not entry.length:
            continue
        left = (MOST - len(found)) // 2
        if left <= 0:
            break
        for inner in describe((entry.key,), depth=1, limit=min(left, PER_GROUP)):
            name = inner.key.rpartition("/")[2]
            found += [inner.key, (entry.key, name)]
    return found
