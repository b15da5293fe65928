"""`main`: the entry point of the command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        args: the arguments; None for those of the process.

    Returns:
        The exit code: see `hdfchk.cli.exits`.
    """
    try:
        from .program import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(
            "hdfchk: the command needs click, which is not installed; "
            "install it with: pip install 'hdfchk[cli]'\n"
        )
        return 2
    except KeyboardInterrupt:
        return 130
    return run(args)
