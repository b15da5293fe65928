"""A child process that reads many files, and another one for the rest where it crashes or hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable

from .reports import Job, Report, parse

TIME_LIMIT = 120.0  # seconds for all jobs of a child
UNREACHED = "not reached"


def run_batch(
    command: Callable[[str], list[str]], jobs: list[Job], time_limit: float = TIME_LIMIT
) -> dict[int, Report]:
    """Let children read all jobs.

    A child that ends before it is through is a result of the file that it was reading; the next one
    begins at the file behind it.

    Args:
        command: what to run, given the path of the file of jobs.
        jobs: all of them.
        time_limit: for one child.
    """
    reports: dict[int, Report] = {}
    rest = list(jobs)
    while rest:
        lines, why = _run(command, rest, time_limit)
        new = parse(lines)
        begun = [job for job in rest if job.number in new]
        for job in begun:
            report = reports[job.number] = new[job.number]
            if not report.ended:
                _lost(report, job, why)
        if not begun:
            reports[rest[0].number] = Report(file_error=why)
        rest = rest[max(1, len(begun)) :]
    return reports


def _run(
    command: Callable[[str], list[str]], jobs: list[Job], time_limit: float
) -> tuple[list[str], str]:
    """The lines that one child printed, and why it ended early."""
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "jobs")
        with open(name, "w", encoding="utf-8") as stream:
            stream.writelines(job.line() for job in jobs)
        out, err = os.path.join(folder, "out"), os.path.join(folder, "err")
        with open(out, "wb") as printed, open(err, "wb") as said:
            why = ""
            try:
                code = subprocess.run(
                    command(name),
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=said,
                    timeout=time_limit,
                    check=False,
                    cwd=folder,
                    env=environment(),
                ).returncode
            except subprocess.TimeoutExpired:
                why = f"no end within {time_limit:g} s"
            else:
                why = ending(code)
        with open(out, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
        with open(err, encoding="utf-8", errors="replace") as stream:
            complaint = " ".join(stream.read().split())[-200:]
    return lines, f"{why} {complaint}" if complaint else why


def environment() -> dict[str, str]:
    """That of the children: each library finds its filters by itself, if it has any."""
    inherited = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}
    return {**inherited, "LC_ALL": "C.UTF-8"}


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"crash ({signal.Signals(-code).name})"
    return f"exit code {code}"


def _lost(report: Report, job: Job, why: str) -> None:
    """Note what a child that ended early did not read."""
    if not report.at:
        report.file_error = why
        return
    report.errors.setdefault(report.at, why)
    for key in job.keys:
        for name in (key, f"{key}@"):
            if name not in report.found and name not in report.errors:
                report.errors[name] = UNREACHED
