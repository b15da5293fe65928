"""The tools that are programs: ncdump, R, Octave, Node.

Each makes its file by a few lines of its own language (ncdump reads one of netCDF4) and
reads it by the scripts of `tests.readers`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from ..readers.leaves import Number
from ..readers.readers import READERS, SCRIPTS, Reader
from ..readers.reports import Job
from .netcdf import make_netcdf4
from .tool import Tool

R_MAKES = """
suppressPackageStartupMessages(library(rhdf5)); invisible(h5createFile(path))
invisible(h5createGroup(path, "g"))
h5write(c(1.5, 2.5, 3.5), path, "g/array"); h5write(c("a", "bc"), path, "g/texts")
h5write(matrix(1:6, 2), path, "m"); h5write(5L, path, "n"); h5closeAll()
"""
HDF5R_MAKES = """
suppressPackageStartupMessages(library(hdf5r)); f <- H5File$new(path, "w")
g <- f$create_group("g"); g[["array"]] <- c(1.5, 2.5, 3.5); g[["texts"]] <- c("a", "bc")
f[["m"]] <- matrix(1:6, 2); f[["n"]] <- 5L; f$close_all()
"""
OCTAVE_MAKES = 'array = [1.5 2.5 3.5]; text = "abc"; m = [1 2; 3 4]; st.f = 5; save ("-hdf5", path, "array", "text", "m", "st");'
NODE_MAKES = """
const f = new h5wasm.File(path, "w"); const g = f.create_group("g");
g.create_dataset({name: "array", data: new Float64Array([1.5, 2.5, 3.5])});
g.create_dataset({name: "texts", data: ["a", "bé"]});
f.create_dataset({name: "n", data: new Int32Array([1, 2])}); f.create_attribute("title", "hé"); f.close();
"""


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)


def _r(code: str) -> Callable[[str], None]:
    return lambda path: _run("Rscript", "-e", f"path <- '{path}'\n{code}")


def _octave(path: str) -> None:
    _run("octave-cli", "--no-init-file", "--quiet", "--eval", f"path = '{path}'; {OCTAVE_MAKES}")


def _node(path: str) -> None:
    load = f"require({str(SCRIPTS / 'h5wasm.cjs')!r}).load()"
    wrapped = f"{load}.then((h5wasm) => {{ const path = {path!r}; {NODE_MAKES} }});"
    _run("node", "-e", wrapped)


def scripted(
    reader: Reader, make: Callable[[str], None], keys: tuple[str, ...], array: str, **parts: Any
) -> Tool:
    """A tool whose file is read by a reader of `tests.readers`."""

    def read(path: str) -> dict[str, Any]:
        report = reader.read([Job(0, path, keys)])[0]
        errors = {key: text for key, text in report.errors.items()}
        assert report.ended and not report.file_error and not errors, (report.file_error, errors)
        found: dict[str, Any] = {}
        for key in keys:
            items = report.found[key]
            found[key] = [
                float(item.text) if isinstance(item, Number) else item.text for item in items
            ]
        return found

    names = (array, array.removesuffix("/value"))
    return Tool(reader.name, make, read, names, reader=reader, **parts)


def tools() -> list[Tool]:
    """All of them, installed or not."""
    readers = {reader.name: reader for reader in READERS}
    netcdf = ("x", "depth", "temp", "name", "scalar", "g/q")
    kinds: list[tuple[str, Callable[[str], None], tuple[str, ...], str, dict[str, Any]]] = [
        ("ncdump", make_netcdf4, netcdf, "depth", {"group": "g", "texts": ("name", "name")}),
        ("rhdf5", _r(R_MAKES), ("g/array", "g/texts", "m", "n"), "g/array", {"group": "g"}),
        ("hdf5r", _r(HDF5R_MAKES), ("g/array", "g/texts", "m", "n"), "g/array", {"group": "g"}),
        (
            "Octave",
            _octave,
            ("array", "text", "m", "st/f"),
            "array/value",
            {"senseless": ("another kind of value",)},
        ),
        ("h5wasm", _node, ("g/array", "g/texts", "n"), "g/array", {"group": "g"}),
    ]
    return [
        scripted(readers[name], make, keys, array, **parts)
        for name, make, keys, array, parts in kinds
    ]
