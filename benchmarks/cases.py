"""The cases: the workloads, what is measured, and the limits that hdfchk sets itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from . import data, measures
from .adapters import Adapter

__all__ = ["CASES", "Case", "Limit"]

Measure = Callable[[Adapter, str, Any], dict[str, float]]

BULK = ("h5py", "hdfchk, no fsync", "h5py + fsync", "hdfchk")
UNSYNCED = "hdfchk, no fsync"


@attrs.frozen
class Limit:
    """The upper limit of a figure.

    Args:
        figure: the name of the figure.
        most: the limit.
        unit: "ratio" to another library, or "ms" or "MB" for the figure itself.
        library: the library whose figure is limited.
        to: the library that a ratio refers to.
    """

    figure: str
    most: float
    unit: str = "ratio"
    library: str = "hdfchk"
    to: str = "h5py"


@attrs.frozen
class Case:
    """One workload.

    Args:
        name: what is done.
        about: how it is done, in a sentence or two for the page.
        make: makes the data, or less data for a quick look if the argument is True.
        measure: does the work once with a library, and returns the figures in seconds or megabytes.
        needs: the methods that a library must have to take part.
        limits: the limits of the figures.
        libraries: the libraries that take part; None for all that have the methods.
        prepared: whether the data are saved once beforehand, and the file is kept between rounds.
        rounds: the maximum number of rounds.
        often: the factor by which the libraries in its limits have more rounds than others: useful
            if the system disturbs single rounds by writing to the disk, or if a limit is close.
    """

    name: str
    about: str
    make: Callable[[bool], Any]
    measure: Measure
    needs: tuple[str, ...]
    limits: tuple[Limit, ...]
    libraries: tuple[str, ...] | None = None
    prepared: bool = False
    rounds: int | None = None
    often: int = 1

    @property
    def essential(self) -> set[str]:
        """The libraries in the limits."""
        return {"h5py"}.union(*({limit.library, limit.to} for limit in self.limits))


def _of_equals(figure: str, plain: float, synced: float) -> tuple[Limit, ...]:
    """Return limits for bulk data: either neither library syncs, or both do."""
    return (
        Limit(figure, plain, library=UNSYNCED),
        Limit(figure, synced, to="h5py + fsync"),
    )


CASES = [
    Case(
        "10,000 scalars in one dict",
        "A dict of 10,000 floats, saved to a new file and loaded whole.",
        data.scalars,
        measures.save_and_load,
        ("save", "load"),
        (Limit("save + load", 0.45),),
    ),
    Case(
        "1,111 groups with 10,000 arrays of 10 floats",
        "Dicts nested in each other, three levels deep, saved to a new file and loaded whole.",
        data.arrays,
        measures.save_and_load,
        ("save", "load"),
        (Limit("save + load", 0.5),),
        often=3,
    ),
    Case(
        "a state dict of 2,000 arrays",
        'Arrays of float32, 1 to 100,000 items, log-uniform: `{"layer0": {"weight": ..., "bias": '
        "...}, ...}`, saved to a new file and loaded whole.",
        data.state_dict,
        measures.save_and_load,
        ("save", "load"),
        (Limit("save", 0.6, library=UNSYNCED), Limit("load", 0.6)),
        often=3,
    ),
    Case(
        "one array of 512 MiB",
        "Random floats, saved to a new file and loaded. Where a library maps arrays of its files "
        "into memory, the time to open the file and do that, of 20 times in turn.",
        data.array(2**26),
        measures.array,
        ("save", "load"),
        (*_of_equals("save", 1.1, 1.1), Limit("load", 1.05), Limit("map", 2, "ms")),
        often=3,
    ),
    Case(
        "one array of 1 GiB",
        "Random floats, saved to a new file.",
        data.array(2**27),
        measures.save_only,
        ("save",),
        _of_equals("save", 1.25, 1.15),
        BULK,
        often=3,
    ),
    Case(
        "one array of 400 MB, compressed",
        "A sine with noise of a millionth upon it, saved to a new file with the compression that "
        "the table of libraries says, and loaded.",
        data.compressible,
        measures.compressed,
        ("save_compressed", "load"),
        (Limit("save", 0.2), Limit("load", 0.5), Limit("file", 1 / 0.95)),
    ),
    Case(
        "10 rows of an array of 512 MiB",
        "65,536 rows of 1,024 random floats, saved beforehand. The file is opened, and rows "
        "30,000 to 30,009 are read.",
        data.table,
        measures.read_rows,
        ("save", "rows"),
        (Limit("read", 1.2),),
        prepared=True,
        often=3,
    ),
    Case(
        "one key of 10,000",
        "10,000 floats, saved beforehand. The file is opened, and one in the middle is read.",
        data.keys,
        measures.read_one,
        ("save", "read"),
        (Limit("read", 1.2),),
        prepared=True,
        often=3,
    ),
    Case(
        "one key of 100,000",
        "100,000 floats in one dict, saved beforehand. The file is opened, and one in the middle "
        "is read; or it is asked how many there are.",
        data.many_keys(100_000),
        measures.read_and_count,
        ("save", "read", "count"),
        (Limit("read", 1.2), Limit("count", 1.2)),
        ("h5py", "hdfchk"),
        prepared=True,
        often=3,
    ),
    Case(
        "1,000,000 scalars in one dict",
        "A dict of 1,000,000 floats, saved to a new file and loaded whole: what a key costs is to "
        "be what it costs in a small dict.",
        data.many_keys(1_000_000),
        measures.save_and_load,
        ("save", "load"),
        (Limit("save + load", 0.6),),
        ("h5py", "hdfchk"),
        rounds=1,
    ),
    Case(
        "lists of 5,000 short strings and 5,000 ints",
        "Two lists in a dict, saved to a new file and loaded.",
        data.lists,
        measures.save_and_load,
        ("save", "load"),
        (Limit("save", 10, "ms"), Limit("load", 10, "ms")),
    ),
    Case(
        "200 overwrites of a 1 MB array, another key between",
        "The size of the file after a program has set both keys 200 times, in one open file.",
        data.overwrites,
        measures.file_size,
        ("setter",),
        (Limit("file", 3, "MB"),),
    ),
    Case(
        "10,000 scalars by update",
        "10,000 floats at once, added to a file that is there, then set anew.",
        data.keys,
        measures.update,
        ("save", "update"),
        (Limit("add", 0.5),),
    ),
    Case(
        "10,000 single assignments",
        "10,000 floats to new keys of one open file, one by one, with the opening and closing. "
        "With hdfchk, sqlitedict and diskcache, each is a commit that a kill does not undo.",
        data.keys,
        measures.assign_all,
        ("setter",),
        (Limit("all", 3),),
    ),
    Case(
        "one small assignment",
        "One float to an open file: the median of 1,000 to the same key, and of 1,000 to new ones. "
        "With hdfchk, sqlitedict and diskcache, each is a commit that a kill does not undo.",
        data.number(1000, 200),
        measures.assign_one,
        ("setter",),
        tuple(
            limit
            for figure in ("same key", "new keys")
            for limit in (
                Limit(figure, 0.5, "ms"),
                Limit(figure, 1, to="sqlitedict"),
                Limit(figure, 1, to="diskcache"),
            )
        ),
    ),
    Case(
        "100,000 appends",
        "100,000 floats appended one by one in one open file. With hdfchk each is a commit that a "
        "kill does not undo; h5py resizes a chunked dataset and assigns the row; with diskcache "
        "each is a commit. sqlitedict, which commits each as well, and shelve have no append: each "
        "float gets a key of its own.",
        data.number(100_000, 1000),
        measures.append,
        ("append",),
        (Limit("all", 1000, "ms"),),
        rounds=3,
    ),
    Case(
        "a DataFrame of 100 rows and 10,000 columns",
        "Random floats, saved to a new file and loaded.",
        data.frame(100, 10_000),
        measures.frame,
        ("save", "frame"),
        tuple(Limit(f, 2, library=UNSYNCED, to="HDFStore, fixed") for f in ("save", "load")),
        (UNSYNCED, "hdfchk", "HDFStore, fixed"),
        often=3,
    ),
    Case(
        "3 of 50 columns of a DataFrame of 1,000,000 rows",
        "Random floats, saved beforehand. The file is opened, and three columns are read.",
        data.frame(1_000_000, 50, 20_000),
        measures.read_columns,
        ("save", "columns"),
        (Limit("read", 0.08, to="HDFStore, table"),),
        ("hdfchk", "HDFStore, table"),
        prepared=True,
    ),
    Case(
        "1,000 appends of 1,000 rows of 10 columns",
        "A DataFrame of random floats, appended to one in a new file, which stays open. With "
        "hdfchk each is a commit that a kill does not undo.",
        data.frame(1000, 10, 10),
        measures.append_frames,
        ("append_frames", "columns"),
        (Limit("all", 0.4, library=UNSYNCED, to="HDFStore, table"),),
        (UNSYNCED, "hdfchk", "HDFStore, table"),
    ),
    Case(
        "memory for saving 1 GiB",
        "Peak memory of a process while it saves an array, beyond what it had before, with the "
        "array in it.",
        data.number(1024, 64),
        measures.save_memory,
        ("save",),
        (Limit("memory", 64, "MB"),),
        rounds=3,
    ),
    Case(
        "memory for saving 400 MB, compressed",
        "The same, with the array and the compressions of the case of an array of 400 MB.",
        data.COMPRESSIBLE,
        measures.compressed_memory,
        ("save_compressed", "save"),
        (Limit("memory", 128, "MB"),),
        rounds=3,
    ),
    Case(
        "memory for copying 1 GiB from one key to another",
        'Peak memory of a process beyond what it had before, with no array in it: `chk["y"] = '
        'chk.array("x")` with hdfchk, `file.copy` with h5py, `from_array` with zarr.',
        data.number(1024, 64),
        measures.copy_memory,
        ("save", "copy"),
        (Limit("memory", 64, "MB"),),
        rounds=3,
    ),
]
