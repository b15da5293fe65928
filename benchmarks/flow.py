"""How often the usual operations call from one module of the package into another.

A reader who follows one assignment switches between files as often: the count shows how direct the
path through the code is. ``python -m benchmarks.flow`` prints a table;
``python -m benchmarks.flow --show "an array into a dict"`` prints the calls of one case, in order.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import numpy as np

import hdfchk
from hdfchk import HDF5Checkpointer

PACKAGE = str(Path(hdfchk.__file__).parent) + "/"
LARGE = np.arange(100_000.0)


@attrs.define
class Flow:
    """The calls of functions of the package, in order.

    Attributes:
        calls: the module and the function of each call.
    """

    calls: list[tuple[str, str]] = attrs.field(factory=list)

    @property
    def modules(self) -> int:
        """The number of modules that take part."""
        return len({module for module, _ in self.calls})

    @property
    def changes(self) -> int:
        """How often a call goes to a module other than that of the call before."""
        names = [module for module, _ in self.calls]
        return sum(first != second for first, second in itertools.pairwise(names))

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            self.calls.append((code.co_filename.removeprefix(PACKAGE), code.co_name))

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Context whose calls are recorded."""
        sys.setprofile(self._see)
        try:
            yield
        finally:
            sys.setprofile(None)


def flows(path: str) -> dict[str, Flow]:
    """Return the flow of each case.

    Args:
        path: the path of a file to create.
    """
    found: dict[str, Flow] = {}

    def see(name: str, call: Callable[[], Any]) -> None:
        flow = found[name] = Flow()
        with flow.seen():
            call()

    with HDF5Checkpointer(path) as chk:
        chk.update({"a": {"b": 1.0}, "x": 1.0})
        params = chk["a"]
        see("an array into a dict", lambda: params.__setitem__("b", LARGE))
        see("the same array again", lambda: params.__setitem__("b", LARGE))
        chk.commit()
        see("a number", lambda: params.__setitem__("n", 1.0))
        see("the first row", lambda: chk.append("loss", 0.1))
        see("another row", lambda: chk.append("loss", 0.1))
        chk.commit()
        see("a value that is read", lambda: chk["x"])
    see("a value that is read outside a block", lambda: HDF5Checkpointer(path)["x"])
    return found


def main() -> None:
    """Print the table, or the calls of one case."""
    parser = argparse.ArgumentParser(description="calls from module to module")
    parser.add_argument("--show", metavar="CASE", help="print the calls of one case, in order")
    asked = parser.parse_args().show
    with tempfile.TemporaryDirectory() as folder:
        found = flows(str(Path(folder, "flow.h5")))
    if asked is not None:
        for module, function in found[asked].calls:
            print(f"{module:45} {function}")
        return
    print(f"{'case':40} {'modules':>8} {'changes':>8} {'calls':>6}")
    for name, flow in found.items():
        print(f"{name:40} {flow.modules:8} {flow.changes:8} {len(flow.calls):6}")


if __name__ == "__main__":
    main()
