"""The house: what imports what, how long things are, what an import brings in."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.codecs import families
from tests.support import modules_page

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "hdfchk"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = [
    "h5py", "h5pyd", "pandas", "scipy", "xarray", "torch", "tqdm", "dask", "isal", "ml_dtypes",
    "click", "rich", "textual", "plotext", "matplotlib",
    "ase", "astropy", "awkward", "jax", "networkx", "pint", "polars", "pyarrow", "pydantic", "unyt",
    "importlib.metadata", *(f"hdfchk.codecs.{name}" for name in families.LIBRARIES.values()),
]  # fmt: skip
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
LAYERS = [
    layer.replace("|", " ") for layer in PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
]


def imports(path: Path) -> set[str]:
    """The modules of the package that a module imports, wherever it does."""
    found = set()
    inside = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - (node.level - 1)]
            names = (
                [(*base, *node.module.split("."))]
                if node.module
                else [(*base, alias.name) for alias in node.names]
            )
            found |= {name[0] for name in names if name}
        elif isinstance(node, ast.ImportFrom):
            found.add("!" + node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {"!" + alias.name.split(".")[0] for alias in node.names}
    return found


def test_imports_go_downwards() -> None:
    """Imports go downwards only, as docs and pyproject.toml say."""
    rank = {name: level for level, layer in enumerate(LAYERS) for name in layer.split()}
    for path in MODULES:
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in rank, f"{own} has no layer"
        for other in imports(path):
            if other[0] != "!" and other != own:
                assert rank[own] < rank[other], f"{path.name} imports {other}"


def test_only_backends_import_h5py() -> None:
    """h5py is imported in backends alone, and codecs import no backend."""
    for path in MODULES:
        if "backends" not in path.parts:
            assert "!h5py" not in imports(path), path
        if "codecs" in path.parts:
            assert not imports(path) & {"backends", "handle", "context"}, path


def test_import_is_light() -> None:
    """`import hdfchk`, and a store in memory, import neither h5py nor an optional library."""
    code = f"import sys, hdfchk; hdfchk.HDF5Checkpointer(None)['a'] = [1]; assert not set({HEAVY}) & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


LATE = ["numpy", "h5py", "attrs", "attr", "hdfchk.store", "hdfchk.errors", "inspect", "json"]


def test_the_package_alone_imports_nothing() -> None:
    """`import hdfchk`, its version and its list of names import no other package."""
    code = f"""
import sys, hdfchk
assert "HDF5Checkpointer" in dir(hdfchk) and set(hdfchk.__all__) <= set(dir(hdfchk))
assert hdfchk.__version__ and not set({LATE}) & set(sys.modules), set({LATE}) & set(sys.modules)
try:
    hdfchk.Nothing
except AttributeError as error:
    assert "Nothing" in str(error)
else:
    raise AssertionError
assert not set({LATE}) & set(sys.modules)
hdfchk.HdfchkError
assert "hdfchk.errors" in sys.modules and "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


NOT_FOR_THE_STORE = [
    "decimal", "difflib", "fractions", "numpy.ma", "pickle", "pickletools", "tempfile", "uuid",
    "zoneinfo", "hdfchk.codecs.frames", "hdfchk.description", "hdfchk.info", "hdfchk.merging",
    "hdfchk.tables", "hdfchk.verification", "hdfchk.backends.hdf5", "hdfchk.backends.memory",
]  # fmt: skip


def test_the_store_imports_what_it_needs() -> None:
    """What only some calls need, they import; NumPy's own imports do not count."""
    code = f"""
import sys, numpy
before = set(sys.modules)
from hdfchk import HDF5Checkpointer
found = set({NOT_FOR_THE_STORE + HEAVY}) & (set(sys.modules) - before)
assert not found, found
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


NOT_FOR_READING = [
    "base64", "concurrent.futures", "secrets", "socket", "tempfile",
    "hdfchk.codecs.legacy", "hdfchk.codecs.remedies",
    "hdfchk.backends.changeset", "hdfchk.backends.indexing", "hdfchk.backends.memory",
    *(
        f"hdfchk.backends.hdf5.{name}"
        for name in (
            "compaction", "comparison", "file_info", "salvage", "sandbox", "stream_file", "wal_writer",
            "data.chunk_index", "data.chunk_io", "data.filters", "data.memory_map", "data.resize",
            "data.selection", "h5.checksums", "h5.hidden", "h5.texts", "nodes.apply",
            "nodes.copying", "nodes.pins", "nodes.references", "nodes.writer",
            "wal.logical_records", "wal.overlay", "wal.replay", "wal.seal", "wal.wal_file",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("work", ["chk['a']", "list(chk)", "chk.load()", "chk.describe()"])
def test_reading_imports_what_it_needs(tmp_path: Path, work: str) -> None:
    """A file is read without what writes files, and what slices, chunks and old files need."""
    HDF5Checkpointer(tmp_path / "x.hdf5").update({"a": 1, "b": {"c": "text", "d": [1.0, 2.0]}})
    code = f"""
import sys, numpy
before = set(sys.modules)
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1], mode="r")
{work}
found = set({NOT_FOR_READING}) & (set(sys.modules) - before)
assert not found, sorted(found)
"""
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x.hdf5"], check=True, cwd=PACKAGE.parent
    )


def test_writing_imports_what_it_needs(tmp_path: Path) -> None:
    """A file is written without what rewrites files, or describes them."""
    code = """
import sys
from hdfchk import HDF5Checkpointer
HDF5Checkpointer(sys.argv[1])["a"] = 1
assert HDF5Checkpointer(sys.argv[1])["a"] == 1
late = {"compaction", "comparison", "file_info", "salvage", "sandbox"}
assert not {f"hdfchk.backends.hdf5.{name}" for name in late} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x.hdf5"], check=True, cwd=PACKAGE.parent
    )


def test_all_names_can_be_imported() -> None:
    """Each name is there, from its module, whatever was imported before; it can be pickled."""
    import pickle

    import hdfchk
    import hdfchk.salvaging

    space: dict[str, object] = {}
    exec("from hdfchk import *", space)
    assert set(hdfchk.__all__) <= set(space)
    assert callable(hdfchk.salvage)
    assert hdfchk.register.__self__ is hdfchk.unregister.__self__
    for name in hdfchk.__all__:
        found = getattr(hdfchk, name)
        assert getattr(found, "__name__", name) == name
        if isinstance(found, type):
            assert pickle.loads(pickle.dumps(found)) is found


def test_no_module_has_the_name_of_a_function() -> None:
    """Importing such a module would put it in the place of what the package offers."""
    import hdfchk

    assert not {path.stem for path in PACKAGE.iterdir()} & set(hdfchk.__all__)


def test_import_gives_no_warnings() -> None:
    """No module of the package gives a warning when it is imported, of deprecations neither."""
    code = (
        "import importlib, pkgutil, hdfchk; from hdfchk import *\n"
        "for found in pkgutil.walk_packages(hdfchk.__path__, 'hdfchk.'):\n"
        "    if not found.name.endswith('__main__'): importlib.import_module(found.name)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=PACKAGE.parent)


def lines_of_code(text: str) -> int:
    """The lines of a module but for blank ones, comments and docstrings."""
    tree = ast.parse(text)
    told: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(
        1
        for n, line in lines
        if n not in told and line.strip() and not line.strip().startswith("#")
    )


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted(TESTS.rglob("*.py"))], ids=lambda path: path.name
)
def test_sizes(path: Path) -> None:
    """A module has at most 520 lines of code (tests a few more), a function of the package 45."""
    text = path.read_text(encoding="utf-8")
    assert lines_of_code(text) <= (520 if PACKAGE in path.parents else 550)
    if PACKAGE not in path.parents:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 45, f"{path.name}: {node.name} has {length} lines"


SUITES = {
    "actors", "contract", "crash", "foreign", "golden", "hostile", "readers", "regressions",
    "support", "tools", "typing",
}  # fmt: skip
"""Folders of tests that are about a promise, and about no single module."""
OF_THE_REPOSITORY = {
    "test_docs",
    "test_examples",
    "test_format_doc",
    "test_layout",
    "test_packaging",
    "test_pictures",
    "test_site",
}
"""Tests of what is beside the package."""


def test_tests_mirror_the_package() -> None:
    """`tests/a/test_b.py`, or `test_b_WHAT.py`, tests `hdfchk/a/b.py`, if it is in no suite."""
    names = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in MODULES}
    for path in sorted(TESTS.rglob("test_*.py")):
        *folder, name = path.relative_to(TESTS).with_suffix("").parts
        if folder[:1] and folder[0] in SUITES or not folder and name in OF_THE_REPOSITORY:
            continue
        words = name.removeprefix("test_").split("_")
        modules = {"/".join((*folder, "_".join(words[: n + 1]))) for n in range(len(words))}
        assert modules & names, f"{path}: no module has this place in the package"


def test_the_page_of_modules() -> None:
    """`docs/modules.md` has each module, as `python -m tests.support.modules_page` writes it."""
    assert modules_page.PAGE.read_text(encoding="utf-8") == modules_page.page()


def test_folders_of_tests_say_what_they_are_for() -> None:
    """Each folder of tests says in its `__init__.py` what is to be there."""
    assert all((TESTS / suite).is_dir() for suite in SUITES)
    for folder in {path.parent for path in TESTS.rglob("*.py")}:
        place = folder / "__init__.py"
        assert place.exists(), f"{folder} has no __init__.py"
        assert ast.get_docstring(ast.parse(place.read_text(encoding="utf-8"))), place


def test_tests_reach_into_no_store() -> None:
    """What a test wants to know of a store, it learns from `tests/support/inside.py`."""
    private = re.compile(
        r"(?<!\bself)\._(location|context|handle|storage|session|file|filters|path)\b"
    )
    for path in TESTS.rglob("*.py"):
        assert not private.search(path.read_text(encoding="utf-8")), path


def test_backends_fit_the_protocol() -> None:
    """Sessions, storages and backends have what is asked for, with the same parameters."""
    import inspect
    import io

    from hdfchk.backends import base
    from hdfchk.backends.hdf5 import FileBackend, ObjectBackend, StreamBackend
    from hdfchk.backends.hdf5.open_files import DirectFile, OpenFile, SnapshotFile
    from hdfchk.backends.hdf5.session import Hdf5Session
    from hdfchk.backends.hdf5.stream_file import StreamFile
    from hdfchk.backends.hdf5.wal_writer import WalWriter
    from hdfchk.backends.memory import MemoryBackend, MemorySession, MemoryStorage
    from hdfchk.backends.plain_dict import DictBackend, NullBackend

    files = (OpenFile, DirectFile, SnapshotFile, StreamFile, WalWriter)
    backends = (FileBackend, ObjectBackend, StreamBackend, MemoryBackend, DictBackend, NullBackend)
    for protocol, kinds in (
        (base.Session, (Hdf5Session, MemorySession)),
        (base.Storage, (*files, MemoryStorage)),
        (base.Backend, backends),
    ):
        for name, wanted in vars(protocol).items():
            if name.startswith("_"):
                continue
            for kind in kinds:
                if callable(wanted):
                    found = list(inspect.signature(getattr(kind, name)).parameters)
                    expected = list(inspect.signature(wanted).parameters)
                    assert found == expected, f"{kind.__name__}.{name}"
    for kind in (*files, MemoryStorage):
        assert issubclass(kind, base.Storage)
    for backend in (FileBackend("x"), StreamBackend(io.BytesIO()), MemoryBackend()):
        for name in ("capabilities", "codecs", "lock_timeout", "sync_interval", "address"):
            assert hasattr(backend, name), f"{type(backend).__name__}.{name}"
