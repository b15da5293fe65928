"""The table as a page of the docs, and the page as a table again."""

from __future__ import annotations

import re

from .forms import Form
from .verdicts import Outcome, Verdict

INTRODUCTION = """# Readers

One small file for each stored form, written by hdfchk with its defaults, and what other tools can read in it.
This command generates the page:

<!-- not run: it makes this page, with all tools that are installed -->
```sh
python -m tests.readers --markdown docs/readers.md
```

It uses the tools that are installed (see `tests/readers/readers.py`), each in a separate process. A
tool *reads* a form if it opens the file, reads each dataset of the value with its attributes, and gets the right
numbers and strings. Each file also has an ordinary array: a form that a tool cannot read should not prevent it from
reading the rest of the file.

| cell | meaning |
| --- | --- |
| yes | everything is read correctly |
| ≈ | read with reduced precision |
| attrs | the data are read, but not all attributes |
| part | some datasets of the value are read, others are not |
| no | the key cannot be read; the rest of the file can |
| wrong | read without an error, but with wrong values |
| file | the whole file cannot be read |
| crash | the tool crashes |

The numbers refer to the messages of the tools, below. A mark (of a tuple, a date, a masked array, …) is an attribute:
other tools see the plain data, as described in [the format](format.md)."""


WHY = """## Why

* **Filters** other than gzip, shuffle and Fletcher-32 need a plug-in. With `hdf5plugin` imported, h5py reads all of
  them; h5wasm returns wrong numbers without an error. For files that every tool should read, use `compression="gzip"`.
* **float16 and long double** are not supported by netCDF-C, which crashes, or by h5wasm; pyfive does not support long
  double. Store float32 or float64 for netCDF.
* **Strings** have a fixed width without space for a NUL. netCDF-C 4.9.0 (ncdump) reads beyond the end: scalars may
  have extra characters, and arrays are not read. 4.10 (netCDF4, xarray) reads them correctly. netCDF treats an empty
  string as missing.
* **Booleans, complex numbers and structured values** are enumerations and compounds without a name. netCDF-C 4.9.0
  omits these variables. rhdf5 cannot read scalar compounds.
* **Integers beyond 2<sup>53</sup>** are double-precision numbers in R and Octave.
* **Octave**'s `load` supports numbers and the forms of its own files. It does not support strings, enumerations or
  filters of other programs, or names that are not Octave identifiers. Loading a
  whole file ends at the first string, and what comes after it is left out; at a dict with a string in it, it is an error.
  Name the keys that it is to read: `load("run.hdf5", "x")`. Dicts for Octave have no strings in them: keep these beside the
  dict, or in attributes.
* **Unicode names** are rejected by pyfive and by the listing of hdf5r.
* **None**: a tool that does not support it cannot read the key, or, where the table says so, the file."""


def make(forms: list[Form], columns: list[tuple[str, str, list[Verdict]]], machine: str) -> str:
    """The page.

    Args:
        forms: the rows.
        columns: for each reader its name, its version, and its verdicts.
        machine: where the table was made.
    """
    notes: dict[str, int] = {}
    lines = [INTRODUCTION, "", "## Readers", "", f"On {machine}.", ""]
    lines += ["| reader | version | reads, of " + f"{len(forms)} |", "| --- | --- | --- |"]
    for name, version, verdicts in columns:
        count = sum(verdict.outcome is Outcome.READS for verdict in verdicts)
        lines.append(f"| {name} | {version} | {count} |")
    family = ""
    for row, form in enumerate(forms):
        if form.family != family:
            family = form.family
            lines += ["", f"## {family}", ""]
            lines.append("| form | " + " | ".join(name for name, _, _ in columns) + " |")
            lines.append("| --- |" + " --- |" * len(columns))
        cells = [_cell(name, verdicts[row], notes) for name, _, verdicts in columns]
        lines.append(f"| {form.name} | " + " | ".join(cells) + " |")
    lines += ["", WHY, "", "## Messages", ""]
    lines += [f"{number}. {note}" for note, number in notes.items()]
    return "\n".join(lines) + "\n"


def _cell(reader: str, verdict: Verdict, notes: dict[str, int]) -> str:
    if not verdict.reason:
        return verdict.outcome.value
    note = f"{reader}: {_readable(verdict.reason.removeprefix(f'{reader}: '))}"
    number = notes.setdefault(note, len(notes) + 1)
    return f"{verdict.outcome.value} ({number})"


def _readable(reason: str) -> str:
    """A reason in one line, without what differs from machine to machine."""
    text = re.sub(r"[\w./~-]*/(\d+\.h5|jobs|copy\.h5)\b", r"FILE", reason)
    text = re.sub(r"\S*/(?=[\w-]+\.(?:py|c|R|m|cjs)\b)", "", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"HDF5-DIAG: .*?thread 0x…:|HDF5-DIAG: Error detected in .*?: ", "", text)
    text = text.replace("|", "/").replace("<", "&lt;").replace("\\", "\\\\")
    return text if len(text) <= 160 else text[:159] + "…"


def parse(text: str) -> dict[str, dict[tuple[str, str], str]]:
    """The outcomes on a page, by reader and by family and name of the form."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    readers: list[str] = []
    family = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("## "):
            family, readers = line[3:], []
        elif line.startswith("| form |"):
            readers = cells[1:]
        elif line.startswith("| --- "):
            continue
        elif line.startswith("| ") and readers:
            for reader, cell in zip(readers, cells[1:], strict=True):
                found.setdefault(reader, {})[family, cells[0]] = cell.partition(" ")[0]
    return found
