"""Every edit of ours on a file of every tool: the tool reads on, or the edit is refused."""

from __future__ import annotations

import functools
import gc
import importlib.util
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from hdfchk import HDF5Checkpointer, HdfchkError

from ..readers.readers import Reader
from . import lab, netcdf, programs, pydata
from .tool import ANY, Changes, Tool, same

TOOLS = [*netcdf.TOOLS, *pydata.TOOLS, *lab.TOOLS, *programs.tools()]
if importlib.util.find_spec("anndata"):
    TOOLS += importlib.import_module(".cells", __package__).TOOLS
CASES = [(tool, edit) for tool in TOOLS for edit in tool.edits()]

# Edits that are refused, by an error of ours, and leave the file as it was.
NETCDF = {"netCDF4", "h5netcdf", "xarray"}

# Edits that are refused, as something in the file points at what they would replace.
REFUSED: set[tuple[str, str]] = {
    *itertools.product(NETCDF, {"a coordinate of another length", "a coordinate deleted"}),
    *itertools.product({*NETCDF, "ncdump", "PyTables"}, {"another kind of value"}),
    *itertools.product({"mat73", "hdf5storage"}, {"what a cell refers to in another dtype"}),
    *itertools.product({"PyTables"}, {"another dtype", "another length", "put with gzip"}),
}

# Edits after which the tool does not read its file. This is to become empty.
KNOWN: set[tuple[str, str]] = set()


@attrs.frozen
class Original:
    """The file of a tool as the tool made it, and what it reads in it."""

    path: str
    found: dict[str, Any]


@pytest.fixture(scope="session")
def originals(
    tmp_path_factory: pytest.TempPathFactory, need_tools: Callable[..., None]
) -> Callable[[Tool], Original]:
    """The file of each tool, made once; skips the tests of tools that are not installed."""
    folder = tmp_path_factory.mktemp("originals")

    @functools.cache
    def is_installed(reader: Reader) -> bool:
        return reader.version() != ""

    @functools.cache
    def make(tool: Tool) -> Original:
        path = str(folder / f"{TOOLS.index(tool)}{tool.suffix}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tool.make(path)
        return Original(path, read(tool, path))

    def of(tool: Tool) -> Original:
        if tool.reader is not None:
            need_tools(*tool.reader.programs)
            if not is_installed(tool.reader):
                pytest.skip(f"{tool.name} is not installed")
        return make(tool)

    return of


def read(tool: Tool, path: str) -> dict[str, Any]:
    """What the tool reads in a copy of the file, which it may leave open, and warn of."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = tool.read(shutil.copy(path, folder))
        gc.collect()  # readers that are closed late
    return found


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Where the tool read something else."""
    return [
        f"{name}: {found.get(name)!r} in place of {value!r}"
        for name, value in wanted.items()
        if value is not ANY and not same(value, found.get(name))
    ]


def outcome(tool: Tool, edit: str, path: str, before: dict[str, Any]) -> tuple[str, str]:
    """What an edit comes to, in a word, and the reason."""
    raw = Path(path).read_bytes()
    try:
        changes: Changes = tool.edits()[edit](HDF5Checkpointer(path, durable=False))
    except HdfchkError as error:
        after = read(tool, path)
        assert not differences(before, after), "a refused edit has changed something"
        assert edit == "every key by itself" or Path(path).read_bytes() == raw
        return (
            ("refused", str(error)) if error.file == path else ("refused, without file", str(error))
        )
    try:
        after = read(tool, path)
    except Exception as error:
        return "not read", f"{type(error).__name__}: {error}"
    wrong = differences(before | changes, after)
    return ("wrong", "; ".join(wrong)) if wrong else ("read", "")


def expected(tool: Tool, edit: str) -> set[str]:
    """The outcomes that are right."""
    case = (tool.name, edit)
    if case in KNOWN:
        return {"not read", "wrong", "refused, without file"}
    return {"refused"} if case in REFUSED else {"read"}


def _case(tool: Tool, edit: str) -> Any:
    """Tools that are programs start one or more for each test."""
    marks = pytest.mark.slow if tool.reader is not None else ()
    return pytest.param(tool, edit, id=f"{tool.name}-{edit}", marks=marks)


@pytest.mark.parametrize(("tool", "edit"), list(itertools.starmap(_case, CASES)))
def test_edit(tool: Tool, edit: str, originals: Callable[[Tool], Original], tmp_path: Path) -> None:
    """After an edit of ours the tool reads all its own data right, or the edit was refused whole."""
    original = originals(tool)
    path = str(shutil.copy(original.path, tmp_path / f"file{tool.suffix}"))
    word, reason = outcome(tool, edit, path, original.found)
    assert word in expected(tool, edit), f"{word}: {reason}"


def test_lists() -> None:
    """What is listed as refused or known is tried, where its tool is installed."""
    names = {tool.name for tool in TOOLS}
    tried = {(tool.name, edit) for tool, edit in CASES}
    for listed in (REFUSED, KNOWN):
        assert {case for case in listed if case[0] in names} <= tried
    assert not KNOWN & REFUSED
