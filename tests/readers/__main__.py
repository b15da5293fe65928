"""Make the table of who reads what: ``python -m tests.readers [--markdown FILE] [--only READER …]``."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile

from . import page
from .forms import FORMS
from .readers import READERS, present
from .verdicts import Outcome, evaluate, make_jobs


def main(arguments: list[str]) -> int:
    """Read the files of all forms by all readers, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.readers", description=__doc__)
    parser.add_argument("--markdown", metavar="FILE", help="write the page there")
    parser.add_argument("--only", nargs="+", metavar="READER", help="these readers alone")
    parser.add_argument("--form", metavar="TEXT", default="", help="forms with this in their names")
    options = parser.parse_args(arguments)
    forms = [form for form in FORMS if options.form in form.name]
    lacking = {form.needs for form in forms if not form.can_be_made()}
    if lacking:
        said = f"not installed: {', '.join(sorted(lacking))} (pip install 'hdfchk[test,types]')\n"
        if not options.only:
            sys.exit(said)
        sys.stderr.write(said)
        forms = [form for form in forms if form.can_be_made()]
    readers = present(options.only)
    missing = [one.name for one in READERS if one.name not in {found.name for found, _ in readers}]
    if missing and not options.only:
        sys.stderr.write(f"not installed: {', '.join(missing)}\n")
    columns = []
    with tempfile.TemporaryDirectory() as folder:
        jobs = make_jobs(forms, folder)
        for reader, version in readers:
            verdicts = evaluate(reader, jobs, forms)
            columns.append((reader.name, version, verdicts))
            count = sum(verdict.outcome is Outcome.READS for verdict in verdicts)
            sys.stderr.write(f"{reader.name} {version}: {count} of {len(forms)}\n")
    system = " ".join(platform.freedesktop_os_release().get("PRETTY_NAME", "Linux").split())
    text = page.make(forms, columns, f"{system}, {platform.machine()}")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
