"""Each code block of the README and the docs runs, and prints what the page shows."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import hdfchk
from tests.support.libraries import library
from tests.support.pages import FENCED, PROGRAMS, Block, Runner, blocks_of, can_run

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(DOCS.rglob("*.md")),
]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
BLOCKS = {
    name: blocks_of(page.read_text(encoding="utf-8"))
    for name, page in zip(NAMES, PAGES, strict=True)
}
NOT_RUN = {
    "README.md": 4,  # they make environments; .ci/run runs two of them
    "CONTRIBUTING.md": 3,  # likewise
    "docs/architecture.md": 1,
    "docs/benchmarks.md": 1,
    "docs/cli.md": 2,
    "docs/durability.md": 1,
    "docs/howto/other-languages.md": 2,  # of programs that CI does not have
    "docs/readers.md": 1,
    "docs/tables.md": 1,
    "docs/tour.md": 1,  # it makes an environment
    "docs/viewer.md": 1,  # likewise, and it serves until it is ended
}
"""How many blocks of a page say why they are not run."""
NEEDS = sorted({(name, block.program) for name in NAMES for block in BLOCKS[name] if block.needs})
LIBRARIES = sorted(
    {(name, block.library) for name in NAMES for block in BLOCKS[name] if block.library}
)


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, program: str = "") -> None:
    """Run a page in an empty folder; of the blocks that need something, those that need `program`."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.syspath_prepend(str(folder))  # for the files that a page saves
    before = set(sys.modules)
    runner = Runner(ROOT / name, folder)
    monkeypatch.setitem(sys.modules, "__main__", runner.module)  # dataclasses look it up
    try:
        for block in BLOCKS[name]:
            if block.program in {"", program}:
                runner.run(block)
    finally:
        vars(runner.module).clear()  # maps of files, say
        for added in set(sys.modules) - before:
            if str(getattr(sys.modules[added], "__file__", None)).startswith(str(folder)):
                del sys.modules[added]


def marked(name: str) -> Any:
    """A page whose blocks start programs takes seconds."""
    starts = [block for block in BLOCKS[name] if block.language == "sh" and not block.reason]
    return pytest.param(name, marks=pytest.mark.slow) if starts else name


@pytest.mark.parametrize("name", [marked(name) for name in NAMES])
def test_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run, in order, in an empty folder, and print what the page shows."""
    run(name, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name, program", NEEDS)
def test_blocks_of_programs(
    name: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do those that need another program, where it is installed."""
    for block in BLOCKS[name]:
        if block.program == program and not can_run(block.needs):
            if program in os.environ.get("HDFCHK_REQUIRE_TOOLS", "").split():
                pytest.fail(f"{block.needs!r} fails, and HDFCHK_REQUIRE_TOOLS names {program}")
            pytest.skip(f"{block.needs!r} fails: not installed")
    run(name, tmp_path, monkeypatch, program)


@pytest.mark.slow
@pytest.mark.parametrize("name, module", LIBRARIES)
def test_blocks_of_libraries(
    name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do those that need a library: in environments of .ci/run that have it, and require it."""
    library(module)
    run(name, tmp_path, monkeypatch, module)


def test_required_libraries() -> None:
    """CI lets no block of a library be skipped in each of its environments."""
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").split("\nstep ")
    run_there = [step for step in steps if "test_blocks_of_libraries" in step]
    required = {
        module
        for step in run_there
        for named in re.findall(r'HDFCHK_REQUIRE_LIBRARIES="?([\w ]+)', step)
        for module in named.split()
    }
    assert {module for _, module in LIBRARIES} <= required


def test_what_is_not_run() -> None:
    """Each block of a program runs, is saved for another that does, or says why not; they are counted."""
    for name in NAMES:
        reasons = [block for block in BLOCKS[name] if block.reason]
        assert len(reasons) == NOT_RUN.get(name, 0), f"{name}: {reasons}"
        for block in BLOCKS[name]:
            runs = block.language in {"python", "sh"} or block.file or block.reason
            assert runs or block.language not in PROGRAMS, f"{name}, line {block.line}"


def test_blocks_found() -> None:
    """A note is about the block right after it, a text block about the block right before it."""
    text = (
        "<!-- not run: a -->\n```sh\n```\n<!-- library: m -->\n```python\n1\n```\n<!-- file: x.py -->\n<!-- needs: b -c\n-->"
        "\n```python\n2\n```\n\n```text\n3\n```\nwords\n```sh\n4\n```\n\n```text\n5\n```\n"
    )
    text = text.replace("b -c\n-->", "b -c -->")
    assert blocks_of(text) == [
        Block("sh", "", 3, "a", "", "", "", None),
        Block("python", "1\n", 6, "", "", "", "m", None),
        Block("python", "2\n", 11, "", "x.py", "b -c", "", None),
        Block("text", "3\n", 15, "", "", "", "", None),
        Block("sh", "4\n", 19, "", "", "", "", "5\n"),
    ]


@pytest.mark.parametrize(
    "code, shown, fits",
    [
        ("print(1)", "1\n", True),
        ("print(1)", "2\n", False),
        ("print(1)", None, False),
        ("print('a b c')", "a ... c\n", True),
    ],
)
@pytest.mark.parametrize("language", ["python", "sh"])
def test_output_is_compared(
    tmp_path: Path, language: str, code: str, shown: str | None, fits: bool
) -> None:
    """A block that prints something else than the page shows, or shows nothing of it, fails."""
    if language == "sh":
        code = f'python -c "{code}"'
    runner = Runner(Path("page.md"), tmp_path)
    block = Block(language, code, 1, "", "", "", "", shown)
    if fits:
        runner.run(block)
    else:
        with pytest.raises(AssertionError, match=r"page\.md, line 1"):
            runner.run(block)


def test_links() -> None:
    """Each file that a page links to, or names in the docs folder, is there."""
    for page in PAGES:
        prose = FENCED.sub("", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_reference_is_complete() -> None:
    """Each public name has its place in the reference, and no other name has one."""
    directive = re.compile(r"^\.\. auto(?:class|function|exception):: hdfchk\.(\w+)$", re.MULTILINE)
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md")]
    named = [name for page in pages for name in directive.findall(page)]
    assert sorted(named) == sorted(hdfchk.__all__)


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
        files += [
            path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md", ".ipynb"}
        ]
    for path in files:
        if path != Path(__file__):
            assert not words.search(path.read_text(encoding="utf-8")), path
