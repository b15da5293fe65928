"""The page of all results: the machine, the libraries, and a table for each case."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict

from .adapters import ADAPTERS
from .machine import describe, version_of
from .outcome import Outcome, Verdict

__all__ = ["write"]

INTRODUCTION = """\
# Benchmarks

hdfchk compared with other libraries, each used as its own documentation shows, with its
default settings. This command generates the page:

<!-- not run: it makes this page, and takes long -->
```sh
{command}
```

{quick}In each round, the libraries take turns, so that other load on the machine affects all
alike; the tables show medians of {rounds} rounds, unless they say otherwise, and in parentheses
the ratio to plain h5py in the same run. A library that has used more than {budget:g} seconds in a
case, and has no limit in it, skips the remaining rounds. Loaded values are compared
with the saved ones. Files are read right after they were written, that is, from the system's
cache. "hdfchk" and "h5py + fsync" wait for the disk; the others leave that to the system.
"""


def write(
    path: str, outcomes: list[Outcome], *, command: str, budget: float, quick: bool, plot: str
) -> None:
    """Write the page.

    Args:
        path: the path of the page.
        outcomes: the outcomes of the cases.
        command: the command that produced them.
        budget: the seconds of a library in a case.
        quick: whether there were less data than the names of the cases say, and limits do not hold.
        plot: the file of the plot, or "".
    """
    rounds = statistics.mode([outcome.rounds for outcome in outcomes] or [0])
    less = "It is a quick look, with less data than the headings say. " if quick else ""
    parts = [INTRODUCTION.format(command=command, rounds=rounds, quick=less, budget=budget)]
    if plot:
        link = os.path.relpath(plot, os.path.dirname(path) or ".")
        parts.append(f"![Ratios to plain h5py]({link})\n")
    parts += [_machine(), _libraries(outcomes)]
    parts += [_case(outcome, rounds, quick=quick) for outcome in outcomes]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _machine() -> str:
    rows = [[name, value] for name, value in describe().items()]
    return "## The machine\n\n" + _table(["what", "which"], rows)


def _libraries(outcomes: list[Outcome]) -> str:
    seen = {name for outcome in outcomes for name in (*outcome.figures, *outcome.cannot)}
    rows = [
        [name, version_of(adapter), adapter.about, getattr(adapter, "compressed_with", "")]
        for name, adapter in ADAPTERS.items()
        if name in seen
    ]
    return "## The libraries\n\n" + _table(["library", "version", "used by", "compressed"], rows)


def _case(outcome: Outcome, usual: int, *, quick: bool) -> str:
    names = outcome.names
    other = "" if outcome.rounds == usual else f" {outcome.rounds} rounds."
    rows = [[_label(outcome, library), *_cells(outcome, library)] for library in outcome.figures]
    rows += [
        [library, f"cannot: {why}", *[""] * (len(names) - 1)]
        for library, why in outcome.cannot.items()
    ]
    parts = [
        f"## {outcome.case.name}\n",
        f"{outcome.case.about}{other}\n",
        _table(["", *names], rows),
    ]
    if outcome.lacking:
        parts.append(f"Left out: {_lacking(outcome.lacking)}.\n")
    if outcome.verdicts and not quick:
        parts.append("".join(f"* {_verdict(verdict)}\n" for verdict in outcome.verdicts))
    return "\n".join(parts)


def _label(outcome: Outcome, library: str) -> str:
    rounds = outcome.rounds_of(library)
    label = f"**{library}**" if library == "hdfchk" else library
    return label if rounds == outcome.rounds else f"{label} ({rounds} of {outcome.rounds} rounds)"


def _cells(outcome: Outcome, library: str) -> list[str]:
    cells = []
    for name in outcome.names:
        ratio = outcome.shown_ratio(library, name)
        cells.append(outcome.shown(library, name) + (f" ({ratio})" if ratio else ""))
    return cells


def _lacking(lacking: dict[str, str]) -> str:
    reasons: dict[str, list[str]] = defaultdict(list)
    for library, why in lacking.items():
        reasons[why].append(library)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())


def _verdict(verdict: Verdict) -> str:
    return f"limit of {verdict.limit.library}, {verdict.limit.figure}: {verdict}"
