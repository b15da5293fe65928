"""What mypy and pyright say of code that calls hdfchk, and how much of it has types."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hdfchk
from tests.support.libraries import library

library("mypy")
library("basedpyright")  # pyright
pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SNIPPETS = Path(__file__).parent / "snippets"
LEAST_SCORE = 0.98
"""The part of the public names whose types pyright must know."""

NAMES = "import hdfchk\n" + "".join(f"reveal_type(hdfchk.{name})\n" for name in hdfchk.__all__)
"""Asks for the type of each public name: they are imported when they are used."""

Found = dict[tuple[str, int], set[str]]
"""By file and line: the names of the errors."""


def expected(checker: int) -> Found:
    """What the comments of the snippets name: for mypy (0), or for pyright (1)."""
    found: Found = {}
    for path in SNIPPETS.glob("*.py"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            names = re.search(r"  #: (.+) \| (.+)$", line)
            if names is not None and names[checker + 1] != "-":
                found[path.name, number] = set(names[checker + 1].split(", "))
    return found


def run(*command: str, **environment: str) -> str:
    """What a checker prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, encoding="utf-8", check=False,
        cwd=SNIPPETS, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout


def test_mypy(tmp_path: Path) -> None:
    """mypy, strict, reports the errors of `wrong.py` and none in `right.py`."""
    config = tmp_path / "mypy.ini"
    config.write_text(
        f"[mypy]\nstrict = True\ncache_dir = {tmp_path}/cache\n"
        "[mypy-hdfchk.*]\nfollow_imports = silent\n"  # as for a package that is installed
        "[mypy-h5py.*]\nignore_missing_imports = True\n"
    )
    names = tmp_path / "names.py"
    names.write_text(NAMES)
    files = ("right.py", "wrong.py", str(names))
    text = run("mypy", "--config-file", str(config), *files, MYPYPATH=str(REPOSITORY))
    found: Found = {}
    for name, number, code in re.findall(r"(?m)^(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", text):
        found.setdefault((name, int(number)), set()).add(code)
    assert found == expected(0), text
    told = re.findall(r'names\.py:\d+: note: Revealed type is "(.*)"', text)
    assert len(told) == len(hdfchk.__all__) and "Any" not in told, told


def test_pyright(tmp_path: Path) -> None:
    """So does pyright."""
    config = {
        "typeCheckingMode": "standard", "reportUnusedExpression": False,
        "include": [str(SNIPPETS), str(tmp_path)], "extraPaths": [str(REPOSITORY)],
    }  # fmt: skip
    (tmp_path / "names.py").write_text(NAMES)
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(config))
    text = run(
        "basedpyright", "--project", str(project), "--pythonpath", sys.executable, "--outputjson"
    )
    found: Found = {}
    told = []
    for note in json.loads(text)["generalDiagnostics"]:
        if note["severity"] == "information":
            told.append(note["message"].partition('" is ')[2])
            continue
        place = (Path(note["file"]).name, note["range"]["start"]["line"] + 1)
        found.setdefault(place, set()).add(note["rule"])
    assert found == expected(1), text
    assert len(told) == len(hdfchk.__all__) and not {'"Any"', '"Unknown"'} & set(told), told


def test_score() -> None:
    """Nearly all public names have types that every checker knows."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    text = run(
        "basedpyright", "--verifytypes", "hdfchk", "--ignoreexternal", "--outputjson",
        PATH=path, PYTHONPATH=str(REPOSITORY),
    )  # fmt: skip
    report = json.loads(text)["typeCompleteness"]
    notes = [note for symbol in report["symbols"] for note in symbol["diagnostics"]]
    # What is partially unknown is so for what has no annotation: an attribute, mostly.
    causes = {
        f"{note['file']}:{note['range']['start']['line'] + 1}: {note['message']}"
        for note in notes
        if "range" in note and "partially unknown" not in note["message"]
    }
    assert report["completenessScore"] >= LEAST_SCORE, "\n".join(sorted(causes))
    assert Path(report["packageRootDirectory"]) == REPOSITORY / "hdfchk"
