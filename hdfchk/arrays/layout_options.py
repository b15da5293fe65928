"""How arrays are to be stored: what a call asks for, else what the store says by its rules."""

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
    """Stands for an option that is not given."""

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
    """The layout of an array.

    Args:
        session: knows what the store says.
        path: where the array will stand.
        compression: a name, a pair of name and level, or None for none.
        checksum: whether it gets checksums; None for what the store says.
        chunks: the shape of a chunk, if it is asked for.
        maxshape: the lengths to which it can grow, if it can.

    Raises:
        InvalidOptionError: one of them cannot be (a `ValueError`).
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
    def make(cls, given: CompressionRulesOption) -> CompressionRules | None:
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
