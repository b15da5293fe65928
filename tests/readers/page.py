"""The table as a page of the docs, and the page as a table again."""

from __future__ import annotations

import re

from .forms import Form
from .verdicts import Outcome, Verdict

INTRODUCTION = """# Who reads what

One small file for each stored form, made by hdfchk with its defaults, and what other tools read in it. The
page is made by

```sh
python -m tests.readers --markdown docs/readers.md
```

which takes the tools that it finds (`tests/readers/readers.py` says how), each in a process of its own. A
tool *reads* a form if it opens the file, reads each dataset of the value with its attributes, and has the right
numbers and texts. Each file has an ordinary array beside the form: what a tool cannot read is to cost it no
more than that.

| cell | meaning |
| --- | --- |
| yes | all is read, and right |
| ≈ | read, with fewer digits |
| attrs | the data are read, some attribute is not |
| part | some datasets of the value are read, some are not |
| no | the key is not read; the rest of the file is |
| wrong | read without an error, and not what was stored |
| file | the whole file is not read |
| crash | the process of the tool ends |

The numbers lead to what the tool said, below. A mark (a tuple, a date, a masked array, …) is an attribute: other
tools see the plain data, as told in [the format](format.md)."""


WHY = """## Why

* **Filters** other than gzip, shuffle and fletcher32 need a plug-in. With `hdf5plugin` imported h5py reads all of
  them; h5wasm gives other numbers without an error. What everybody is to read takes `compression="gzip"`.
* **float16 and long double** are no types of netCDF-C, which ends the process, nor of h5wasm; pyfive has no long
  double. Store float32 or float64 where netCDF is to read it.
* **Texts** have a fixed width without room for a NUL. netCDF-C 4.9.0 (ncdump) reads on beyond the end: scalars may
  have something behind them, and arrays are not read. 4.10 (netCDF4, xarray) reads them right. An empty text is a
  missing one to netCDF.
* **Booleans, complex numbers and structures** are enumerations and compounds without a name. netCDF-C 4.9.0 leaves
  these variables out. rhdf5 reads no scalar compound.
* **Integers beyond 2<sup>53</sup>** are numbers of double precision in R and Octave.
* **Octave**'s `load` knows numbers and the forms of its own files: no strings, enumerations or filters of others, and
  no names that are not its identifiers.
* **Unicode names** are refused by pyfive and by the listing of hdf5r.
* **None** costs a tool that does not expect it the key, or, as it says, the file."""


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
    lines += ["", WHY, "", "## What they said", ""]
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
