"""The types of HDF5's identifiers: mypy sees a mix-up, and h5py has what the stubs say."""

import ast
import importlib
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
STUBS = ROOT / "tests" / "typing"
KINDS = ["AttrID", "DatasetID", "FileID", "GroupID", "PropDCID", "PropGCID", "SpaceID", "TypeID"]


def lines_with_errors(source: str, folder: Path) -> set[int]:
    """The lines of a program in which mypy, with the project's settings, finds errors."""
    program = folder / "program.py"
    program.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", folder / "cache", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    found = re.findall(rf"^{re.escape(str(program))}:(\d+): error", done.stdout, re.MULTILINE)
    return set(map(int, found))


def test_a_mix_up_is_an_error_for_mypy(tmp_path: Path) -> None:
    """No identifier is taken for one of another kind, nor what a link leads to for a dataset."""
    pytest.importorskip("mypy")
    lines = [f"from hdfchk.backends.hdf5.h5.ids import {', '.join([*KINDS, 'ObjectID'])}"]
    lines += ["from h5py import h5d, h5g, h5o"]
    lines += [f"def take_{kind}(it: {kind}) -> None: ..." for kind in KINDS]
    lines += [
        f"def give(oid: ObjectID, {', '.join(f'a_{kind}: {kind}' for kind in KINDS)}) -> None:"
    ]
    wrong = set()

    def say(line: str, *, is_right: bool) -> None:
        lines.append(f"    {line}")
        if not is_right:
            wrong.add(len(lines))

    for given, wanted in product(KINDS, KINDS):
        say(f"take_{wanted}(a_{given})", is_right=given == wanted)
    say("take_DatasetID(oid)", is_right=False)
    say("take_DatasetID(h5o.open(a_GroupID, b'x'))", is_right=False)
    say("h5g.open(a_DatasetID, b'x')", is_right=False)
    say("h5d.create(a_GroupID, b'x', a_SpaceID, a_TypeID)", is_right=False)
    say("a_GroupID.get_space()", is_right=False)
    say("if type(oid) is h5d.DatasetID:", is_right=True)
    say("    take_DatasetID(oid)", is_right=True)
    say("    take_GroupID(oid)", is_right=False)
    say("elif type(oid) is h5g.GroupID:", is_right=True)
    say("    take_GroupID(oid)", is_right=True)
    say("else:", is_right=True)
    say("    take_TypeID(oid)", is_right=True)
    assert lines_with_errors("\n".join(lines) + "\n", tmp_path) == wrong


def kinds_of(real: type) -> list[type]:
    """A class and all that are made of it: the stubs have the members of all types in one."""
    return [real, *(inner for below in real.__subclasses__() for inner in kinds_of(below))]


def names_of(body: list[ast.stmt]) -> list[str]:
    """What statements of a stub say to be there, but for names that are only types."""
    found = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) != "TypeAlias":
            found.append(node.target.id)
    return found


def described() -> list[tuple[str, ast.Module]]:
    """Each module that has a stub, and the stub."""
    found = []
    for path in sorted(STUBS.rglob("*.pyi")):
        parts = path.relative_to(STUBS).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found.append((name, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def test_h5py_has_what_the_stubs_say() -> None:
    """Every module, class, member and base class of the stubs is h5py's."""
    seen = 0
    for name, stub in described():
        real = importlib.import_module(name)
        for what in names_of(stub.body):
            assert hasattr(real, what), f"{name}.{what}"
        for node in stub.body:
            if not isinstance(node, ast.ClassDef):
                continue
            kind = getattr(real, node.name)
            for member in names_of(node.body):
                has_it = any(hasattr(inner, member) for inner in kinds_of(kind))
                assert has_it or member == "__getattr__", f"{name}.{node.name}.{member}"
                seen += 1
            for base in map(ast.unparse, node.bases):
                bases = {inner.__name__ for inner in kind.__mro__}
                assert base.startswith("Generic") or base == "NamedTuple" or base in bases
    assert seen > 150


def test_stubs_say_what_is_used() -> None:
    """No module of h5py that the package imports is without a stub."""
    described_ones = {name for name, _ in described()}
    for path in (ROOT / "hdfchk").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("h5py"):
                for alias in node.names if node.module == "h5py" else ():
                    assert f"h5py.{alias.name}" in described_ones, path
                assert node.module in described_ones, path
