"""Run the benchmarks: ``python -m benchmarks.run [--quick] [--rounds N] [--only TEXT]``.

Libraries take turns within each round, so that what else the machine does hits all alike; the
table shows medians, and ratios to plain h5py in the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from typing import Any

from .adapters import ADAPTERS, BASELINE, Adapter
from .cases import CASES, Case

Figures = dict[str, dict[str, list[float]]]


def measure(case: Case, rounds: int, *, quick: bool) -> Figures:
    """All figures of a case: library -> figure -> one value a round."""
    data = case.make(quick)
    figures: Figures = {adapter.name: defaultdict(list) for adapter in ADAPTERS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            order = ADAPTERS if number % 2 else ADAPTERS[::-1]
            for adapter in order:
                _once(case, adapter, folder, data, figures)
    return figures


def _once(case: Case, adapter: Adapter, folder: str, data: Any, figures: Figures) -> None:
    path = os.path.join(folder, f"{adapter.name}.hdf5")
    for name, value in case.measure(adapter, path, data).items():
        figures[adapter.name][name].append(value)
    if "read" not in figures[adapter.name]:  # reading again needs the file once more
        os.unlink(path)


def rows(case: Case, figures: Figures) -> list[list[str]]:
    """The table's rows of a case."""
    made = []
    for library, found in figures.items():
        for name, values in found.items():
            median = statistics.median(values)
            base = statistics.median(figures[BASELINE.name][name])
            limit, unit = case.limits.get(name, (None, ""))
            shown = f"{median:.2f} MB" if name == "file" else f"{median * 1e3:.2f} ms"
            verdict = ""
            if limit is not None and library == "hdfchk":
                value = {"ratio": median / base, "ms": median * 1e3, "MB": median}[unit]
                verdict = f"{limit:g} {unit}: {'met' if value <= limit else 'MISSED'}"
            made.append([case.name, library, name, shown, f"{median / base:.2f}", verdict])
    return made


def main() -> int:
    """Run, and print the table; the exit code is 1 if a limit was missed in a full run."""
    parser = argparse.ArgumentParser(description="hdfchk beside plain h5py, in one run")
    parser.add_argument("--quick", action="store_true", help="smaller data, for a first look")
    parser.add_argument("--rounds", type=int, default=7, help="rounds a case (default 7)")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"medians of {options.rounds} interleaved rounds\n")
    print("| case | library | figure | median | ratio to h5py | limit |")
    print("| --- | --- | --- | --- | --- | --- |")
    missed = False
    for case in CASES:
        if options.only in case.name:
            for row in rows(case, measure(case, options.rounds, quick=options.quick)):
                missed |= "MISSED" in row[-1]
                print(f"| {' | '.join(row)} |", flush=True)
    return int(missed and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
