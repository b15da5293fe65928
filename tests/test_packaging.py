"""What describes the package to others: versions and dependencies agree, and a release has notes."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import hdfchk

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
RECIPE = yaml.safe_load((ROOT / ".ci/conda/recipe.yaml").read_text("utf-8"))
NAMES = {"isal": "python-isal", "matplotlib": "matplotlib-base"}
"""conda-forge's names of packages, where they differ from those of PyPI."""


def wanted(requirements: list[str]) -> dict[str, str]:
    """By conda-forge's name: the versions that requirements of pyproject.toml take, their extras too."""
    found: dict[str, str] = {}
    for requirement in requirements:
        name, extras, versions = re.fullmatch(
            r"([\w-]+)(?:\[([\w,]+)\])?(.*)", requirement
        ).groups()
        if name == PROJECT["name"]:
            for extra in extras.split(","):
                found |= wanted(PROJECT["optional-dependencies"][extra])
        else:
            found[NAMES.get(name, name)] = versions
    return found


def told(lines: list[str]) -> dict[str, str]:
    """The same of a list of the recipe."""
    return {name: versions for name, _, versions in (line.partition(" ") for line in lines)}


def test_one_version() -> None:
    """The version is the same everywhere."""
    versions = {
        PROJECT["version"], hdfchk.__version__, CITATION["version"], RECIPE["context"]["version"],
    }  # fmt: skip
    assert len(versions) == 1, versions


def test_one_description() -> None:
    """So are name, licence and summary."""
    assert {PROJECT["name"], CITATION["title"], RECIPE["context"]["name"]} == {"hdfchk"}
    licences = {PROJECT["license"], CITATION["license"], RECIPE["about"]["license"]}
    assert licences == {"MIT"}
    assert RECIPE["about"]["summary"] == CITATION["abstract"]


def test_dependencies_of_the_recipe() -> None:
    """The recipe requires what the core does, and lets in of the extras what they take."""
    least = PROJECT["requires-python"].removeprefix(">=")
    assert RECIPE["context"]["python_min"] == least
    run = told(RECIPE["requirements"]["run"])
    assert run.pop("python") == ">=${{ python_min }}"
    assert run == wanted(PROJECT["dependencies"])
    constraints = told(RECIPE["requirements"]["run_constraints"])
    extras = wanted([f"{PROJECT['name']}[all]"])
    assert extras.items() <= constraints.items()
    assert list(constraints) == sorted(constraints)


def test_commands_of_the_recipe() -> None:
    """The recipe makes the commands that the wheel has."""
    lines = dict(line.split(" = ") for line in RECIPE["build"]["python"]["entry_points"])
    assert PROJECT.get("scripts", {}).items() <= lines.items()


def notes(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What `.ci/notes.py` prints."""
    command = [sys.executable, str(ROOT / ".ci/notes.py"), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


CHANGES = """# Changelog

## Unreleased

## 1.1.0 (2027-01-02)

* **Two**: ## is no heading here.

### Part

* Three.

## 1.1

Other.
"""


@pytest.mark.parametrize(
    "version, expected",
    [
        ("v1.1.0", "* **Two**: ## is no heading here.\n\n### Part\n\n* Three.\n"),
        ("1.1", "Other.\n"),
        ("1.1.1", None),
        ("Unreleased", None),
    ],
)
def test_notes(tmp_path: Path, version: str, expected: str | None) -> None:
    """The notes of a release are the section of its version; without one, they are an error."""
    file = tmp_path / "changes.md"
    file.write_text(CHANGES, encoding="utf-8")
    done = notes(version, str(file))
    if expected is None:
        assert done.returncode == 1 and version in done.stderr and not done.stdout
    else:
        assert (done.returncode, done.stdout) == (0, expected)


def test_notes_of_this_version() -> None:
    """The changelog has a section for the version, unless it is still to be released."""
    done: Any = notes(PROJECT["version"])
    assert done.returncode == 0 and done.stdout
