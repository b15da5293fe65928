"""The layout of arrays: the options of a call, otherwise those of the store, by its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..backends.base import Session
from ..backends.layout import AUTO, Compression, Layout
from ..keys import Path
from ..lengths import lengths_of
from ..typing import CompressionOption, CompressionRulesOption
from ..views.key_filter import KeyFilter, Verdict

__all__ = ["INHERIT", "CompressionRules", "layout_for"]


class _Inherit:
    """The default of an option: as for the store."""

    def __repr__(self) -> str:
        return "as the store says"


INHERIT: Any = _Inherit()


def layout_for(
    session: Session,
    path: Path,
    compression: CompressionOption = INHERIT,
    checksum: bool | None = None,
    chunks: tuple[int, ...] | None = None,
    maxshape: tuple[int | None, ...] | None = None,
) -> Layout:
    """Return the layout of an array.

    Args:
        session: provides the options of the store.
        path: the path of the array.
        compression: a name, a pair of name and level, or None for no compression.
        checksum: whether it has checksums; None for the option of the store.
        chunks: the shape of a chunk, if requested.
        maxshape: the maximum lengths of its axes, if it can grow.

    Raises:
        InvalidOptionError: an option is invalid (a `ValueError`).
    """
    chunks = None if chunks is None else lengths_of(chunks, "chunks")
    layout = session.layout(path)
    if compression is not INHERIT:
        wanted = Compression.parse(compression)
        asked = wanted is not None and wanted.name != AUTO
        layout = attrs.evolve(layout, compression=wanted, asked=asked)
    if checksum is not None:
        layout = attrs.evolve(layout, checksum=checksum)
    return attrs.evolve(layout, chunks=chunks, maxshape=maxshape)


@attrs.frozen
class CompressionRules:
    """The option ``compression`` of a store.

    Args:
        rules: pairs of a rule for keys and the compression of the arrays at and below them; the
            first rule that matches a path applies.

    Example:
        >>> rules = CompressionRules.make({"trajectory*": "gzip", "wfn/**": ("gzip", 4)})
        >>> rules.at(("trajectory_1",)), rules.at(("wfn", "energies")), rules.at(("x",))
        (Compression(name='gzip', level=1), Compression(name='gzip', level=4), None)
    """

    rules: tuple[tuple[KeyFilter, Compression | None], ...]

    @classmethod
    def make(cls, given: CompressionRulesOption) -> CompressionRules | None:
        """Parse the option; return None for no compression at all.

        Args:
            given: the name of a filter, a pair of name and level, a mapping of keys, paths or globs
                to these, or None.

        Raises:
            InvalidOptionError: the filter or level does not exist (a `ValueError`).
            InvalidKeyError: a key is not valid (a `ValueError`).
            InvalidKeyTypeError: the option has another type (a `TypeError`).
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
        """Return the compression of the array at a path."""
        for rule, compression in self.rules:
            if rule.verdict(path) is Verdict.FULL:
                return compression
        return None
