"""Errors and warnings: each has a class of ours, which is exported and documented."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hdfchk
from hdfchk import (
    CheckpointerKeyError,
    Group,
    HardLinksLeftWarning,
    HDF5Checkpointer,
    HdfchkError,
    HdfchkWarning,
    errors,
    save,
)
from hdfchk.views import access

ROOT = Path(__file__).parents[1]
OURS = {
    name: kind
    for name, kind in ((name, getattr(hdfchk, name)) for name in hdfchk.__all__)
    if isinstance(kind, type) and issubclass(kind, (HdfchkError, HdfchkWarning))
}


def test_all_are_exported_and_documented() -> None:
    """The tables of the docs name all errors and warnings, and no others."""
    assert set(OURS) == {*errors.__all__, "UnknownTargetError"}
    kinds = set(OURS) - {"HdfchkError", "HdfchkWarning"}
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


TREE = {"params": {"steps": 500, "method": "euler"}, "energies": np.arange(3.0), "x": 1}


@pytest.fixture(params=["file", "memory"])
def chk(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    """A store with a few keys, in a file and in memory."""
    made = HDF5Checkpointer(path if request.param == "file" else None)
    made.update(TREE)
    return made


def drop(mapping: Group, key: str) -> None:
    """`del` as a function."""
    del mapping[key]


@pytest.mark.parametrize(
    "use",
    [Group.__getitem__, Group.load, Group.pop, Group.group, Group.array, drop],
    ids=lambda use: use.__name__,
)
def test_the_nearest_key_is_suggested(
    chk: HDF5Checkpointer, use: Callable[[Group, str], object]
) -> None:
    """Whoever reads or deletes a key that is not there gets the nearest one that is."""
    for key, near in (
        ("enrgies", "energies"),
        ("params/stepz", "params/steps"),
        ("parms/steps", "params"),
        ("something else", None),
        ("x/y", None),  # through a value
    ):
        with pytest.raises(CheckpointerKeyError, match="no such key") as caught:
            use(chk, key)
        error = caught.value
        assert error.key == key and error.file == str(chk.checkpoint_file or "memory")
        assert ("did you mean" in str(error)) == (near is not None)
        assert near is None or f"did you mean {near!r}? If not, " in str(error)
    with pytest.raises(CheckpointerKeyError, match="did you mean 'params/steps'"):
        use(chk["params"], "step")


def test_the_nearest_frame_is_suggested(chk: HDF5Checkpointer) -> None:
    """A column of a frame that is not there says which key is near."""
    pytest.importorskip("pandas")
    with pytest.raises(CheckpointerKeyError, match="did you mean 'energies'"):
        chk.column("energy", "a")


def test_hidden_keys_are_not_suggested(chk: HDF5Checkpointer) -> None:
    """A view names no key that it does not show: no filtered one, none outside of it."""
    for view, key in (
        (chk.view(omitted_keys="energies"), "energie"),
        (chk.view(omitted_keys="params/steps"), "params/step"),
        (chk.view(allowed_keys=["energies/a", "energie"]), "energie"),  # shown as a dict alone
    ):
        with pytest.raises(CheckpointerKeyError) as caught:
            view[key]
        assert "did you mean" not in str(caught.value)
    group = chk["params"].view(omitted_keys="steps")
    chk["parameters"] = chk.pop("params")
    with pytest.raises(CheckpointerKeyError) as caught:
        group["x"]
    assert "did you mean" not in str(caught.value)


def test_a_filter_that_fails_hides_no_missing_key(chk: HDF5Checkpointer) -> None:
    """Where a caller's filter does not take other keys, the key is missing all the same."""
    view = chk.view(allowed_keys={"energie": True}.__getitem__)
    with pytest.raises(CheckpointerKeyError, match="no such key") as caught:
        view["energie"]
    assert type(caught.value.__cause__) is KeyError and "did you mean" not in str(caught.value)


def test_a_miss_is_fast(chk: HDF5Checkpointer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listed for `in`, `get` and the like, nor in a dict of many keys."""
    monkeypatch.setattr(access, "MOST_NAMES", len(TREE) - 1)
    with pytest.raises(CheckpointerKeyError) as caught:
        chk["enrgies"]
    assert "did you mean" not in str(caught.value)
    with pytest.raises(CheckpointerKeyError, match="did you mean"):
        chk["params/stepz"]
    monkeypatch.setattr(access, "suggesting", None)
    assert "enrgies" not in chk and chk.get("enrgies") is None and chk.get("params/stepz", 1) == 1
    assert chk.get("", 2) == 2 and chk.get("x") == 1 and chk.get("x/y", 3) == 3
    assert chk.view(omitted_keys="x").get("x", 4) == 4
    assert chk.pop("enrgies", 5) == 5 and chk.setdefault("new", 6) == 6
    assert chk.cached_eval("newer", int, args=("7",)) == 7
