"""Print the least versions that pyproject.toml allows, as constraints for pip.

``python .ci/least.py EXTRA...``: those of the package and of the extras, with all that these name.
``python .ci/least.py --names EXTRA...``: the names of the packages of the extras alone.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))[
    "project"
]


def least(requirements: list[str]) -> Iterator[str]:
    """A constraint for each requirement that has a least version."""
    extras: dict[str, Any] = PROJECT["optional-dependencies"]
    for requirement in requirements:
        own = re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", requirement)
        if own:
            for extra in own[1].split(","):
                yield from least(extras[extra])
        else:
            found = re.fullmatch(r"([\w.-]+)(?:\[.*\])?>=([\d.]+)(?:,<[\d.]+)?", requirement)
            if found is None:
                sys.exit(f"{requirement}: it has no least version")
            # ".*": a version may be there only with a further number, or as a post-release.
            yield f"{found[1]}=={found[2]}.*"


if __name__ == "__main__":
    names = sys.argv[1:2] == ["--names"]
    wanted = [f"{PROJECT['name']}[{extra}]" for extra in sys.argv[2 if names else 1 :]]
    lines = least(wanted if names else [*PROJECT["dependencies"], *wanted])
    sys.stdout.writelines(f"{line.partition('==')[0] if names else line}\n" for line in lines)
