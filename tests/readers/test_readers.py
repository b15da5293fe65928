"""The table of who reads what is true: what it says is read, is read by the tools that are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import page
from .__main__ import main
from .batches import UNREACHED, run_batch
from .forms import FORMS, Either, Form, Json
from .leaves import Number, Text, compare, leaves
from .page import parse
from .programs import parse_tokens
from .readers import READERS, Reader, present
from .reports import Job, Report
from .reports import parse as parse_lines
from .verdicts import Outcome, Verdict, evaluate, judge, make_jobs

PAGE = Path(__file__).parents[2] / "docs" / "readers.md"
SAID = parse(PAGE.read_text(encoding="utf-8"))
READ = {Outcome.READS, Outcome.ROUNDED}
MADE = [form for form in FORMS if form.can_be_made()]
"""The others need libraries of the extra `types`."""


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """The files of all forms whose libraries are there."""
    return make_jobs(MADE, str(tmp_path_factory.mktemp("forms")))


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=[reader.name for reader in READERS])
def test_the_table_is_true(
    reader: Reader, jobs: list[Job], need_tools: Callable[..., None]
) -> None:
    """A reader reads at least the forms that the page says it does."""
    need_tools(*reader.programs)
    if not reader.version():
        pytest.skip(f"{reader.name} is not installed")
    said = SAID[reader.name]
    worse = {
        form.row: verdict
        for form, verdict in zip(MADE, evaluate(reader, jobs, MADE), strict=True)
        if Outcome(said[form.row]) in READ and verdict.outcome not in READ
        # ncdump of netCDF-C 4.9.0 reads strings beyond their end: what it finds there is luck
        if reader.name != "ncdump" or not _has_text(form)
    }
    assert not worse


def _has_text(form: Form) -> bool:
    """Whether texts are among what is to be found."""
    return any(
        isinstance(plain, Json) or any(isinstance(leaf, str) for leaf in leaves(plain))
        for plain in form.plain.values()
    )


def test_the_table_is_whole() -> None:
    """Each reader has its column, and each form its row."""
    assert list(SAID) == [reader.name for reader in READERS]
    for rows in SAID.values():
        assert list(rows) == [form.row for form in FORMS]


@pytest.mark.slow
def test_readers_that_tests_need() -> None:
    """The Python libraries are always there."""
    wanted = ["h5py", "h5py, hdf5plugin", "netCDF4", "xarray", "h5netcdf", "PyTables", "pyfive"]
    assert [reader.name for reader, _ in present(wanted)] == wanted


def test_h5py_reads_everything() -> None:
    """h5py alone reads each form but the filters of plug-ins, and with hdf5plugin those, too."""
    unread = {name for (_, name), outcome in SAID["h5py"].items() if outcome != "yes"}
    assert unread == {"zstd", "blosc2", "bitshuffle"}
    assert set(SAID["h5py, hdf5plugin"].values()) == {"yes"}


def test_names_of_forms() -> None:
    """No two rows have one name."""
    assert len({form.row for form in FORMS}) == len(FORMS)


# -- the means ---------------------------------------------------------------------------------


def _child(tmp_path: Path, code: str) -> list[str]:
    path = tmp_path / "child.py"
    path.write_text(f"import os, sys, time\n{code}", encoding="utf-8")
    return [sys.executable, str(path)]


def test_a_crash_is_a_result(tmp_path: Path) -> None:
    """A child that crashes loses the key that it was at; the next one reads the other files."""
    command = _child(
        tmp_path,
        "for line in open(sys.argv[1]):\n"
        "    number, path, *keys = line.rstrip().split('\\t')\n"
        "    print('FILE', number, flush=True)\n"
        "    for key in keys:\n"
        "        print('KEY', key, flush=True)\n"
        "        if path == 'bad' and key == 'x': os.abort()\n"
        "        print('N 1\\nOK', flush=True)\n"
        "    print('END', flush=True)\n",
    )
    names = ["good", "bad", "good"]
    jobs = [Job(n, name, ("a", "x", "z")) for n, name in enumerate(names)]
    reports = run_batch(lambda path: [*command, path], jobs)
    assert reports[0].ended and reports[2].ended and not reports[2].errors
    assert reports[1].found == {"a": [Number("1")]} and "SIGABRT" in reports[1].errors["x"]
    assert reports[1].errors["z"] == UNREACHED


def test_a_hang_is_a_result(tmp_path: Path) -> None:
    """A child that does not end is ended, and one that says nothing costs one file."""
    command = _child(tmp_path, "time.sleep(60)")
    reports = run_batch(lambda path: [*command, path], [Job(0, "a", ()), Job(1, "b", ())], 0.2)
    assert all("no end" in report.file_error for report in reports.values()) and len(reports) == 2


def test_reports() -> None:
    """The lines of a report are what they say."""
    lines = "FILE 3|KEY x|N 1.5|S c3a9|OK|KEY y|ERR bad luck|END|FILE 4|ERR no file|END".split("|")
    reports = parse_lines(lines)
    assert reports[3].found == {"x": [Number("1.5"), Text("é")]}
    assert reports[3].errors == {"y": "bad luck"} and reports[4].file_error == "no file"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('1, 2.5,\n (3), "a, b"', ["1", "2.5", "3", "a, b"]),
        ('"b\\37777777703\\37777777651\\000"', ["bé"]),
        ('"a\\"b", "c\\nd"', ['a"b', "c\nd"]),
        ("{1, {2, TRUE}, [3]}", ["1", "2", "TRUE", "3"]),
        ("61:ff, 0X0102", ["97", "255", "1", "2"]),
    ],
)
def test_what_programs_print(text: str, found: list[str]) -> None:
    """Numbers and texts are found in what h5dump and ncdump print."""
    assert [leaf.text for leaf in parse_tokens(text)] == found


@pytest.mark.parametrize(
    ("wanted", "found", "verdict"),
    [
        ([1, 2.5], [Number("1"), Number("2.5")], ""),
        (True, [Text("TRUE")], ""),
        (False, [Number("1")], "found"),
        (1j, [Number("0"), Number("1")], ""),
        (2**63 + 5, [Number(str(2**63 + 5))], ""),
        (2**63 + 5, [Number("9.223372036854775808e18")], "rounded"),
        (0.1, [Number("0.1000000015")], "rounded"),
        (float("nan"), [Number("NaN")], ""),
        ("a", [Number("1")], "found"),
        ("1", [Number("1")], "found"),
        ([1, 2], [Number("1")], "found"),
        (Either(([1, 2], [2, 1])), [Number("2"), Number("1")], ""),
        (Json([1, "a"]), [Text('[1,"a"]')], ""),
        (Json([1, "a"]), [Text('[1,"b"]')], "found"),
    ],
)
def test_comparing(wanted: object, found: list[Number | Text], verdict: str) -> None:
    """What a reader found is right, rounded, or something else."""
    assert compare(wanted, found).startswith(verdict) and bool(compare(wanted, found)) == bool(
        verdict
    )


def test_judging() -> None:
    """A key that is not read is less than a file that is not, and more than an attribute."""
    form = next(form for form in FORMS if form.name == "list of int")
    job = Job(0, "", ("beside", "x"))
    beside = {"beside": [Number(str(n)) for n in range(3)]}
    right = [Number("1"), Number("2"), Number("3")]
    for report, outcome in (
        (Report({**beside, "x": right}), Outcome.READS),
        (Report({**beside, "x": right}, {"x@": "no"}), Outcome.ATTRIBUTES),
        (Report({**beside, "x": right[:2]}), Outcome.WRONG),
        (Report(beside, {"x": "no"}), Outcome.KEY),
        (Report({"x": right}, {"beside": "no"}), Outcome.FILE),
        (Report(file_error="no"), Outcome.FILE),
    ):
        assert judge(form, job, report).outcome is outcome


def test_the_page_and_back() -> None:
    """What is written on a page is read from it."""
    verdicts = [Verdict(Outcome.READS), Verdict(Outcome.KEY, "an error | of /tmp/x/3.h5")]
    text = page.make(FORMS[:2], [("one", "1.0", verdicts), ("two", "2.0", verdicts)], "a machine")
    rows = [form.row for form in FORMS[:2]]
    assert parse(text) == {reader: dict(zip(rows, ["yes", "no"])) for reader in ("one", "two")}
    assert "an error / of FILE" in text and "/tmp" not in text


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes the page for the readers and forms that are asked for."""
    target = tmp_path / "page.md"
    assert main(["--only", "h5py", "--form", "list of int", "--markdown", str(target)]) == 0
    assert parse(target.read_text(encoding="utf-8")) == {
        "h5py": {("Containers", "list of int"): "yes"}
    }
    assert "h5py" in capsys.readouterr().err
    with pytest.raises(LookupError, match="no reader"):
        main(["--only", "nothing"])


def test_an_interpreter_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python libraries are looked for in the interpreter that ``READERS_PYTHON`` names."""
    monkeypatch.setenv("READERS_PYTHON", os.path.join(os.sep, "nowhere", "python"))
    assert "h5py" not in {reader.name for reader, _ in present()}
