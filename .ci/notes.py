"""Print the notes of a release: the section of CHANGELOG.md that is named after a version.

``python .ci/notes.py VERSION [FILE]``; FILE is another changelog. It fails without such a section.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def notes(text: str, version: str) -> str:
    """Return the section of a version, without its heading.

    Args:
        text: a changelog, with headings as ``## 1.2.0`` and, if there is more, ``## 1.2.0 (date)``.
        version: with or without a ``v`` before it, as a tag has.

    Raises:
        SystemExit: there is no such section, or it is empty.
    """
    wanted = version.removeprefix("v")
    for section in re.split(r"(?m)^## ", text)[1:]:
        heading, _, body = section.partition("\n")
        if heading.split()[:1] == [wanted] and body.strip():
            return body.strip() + "\n"
    sys.exit(f"CHANGELOG.md has no section '## {wanted}' with text in it")


if __name__ == "__main__":
    file = Path(sys.argv[2]) if len(sys.argv) > 2 else CHANGELOG
    sys.stdout.write(notes(file.read_text(encoding="utf-8"), sys.argv[1]))
