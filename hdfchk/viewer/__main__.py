"""``python -m hdfchk.viewer FILE``: the viewer without the command line tool."""

from __future__ import annotations

import argparse
import sys

from ..errors import HdfchkError
from .server import view


def main(arguments: list[str] | None = None) -> int:
    """Run the viewer, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hdfchk.viewer",
        description="Show an HDF5 file in the browser, also while it is written.",
    )
    parser.add_argument("file")
    parser.add_argument("key", nargs="?", help="the key that is shown first")
    parser.add_argument("--port", type=int, default=0, help="the port; a free one by default")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    options = parser.parse_args(arguments)
    try:
        return view(
            options.file, key=options.key, port=options.port, browser=not options.no_browser
        )
    except (HdfchkError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
