"""Errors and warnings: each has a class of ours, which is exported and documented."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import hdfchk
from hdfchk import HardLinksLeftWarning, HDF5Checkpointer, HdfchkError, HdfchkWarning, save

ROOT = Path(__file__).parents[1]
OURS = {
    name: kind
    for name, kind in vars(hdfchk).items()
    if isinstance(kind, type) and issubclass(kind, (HdfchkError, HdfchkWarning))
}


def below(kind: type) -> set[str]:
    """The names of all classes below one, those of the package."""
    found = set()
    for each in kind.__subclasses__():
        found |= below(each)
        if each.__module__.startswith("hdfchk.") and not each.__name__.startswith("_"):
            found.add(each.__name__)
    return found


def test_all_are_exported_and_documented() -> None:
    """The tables of the docs name all errors and warnings, and no others."""
    kinds = below(HdfchkError) | below(HdfchkWarning)
    assert kinds == set(OURS) - {"HdfchkError", "HdfchkWarning"}
    assert kinds < set(hdfchk.__all__)
    section = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("\n## Errors\n")[1]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"\w+", row)]
    assert sorted(named) == sorted(kinds)


def test_warnings_are_ours() -> None:
    """No module warns with a class of Python's own, or with the base of ours."""
    for path in sorted((ROOT / "hdfchk").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
                if isinstance(node.args[0], ast.Call):  # a warning of its maker, which mypy knows
                    continue
                named = ast.unparse(node.args[1]) if len(node.args) > 1 else "UserWarning"
                assert named in OURS and named != "HdfchkWarning", f"{path.name}: {named}"


@pytest.mark.parametrize(
    "work",
    [
        lambda path: HDF5Checkpointer(path).compact(),
        lambda path: save(path, {"b": 2}),
        lambda path: HDF5Checkpointer(path, mode="w").update({"b": 2}),
    ],
    ids=["compact", "save", "w"],
)
def test_hard_links_that_are_left(tmp_path: Path, work: Callable[[str], object]) -> None:
    """A new file in the place of one with two names: the warning says that the other one is left."""
    path, second = str(tmp_path / "x.hdf5"), str(tmp_path / "second.hdf5")
    HDF5Checkpointer(path)["a"] = 1
    os.link(path, second)
    with pytest.warns(HardLinksLeftWarning, match="1 hard link"):
        work(path)
    assert HDF5Checkpointer(second).load() == {"a": 1}
