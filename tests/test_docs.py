"""Each code block of the README and the docs runs; each page is what its maker makes."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"(<!-- not run: (?:(?!-->).)+ -->\s*)?```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run, in order, in one namespace, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    module = types.ModuleType(f"page_{page.stem}")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for reason, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if not reason:
            exec(compile(block, page.name, "exec"), vars(module))
    vars(module).clear()  # maps of files, say


def test_blocks_found() -> None:
    """A reason stands for the python block right after it, and for no other."""
    text = (
        "<!-- not run: a -->\n```sh\n```\n```python\n1\n```\n<!-- not run: b -->\n```python\n2\n```"
    )
    assert [(bool(reason), block) for reason, block in BLOCK.findall(text)] == [
        (False, "1\n"),
        (True, "2\n"),
    ]


def test_links() -> None:
    """Each file that a page links to, or names in the docs folder, is there."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_workplace_words() -> None:
    """The repo speaks of the software alone."""
    words = re.compile(r"/root/|/work/|\bissue #?\d|pypi\.org", re.IGNORECASE)
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("*.toml"),
        *(path for hidden in (".ci", ".github") for path in (ROOT / hidden).rglob("*.*")),
        *(path for path in (ROOT / ".ci").iterdir() if path.is_file()),
        ROOT / ".gitignore",
    ]
    for folder in ("hdfchk", "docs", "tests", "examples", "benchmarks"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md"}]
    for path in files:
        if path != Path(__file__):
            assert not words.search(path.read_text(encoding="utf-8")), path
