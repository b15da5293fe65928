"""Errors of other libraries that are raised when their values are created from damaged data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from ..errors import CorruptFileError, HdfchkError
from .codec import Codec

__all__ = ["guarded"]


def guarded(codec: Codec, library: str) -> Codec:
    """Return a codec whose `decode` raises none of the library's own error classes.

    Libraries have their own error classes; those written in Rust raise a `PanicException`, which is
    not an `Exception`.

    Args:
        codec: a codec of the library's values.
        library: the package.
    """
    return attrs.evolve(codec, decode=_guarded(codec.decode, library))


def _guarded(decode: Callable[[Any, Any], Any], library: str) -> Callable[[Any, Any], Any]:
    def guard(node: Any, decoder: Any) -> Any:
        try:
            return decode(node, decoder)
        except (HdfchkError, MemoryError, RecursionError, Warning):
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            name = "" if node.mark is None else f" {node.mark.name!r}"
            raise CorruptFileError(
                f"{library} cannot make a value of the data and their mark{name} "
                f"({type(error).__name__}: {error})",
                hint="read the parts with chk.group(key) or with plain h5py; if another version "
                f"of {library} has written them, read them with that",
            ) from error

    return guard
