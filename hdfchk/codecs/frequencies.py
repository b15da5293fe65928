"""The frequency of a pandas index: as pandas writes it, or as the class and arguments of an offset.

Not every text that pandas writes has the same meaning when pandas reads it: it omits holidays, and
that of an offset of several units cannot be read.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from .codec import Encoder
from .optional import need

__all__ = ["bare", "put", "take", "without_warnings"]


def put(
    freq: Any, index: Any, parts: dict[str, Any], params: dict[str, Any], encoder: Encoder
) -> int:
    """Add a frequency to the parts or the parameters of an index, or of its array.

    Args:
        freq: the offset.
        index: the index that has it.
        parts: receives the class and arguments of an offset whose text is not sufficient.
        params: receives the text of all others.
        encoder: rejects the index, if pandas would not set the offset.

    Returns:
        The version of the encoding that includes them.
    """
    if _is_told_by_text(freq):
        params["freq"], version = str(freq.freqstr), 1
    else:
        # pandas makes the calendar from the others.
        kwds = {name: item for name, item in sorted(freq.kwds.items()) if name != "calendar"}
        spec = {"n": freq.n, "normalize": bool(freq.normalize), "kwds": kwds}
        parts["freq"], version = {"class": type(freq).__name__, **spec}, 2
    try:
        offset = _offset(parts, params)
        if offset == freq and (_is_fixed(freq) or take(bare(index), parts, params).freq == freq):
            return version
    except (TypeError, ValueError, KeyError):
        pass
    encoder.refuse(index, f"whose freq is {freq!r}", "set index.freq = None")


def take(index: Any, parts: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
    """Give an index the frequency that `put` has added to its parts or parameters, if any.

    Raises:
        KeyError: pandas has no such offset.
        ValueError: it is not the frequency of the items.
    """
    if "freq" in params or "freq" in parts:
        index.freq = _offset(parts, params)
    return index


def bare(index: Any) -> Any:
    """Return an index without its frequency."""
    found = index[:]
    found.freq = None
    return found


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress the deprecation of a frequency of periods: the reader cannot change it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _is_fixed(freq: Any) -> bool:
    """Whether all items are equally spaced: pandas then accepts the frequency without a test."""
    offsets = need("pandas", "a pandas object").offsets
    return isinstance(freq, (offsets.Tick, offsets.Day))


def _offset(parts: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
    if "freq" in params:
        return need("pandas.tseries.frequencies", "a pandas object").to_offset(params["freq"])
    offsets, spec = need("pandas", "a pandas object").offsets, parts["freq"]
    cls = getattr(offsets, spec["class"], None)
    if not (isinstance(cls, type) and issubclass(cls, offsets.BaseOffset)):
        raise KeyError(spec["class"])
    return cls(spec["n"], normalize=spec["normalize"], **spec["kwds"])


def _is_told_by_text(freq: Any) -> bool:
    try:
        return bool(_offset({}, {"freq": freq.freqstr}) == freq)
    except ValueError:
        return False
