"""Records for the logger ``hdfchk`` of `logging`: what a store does by itself, besides its calls.

INFO: waits for other processes, commits that a killed writer left, files that were set aside,
rescued, salvaged or compacted. DEBUG: checkpoints, entry points. What a caller must know is a
warning or an error, not a record.
"""

from __future__ import annotations

import sys

__all__ = ["DEBUG", "INFO", "note"]

DEBUG = 10
INFO = 20
_NAME = "hdfchk"


def note(level: int, text: str, *args: object) -> None:
    """Make a record, if a handler wants it.

    It is called between the steps of a commit: an error of a handler is printed, as those are that
    `logging` catches, and changes nothing. Calls that write small values do not come here.

    Args:
        level: `DEBUG` or `INFO`.
        text: as for `logging.Logger.log`.
        args: of `text`.
    """
    if "logging" not in sys.modules:  # then nobody can have asked for records
        return
    import logging

    logger = logging.getLogger(_NAME)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        logger.log(level, text, *args, stacklevel=2)
    except Exception:
        if logging.raiseExceptions:
            import traceback

            traceback.print_exc()
