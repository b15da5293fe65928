"""What fails today: the edits that find faults, and in which files of the corpus.

A test fails where one fails that is not here, and where one that is here does not.
"""

from __future__ import annotations

FAILS: dict[str, tuple[str, ...]] = {
    "compact": (
        "files/shared messages",
        "files/sizes of 2 and 2",
        "files/sizes of 4 and 2",
        "moab/mesh",
        "netcdf/user types",
        "types/committed",
    ),
}
"""`compact` makes named types and the types of what was made with them different objects, and
refuses files that HDF5 cannot copy."""


def fails(name: str, edit: str) -> bool:
    """Whether an edit of a file of the corpus is known to fail."""
    return name in FAILS.get(edit, ())
