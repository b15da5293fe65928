"""Tables and large dicts in comparison: ``python -m benchmarks.ratios [--rounds N] [--keys N]``.

It prints ratios of median processor times. Rounds take turns in one run, so other programs on the
machine have little effect. Files are not synced.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import attrs

from . import data
from .adapters import ADAPTERS
from .cases import UNSYNCED

__all__ = ["LINES", "Line"]

Work = Callable[[], Any]
REPEATS = 50
APPENDS = 1000


@attrs.frozen
class Line:
    """A ratio.

    Args:
        name: what is done.
        limit: the upper limit of the ratio.
        make: ``make(folder, keys)`` prepares the work, and the work to compare it with.
        rounds: the maximum number of rounds.
        share: the second work as a fraction of the first; the ratio is multiplied by it.
        warms_up: whether each work is done once before it is measured.
    """

    name: str
    limit: float
    make: Callable[[str, int], tuple[Work, Work]]
    rounds: int = 100
    share: float = 1
    warms_up: bool = True


def _spent(work: Work) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(line: Line, rounds: int, keys: int) -> float:
    """Return the ratio of medians of the two works, which take turns."""
    with tempfile.TemporaryDirectory() as folder:
        pair = line.make(folder, keys)
        for work in pair if line.warms_up else ():
            work()
        spent: tuple[list[float], list[float]] = [], []
        for number in range(min(rounds, line.rounds)):
            for which in (0, 1) if number % 2 else (1, 0):
                spent[which].append(_spent(pair[which]))
    first, second = map(statistics.median, spent)
    return first / second * line.share


def _pair(ours: str, theirs: str) -> tuple[Any, Any]:
    return ADAPTERS[ours], ADAPTERS[theirs]


def _saved_frame(folder: str, _: int) -> tuple[Work, Work]:
    tree, pair = data.frame(100, 10_000)(False), _pair(UNSYNCED, "HDFStore, fixed")

    def save(number: int) -> None:
        path = os.path.join(folder, str(number))
        pair[number].save(path, tree)
        os.remove(path)

    return lambda: save(0), lambda: save(1)


def _loaded_frame(folder: str, _: int) -> tuple[Work, Work]:
    tree, pair = data.frame(100, 10_000)(False), _pair("hdfchk", "HDFStore, fixed")
    paths = [os.path.join(folder, str(number)) for number in (0, 1)]
    for adapter, path in zip(pair, paths, strict=True):
        adapter.save(path, tree)
    return lambda: pair[0].frame(paths[0], "t"), lambda: pair[1].frame(paths[1], "t")


def _columns(folder: str, _: int) -> tuple[Work, Work]:
    tree, pair = data.frame(1_000_000, 50)(False), _pair("hdfchk", "HDFStore, table")
    names = list(tree["t"].columns[[3, 20, -1]])
    paths = [os.path.join(folder, str(number)) for number in (0, 1)]
    for adapter, path in zip(pair, paths, strict=True):
        adapter.save(path, tree)
    return (
        lambda: pair[0].columns(paths[0], "t", names),
        lambda: pair[1].columns(paths[1], "t", names),
    )


def _appends(folder: str, _: int) -> tuple[Work, Work]:
    tree, pair = data.frame(1000, 10)(False), _pair(UNSYNCED, "HDFStore, table")

    def append(number: int) -> None:
        path = os.path.join(folder, str(number))
        pair[number].append_frames(path, "t", tree["t"], APPENDS)
        os.remove(path)

    return lambda: append(0), lambda: append(1)


def _keys(folder: str, count: int) -> tuple[tuple[Any, Any], list[str]]:
    """Return the adapters of hdfchk and h5py, and a file of each with very many numbers."""
    pair = _pair("hdfchk", "h5py")
    paths = [os.path.join(folder, str(number)) for number in (0, 1)]
    for adapter, path in zip(pair, paths, strict=True):
        adapter.save(path, data.many_keys(count)(False))
    return pair, paths


def _count(folder: str, _: int) -> tuple[Work, Work]:
    pair, paths = _keys(folder, 20_000)
    return (
        lambda: [pair[0].count(paths[0]) for _ in range(REPEATS)],
        lambda: [pair[1].count(paths[1]) for _ in range(REPEATS)],
    )


def _one_key(folder: str, _: int) -> tuple[Work, Work]:
    pair, paths = _keys(folder, 100_000)
    return (
        lambda: [pair[0].read(paths[0], "k50000") for _ in range(REPEATS)],
        lambda: [pair[1].read(paths[1], "k50000") for _ in range(REPEATS)],
    )


PARTS = 3


def _many_keys(folder: str, count: int) -> tuple[Work, Work]:
    """Return the work of saving all keys at once, and a tenth of them several times."""
    adapter = ADAPTERS["hdfchk"]
    path = os.path.join(folder, "keys")

    def work(size: int, times: int = 1) -> None:
        for _ in range(times):
            adapter.save(path, data.many_keys(size)(False))
            adapter.load(path)
            os.remove(path)

    work(count // 1000)  # import everything
    return lambda: work(count), lambda: work(count // 10, PARTS)


LINES = (
    Line("save a frame of 100 rows and 10,000 columns / HDFStore, fixed", 2, _saved_frame),
    Line("load it / HDFStore, fixed", 2, _loaded_frame),
    Line("read 3 of 50 columns of 1,000,000 rows / HDFStore, table", 0.08, _columns, 5),
    Line("append 10 columns of 1,000 rows 1,000 times / HDFStore, table", 0.4, _appends, 3),
    Line("open, and count 20,000 keys / h5py", 1.2, _count),
    Line("open, and read one key of 100,000 / h5py", 1.2, _one_key),
    Line(
        "save and load a key of 1,000,000 / a key of 100,000", 1.3, _many_keys, 1, PARTS / 10, False
    ),
)


def main() -> int:
    """Print the ratios; the exit code is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(description="ratios of processor time, in one run")
    parser.add_argument("--rounds", type=int, default=7, help="rounds a line, at most (default 7)")
    parser.add_argument(
        "--keys", type=int, default=1_000_000, help="keys of the largest dict (default 1,000,000)"
    )
    parser.add_argument("--only", default="", help="only lines whose name holds this text")
    options = parser.parse_args()
    print("| line | ratio | limit |\n| --- | --- | --- |")
    missed = False
    for line in LINES:
        if options.only in line.name:
            found = ratio(line, options.rounds, options.keys)
            missed = missed or found > line.limit
            verdict = "missed" if found > line.limit else ""
            print(f"| {line.name} | {found:.3f} | {line.limit} {verdict} |", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
