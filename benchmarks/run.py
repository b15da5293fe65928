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
from .cases import CASES, Case, Limit

Figures = dict[str, dict[str, list[float]]]


def measure(case: Case, rounds: int, *, quick: bool) -> Figures:
    """All figures of a case: library -> figure -> one value a round."""
    data = case.make(quick)
    adapters = [ADAPTERS[name] for name in case.libraries if name in ADAPTERS]
    figures: Figures = {adapter.name: defaultdict(list) for adapter in adapters}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for adapter in adapters if number % 2 else adapters[::-1]:
                _once(case, adapter, folder, data, figures)
    return figures


def _once(case: Case, adapter: Adapter, folder: str, data: Any, figures: Figures) -> None:
    path = os.path.join(folder, f"{adapter.name}.hdf5")
    for name, value in case.measure(adapter, path, data).items():
        figures[adapter.name][name].append(value)
    # Reading again needs the file once more.
    if "read" not in figures[adapter.name] and os.path.exists(path):
        os.unlink(path)


def rows(case: Case, figures: Figures) -> list[list[str]]:
    """The table's rows of a case."""
    medians = {
        library: {name: statistics.median(values) for name, values in found.items()}
        for library, found in figures.items()
    }
    made = []
    for library, found in medians.items():
        for name, median in found.items():
            mega = name in {"file", "memory"}
            shown = f"{median:.2f} MB" if mega else f"{median * 1e3:.3g} ms"
            base = medians[BASELINE][name]
            ratio = f"{median / base:.2f}" if base and not mega else ""
            verdicts = [
                _verdict(limit, medians)
                for limit in case.limits
                if (limit.library, limit.figure) == (library, name)
            ]
            made.append([case.name, library, name, shown, ratio, "; ".join(verdicts)])
    return made


def _verdict(limit: Limit, medians: dict[str, dict[str, float]]) -> str:
    value = medians[limit.library][limit.figure]
    if limit.unit == "ms":
        value *= 1e3
    elif limit.unit == "ratio":
        if limit.to not in medians:
            return f"{limit.to} is not installed"
        value /= medians[limit.to][limit.figure]
    to = f" to {limit.to}" if limit.unit == "ratio" else ""
    verdict = "met" if value <= limit.most else "MISSED"
    return f"{value:.3g} of {limit.most:g} {limit.unit}{to}: {verdict}"


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
                row[-1] = "" if options.quick else row[-1]  # limits are those of the full data
                missed |= "MISSED" in row[-1]
                print(f"| {' | '.join(row)} |", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
