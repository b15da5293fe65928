"""The lines by which a reader, in whatever language, tells what it found.

A child gets a file of jobs, one a line: the number of the job, the file, and the keys, with tabs between. It
prints, and flushes line by line::

    FILE 0            begins job 0
    KEY x             begins a key; "x@" stands for the attributes of x
    N 1.5             a number
    S 68c3a9          a text, its UTF-8 in hexadecimal
    OK                the key was read whole
    ERR the reason    the key was not read; before any KEY: nor was the file
    END               the job is done

What is missing was lost when the child crashed.
"""

from __future__ import annotations

import attrs

from .leaves import Leaf, Number, Text


@attrs.frozen
class Job:
    """A file, and the keys that are to be read in it."""

    number: int
    path: str
    keys: tuple[str, ...]

    def line(self) -> str:
        """The job as a child reads it."""
        return "\t".join([str(self.number), self.path, *self.keys]) + "\n"


@attrs.define
class Report:
    """What a reader said of one file."""

    found: dict[str, list[Leaf]] = attrs.field(factory=dict)
    errors: dict[str, str] = attrs.field(factory=dict)
    file_error: str = ""
    ended: bool = False
    at: str = ""  # the key that was being read


def parse(lines: list[str]) -> dict[int, Report]:
    """The reports of the jobs that were begun."""
    reports: dict[int, Report] = {}
    report = Report()
    leaves: list[Leaf] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FILE" and rest.isdigit():
            report = reports[int(rest)] = Report()
        elif word == "KEY":
            report.at, leaves = rest, []
        elif word == "N":
            leaves.append(Number(rest))
        elif word == "S":
            leaves.append(Text(bytes.fromhex(rest).decode("utf-8", "surrogateescape")))
        elif word == "OK":
            report.found[report.at] = leaves
        elif word == "ERR" and report.at:
            report.errors[report.at] = rest
        elif word == "ERR":
            report.file_error = rest
        elif word == "END":
            report.ended, report.at = True, ""
    return reports
