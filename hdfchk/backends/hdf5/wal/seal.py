"""The seal: what a file's time of modification tells of what points at its objects.

To look for references in a file takes a while, and most files have none. So a writer that knows
that sets the time of modification, when it has brought its commits into the file, to one whose last
digits are those of the file's stamp. Whoever else writes the file gives it another time.
"""

from __future__ import annotations

import contextlib
import os
import time

from ..nodes.references import Knowledge
from .fit import stamp_of

__all__ = ["read_seal", "seal"]

DIGITS = 10**6
"""Of the nanoseconds: a millisecond is as exactly as systems note times."""
_SHIFT = 20


def read_seal(descriptor: int) -> Knowledge:
    """What is known of a file that is open, and whose log holds nothing."""
    stamp = stamp_of(descriptor)
    if not stamp:
        return Knowledge()
    digits = os.fstat(descriptor).st_mtime_ns % DIGITS
    if digits == _digits(stamp, no_names=False):
        return Knowledge(no_references=True)
    is_alone = digits == _digits(stamp, no_names=True)
    return Knowledge(no_references=is_alone, no_names=is_alone)


def seal(descriptor: int, known: Knowledge) -> None:
    """Let a file tell what is known of it, to whoever opens it next."""
    if os.utime not in os.supports_fd:
        return
    stamp = stamp_of(descriptor) if known.no_references else 0
    if not stamp:
        return
    now = time.time_ns()
    wanted = now - now % DIGITS + _digits(stamp, no_names=known.no_names)
    if wanted > now:
        wanted -= DIGITS
    with contextlib.suppress(OSError):  # it is another user's: the next writer looks
        os.utime(descriptor, ns=(os.fstat(descriptor).st_atime_ns, wanted))


def _digits(stamp: int, *, no_names: bool) -> int:
    return (stamp >> _SHIFT if no_names else stamp) % DIGITS
