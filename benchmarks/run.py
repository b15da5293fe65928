"""Run the benchmarks: ``python -m benchmarks.run [--quick] [--rounds N] [--only TEXT] ...``.

Libraries take turns within each round, so that other load on the machine affects all alike; the
table shows medians, and ratios to plain h5py in the same run.
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import shutil
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from contextlib import suppress
from typing import Any

import numpy as np

from . import page
from .adapters import ADAPTERS, LACKS, Adapter, CannotError
from .cases import CASES, Case
from .machine import describe
from .outcome import Outcome

REASON = 80


def measure(case: Case, rounds: int, *, quick: bool, budget: float) -> Outcome:
    """Measure all figures of a case."""
    often = 1 if quick else case.often
    outcome = Outcome(case, min(rounds, case.rounds or rounds) * often)
    adapters = _taking_part(case, outcome)
    used: dict[str, float] = defaultdict(float)
    data = case.make(quick)
    with tempfile.TemporaryDirectory() as folder:
        for adapter in adapters:
            _warm(adapter, os.path.join(folder, "warm"))
        for number in range(outcome.rounds):
            for adapter in adapters if number % 2 else adapters[::-1]:
                sits_out = adapter.name not in case.essential and (
                    number % often > 0 or used[adapter.name] > budget
                )
                if adapter.name not in outcome.cannot and not sits_out:
                    start = time.perf_counter()
                    _once(outcome, adapter, os.path.join(folder, adapter.name), data)
                    used[adapter.name] += time.perf_counter() - start
    return outcome


def _taking_part(case: Case, outcome: Outcome) -> list[Adapter]:
    """Return the libraries that have the methods; record for the table what others lack."""
    taking = []
    for name, adapter in ADAPTERS.items():
        if case.libraries is not None and name not in case.libraries:
            continue
        lacks = [method for method in case.needs if not hasattr(adapter, method)]
        if lacks:
            if not getattr(adapter, "variant", False):
                outcome.lacking[name] = LACKS[lacks[0]]
        else:
            outcome.figures[name] = defaultdict(list)
            taking.append(adapter)
    return taking


def _warm(adapter: Adapter, folder: str) -> None:
    """Use a library once, so that its lazy imports are done."""
    os.mkdir(folder)
    with suppress(Exception):
        path = os.path.join(folder, "file")
        adapter.save(path, {"x": np.ones(1)})
        adapter.load(path)
    shutil.rmtree(folder)


def _once(outcome: Outcome, adapter: Adapter, folder: str, data: Any) -> None:
    """Run one round of a library in its own folder."""
    name, case = adapter.name, outcome.case
    path = os.path.join(folder, "file")
    try:
        if not os.path.exists(folder):
            os.mkdir(folder)
            if case.prepared:
                adapter.save(path, data)
        gc.collect()
        os.sync()  # so that writes of other libraries do not happen now
        for figure, value in case.measure(adapter, path, data).items():
            outcome.figures[name][figure].append(value)
    except Exception as error:
        outcome.cannot[name] = _reason(error, folder)
        del outcome.figures[name]
    if not case.prepared:
        shutil.rmtree(folder)


def _reason(error: Exception, folder: str) -> str:
    """Return an error as a short text, without the path of the temporary folder."""
    lines = str(error).replace(folder, "...").strip().splitlines() or [""]
    words = lines[0].replace("|", "/")
    if not isinstance(error, CannotError):
        words = f"{type(error).__name__}: {words}"
    return words if len(words) <= REASON else f"{words[: REASON - 3]}..."


def rows(outcome: Outcome, *, quick: bool) -> list[list[str]]:
    """Return the printed rows of a case."""
    made = []
    verdicts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for verdict in [] if quick else outcome.verdicts:  # limits apply to the full data
        verdicts[verdict.limit.library, verdict.limit.figure].append(str(verdict))
    for library, found in outcome.figures.items():
        for name in found:
            figures = [outcome.shown(library, name), outcome.shown_ratio(library, name)]
            limits = "; ".join(verdicts.pop((library, name), []))
            made.append([outcome.case.name, library, name, *figures, limits])
    for library, why in outcome.cannot.items():
        made.append([outcome.case.name, library, "", f"cannot: {why}", "", ""])
    for (library, name), texts in verdicts.items():
        made.append([outcome.case.name, library, name, "", "", "; ".join(texts)])
    return made


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="hdfchk beside plain h5py, in one run")
    parser.add_argument("--quick", action="store_true", help="smaller data, for a first look")
    parser.add_argument("--rounds", type=int, default=7, help="rounds a case (default 7)")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    parser.add_argument(
        "--budget",
        type=float,
        default=60,
        help="seconds in a case after which a library in none of its limits sits out (default 60)",
    )
    parser.add_argument("--markdown", default="", help="write all results to this page")
    parser.add_argument("--plot", default="", help="write a plot to this file, .svg or .png")
    return parser.parse_args()


def _command() -> str:
    """Return the command as it was given, without the folders of absolute paths."""
    words = [os.path.basename(word) if os.path.isabs(word) else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "benchmarks.run", *words])


def main() -> int:
    """Run, and print the table; the exit code is 1 if a limit was missed in a full run."""
    options = _arguments()
    warnings.simplefilter("ignore")  # warnings of the libraries about themselves
    print(", ".join(f"{name}: {value}" for name, value in describe().items()))
    print(f"medians of {options.rounds} interleaved rounds\n")
    print("| case | library | figure | median | ratio to h5py | limit |")
    print("| --- | --- | --- | --- | --- | --- |")
    outcomes = []
    for case in CASES:
        if options.only in case.name:
            outcome = measure(case, options.rounds, quick=options.quick, budget=options.budget)
            outcomes.append(outcome)
            for row in rows(outcome, quick=options.quick):
                print(f"| {' | '.join(row)} |", flush=True)
    if options.plot:
        from . import plot

        plot.write(options.plot, outcomes, quick=options.quick)
    if options.markdown:
        page.write(
            options.markdown,
            outcomes,
            command=_command(),
            budget=options.budget,
            quick=options.quick,
            plot=options.plot,
        )
    missed = any(verdict.missed for outcome in outcomes for verdict in outcome.verdicts)
    return int(missed and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
