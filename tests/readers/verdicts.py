"""What a reader's report of a form is worth."""

from __future__ import annotations

import enum
import os
from typing import Any

import attrs
import h5py

from .forms import BESIDE, BESIDE_DATA, FORMS, KEY, Form, write
from .leaves import compare
from .readers import Reader
from .reports import Job, Report

MOST_KEYS = 20  # of a form with more datasets only those are read whose data are given


class Outcome(enum.Enum):
    """How a reader fares with a form; the value stands in the table."""

    READS = "yes"
    ROUNDED = "≈"
    ATTRIBUTES = "attrs"
    PART = "part"
    KEY = "no"
    WRONG = "wrong"
    FILE = "file"
    CRASH = "crash"


@attrs.frozen
class Verdict:
    """An outcome, and what the reader said, if it was not all read."""

    outcome: Outcome
    reason: str = ""


def make_jobs(forms: list[Form], folder: str) -> list[Job]:
    """Write the file of each form, and say what is to be read in it."""
    jobs = []
    for number, form in enumerate(forms):
        path = os.path.join(folder, f"{number}.h5")
        write(form, path)
        with h5py.File(path, "r") as file:
            keys = _datasets(file)
        wanted = [f"{KEY}/{name}" if name else KEY for name in form.plain]
        assert set(wanted) <= set(keys), (form.name, wanted, keys)
        jobs.append(Job(number, path, (BESIDE, *(wanted if len(keys) > MOST_KEYS else keys))))
    return jobs


def _datasets(file: h5py.File) -> list[str]:
    """The datasets of a form, by name."""
    found: list[str] = []
    if isinstance(file[KEY], h5py.Dataset):
        return [KEY]
    file[KEY].visititems(
        lambda name, item: found.append(f"{KEY}/{name}") if isinstance(item, h5py.Dataset) else None
    )
    return found


def judge(form: Form, job: Job, report: Report) -> Verdict:
    """The verdict on one form."""
    verdict = _judge(form, job, report)
    return Verdict(Outcome.CRASH, verdict.reason) if "crash (" in verdict.reason else verdict


def _judge(form: Form, job: Job, report: Report) -> Verdict:
    if report.file_error:
        return Verdict(Outcome.FILE, report.file_error)
    if not report.found and not report.errors:  # a tool that looks at files as a whole
        return Verdict(Outcome.READS)
    if compare(BESIDE_DATA, report.found.get(BESIDE, [])) != "":
        return Verdict(Outcome.FILE, report.errors.get(BESIDE, "the other key is read wrong"))
    keys = [key for key in job.keys if key != BESIDE]
    failed = [key for key in keys if key not in report.found]
    if failed:
        whole = Outcome.KEY if len(failed) == len(keys) else Outcome.PART
        return Verdict(whole, report.errors.get(failed[0], "not read"))
    rounded = ""
    for key in keys:
        name = key.removeprefix(KEY).removeprefix("/")
        if name in form.plain:
            fault = compare(form.plain[name], report.found[key])
            if fault == "rounded":
                rounded = fault
            elif fault:
                return Verdict(Outcome.WRONG, fault)
    lost = [key for key in keys if f"{key}@" in report.errors]
    if lost:
        return Verdict(Outcome.ATTRIBUTES, report.errors[f"{lost[0]}@"])
    return Verdict(Outcome.ROUNDED if rounded else Outcome.READS)


def evaluate(reader: Reader, jobs: list[Job], forms: list[Form] = FORMS) -> list[Verdict]:
    """The verdicts of a reader on all forms, in their order."""
    reports: dict[int, Report] = reader.read(jobs)
    nothing: Any = Report(file_error="no report")
    return [judge(forms[job.number], job, reports.get(job.number, nothing)) for job in jobs]
