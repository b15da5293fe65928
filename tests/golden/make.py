"""Make a golden set: ``python -m tests.golden.make 2`` writes ``tests/golden/2``.

A golden set holds files as the code of its day wrote them. Every later version has to read them
bit for bit, so a set is made once and never again. When a new form can be stored, add a file that
holds it to a new entry of `tests.golden.sets.SETS`, make that set, and commit the folder:

* ``*.hdf5``: the files of `SETS`;
* ``journals/``: the cases of `tests.golden.journals`, each a file and the journal beside it;
* ``digests.json``: a digest of each value by file and key, and of each file, so that a change of
  what is compared is noticed, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from .digest import digest
from .journals import CASES
from .sets import SETS, folder_of

DIGESTS = "digests.json"


def make(number: int, folder: Path) -> None:
    """Make a set in a folder that is not there yet.

    Args:
        number: of the set.
        folder: where.

    Raises:
        FileExistsError: it is there: a set never changes.
        RuntimeError: a library that a file needs is not installed, or a case is not as it says.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there, and a golden set is made once")
    missing = {file.name: file.missing() for file in SETS[number] if file.missing()}
    if missing:
        raise RuntimeError(f"not installed, and needed: {missing}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        draft = Path(beside) / "draft"
        (draft / "journals").mkdir(parents=True)
        told: dict[str, Any] = {"values": {}, "journals": {}}
        for file in SETS[number]:
            file.write(str(draft / f"{file.name}.hdf5"))
            told["values"][file.name] = {k: digest(v) for k, v in file.expected().items()}
        for case in CASES:
            if number not in case.sets:
                continue
            case.make(str(draft / "journals" / f"{case.name}.hdf5"))
            told["journals"][case.name] = digest(case.expected())
        told["files"] = sums_of(draft)
        text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
        (draft / DIGESTS).write_text(f"{text}\n", encoding="utf-8")
        os.replace(draft, folder)


def sums_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a set, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.hdf5*"))
    }


def digests_of(folder: Path) -> dict[str, Any]:
    """What `make` wrote down of a set."""
    found: dict[str, Any] = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    make(int(sys.argv[1]), folder_of(int(sys.argv[1])))
