"""Which arrays of a store are compressed, and how: one rule for all, or one a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .backends.layout import Compression
from .filters import KeyFilter, Verdict
from .keys import Path

__all__ = ["CompressionRules"]


@attrs.frozen
class CompressionRules:
    """What ``compression=`` of a store says.

    Args:
        rules: pairs of a rule for keys and how the arrays at them, and below, are compressed; the
            first that lets a path through counts.

    Example:
        >>> rules = CompressionRules.make({"trajectory*": "gzip", "wfn/**": ("gzip", 4)})
        >>> rules.at(("trajectory_1",)), rules.at(("wfn", "energies")), rules.at(("x",))
        (Compression(name='gzip', level=1), Compression(name='gzip', level=4), None)
    """

    rules: tuple[tuple[KeyFilter, Compression | None], ...]

    @classmethod
    def make(cls, given: Any) -> CompressionRules | None:
        """The rules of what a caller says; None for no compression at all.

        Args:
            given: a filter's name, a pair of name and level, a mapping of keys, paths or globs to
                these, or None.

        Raises:
            InvalidOptionError: there is no such filter or level (a `ValueError`).
            InvalidKeyError: no file can hold one of the keys (a `ValueError`).
            InvalidKeyTypeError: it is none of these (a `TypeError`).
        """
        if given is None:
            return None
        if not isinstance(given, Mapping):
            return cls(((KeyFilter(), Compression.parse(given)),))
        return cls(
            tuple(
                (KeyFilter.make(allowed_keys=[key]), Compression.parse(how))
                for key, how in given.items()
            )
        )

    def at(self, path: Path) -> Compression | None:
        """How the array at a path is compressed."""
        for rule, compression in self.rules:
            if rule.verdict(path) is Verdict.FULL:
                return compression
        return None
