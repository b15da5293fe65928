"""The seal: the modification time that records that nothing in a file points to an object.

A search of a file for references takes time, and most files have none. So a writer that knows this
sets the modification time, after its checkpoint, to one whose last digits are those of the file's
stamp. Any other program that writes the file gives it another time.
"""

from __future__ import annotations

import contextlib
import os
import time

from ..nodes.references import Knowledge
from .fit import stamp_of

__all__ = ["read_seal", "seal"]

DIGITS = 10**6
"""In nanoseconds: a millisecond is the finest resolution that all systems store."""
_SHIFT = 20


def read_seal(descriptor: int) -> Knowledge:
    """Return what the seal says of an open file, whose log must be empty."""
    stamp = stamp_of(descriptor)
    if not stamp:
        return Knowledge()
    digits = os.fstat(descriptor).st_mtime_ns % DIGITS
    if digits == _digits(stamp, no_names=False):
        return Knowledge(no_references=True)
    is_alone = digits == _digits(stamp, no_names=True)
    return Knowledge(no_references=is_alone, no_names=is_alone)


def seal(descriptor: int, known: Knowledge) -> None:
    """Set the modification time to record what is known of a file."""
    if os.utime not in os.supports_fd:
        return
    stamp = stamp_of(descriptor) if known.no_references else 0
    if not stamp:
        return
    now = time.time_ns()
    wanted = now - now % DIGITS + _digits(stamp, no_names=known.no_names)
    if wanted > now:
        wanted -= DIGITS
    with contextlib.suppress(OSError):  # another user's file: the next writer searches it
        os.utime(descriptor, ns=(os.fstat(descriptor).st_atime_ns, wanted))


def _digits(stamp: int, *, no_names: bool) -> int:
    return (stamp >> _SHIFT if no_names else stamp) % DIGITS
