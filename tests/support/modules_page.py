"""``python -m tests.support.modules_page`` writes `docs/modules.md`: each module with its first line."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "modules.md"
INTRODUCTION = """\
# Modules

Every module of the package with the first line of its docstring. `python -m tests.support.modules_page` writes
this page. [Architecture](architecture.md) describes how they work together.
"""


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for package in sorted((ROOT / "hdfchk").rglob("__init__.py")):
        modules = sorted(set(package.parent.glob("*.py")) - {package})
        rows = "".join(f"| `{path.name}` | {_first_line(path)} |\n" for path in modules)
        table = f"\n| module | contents |\n| --- | --- |\n{rows}" if rows else ""
        name = package.parent.relative_to(ROOT).as_posix()
        parts.append(f"\n## {name}\n\n{_first_line(package)}\n{table}")
    return "".join(parts)


def _first_line(path: Path) -> str:
    """Return the summary of a module, which may be several lines, as one line for a table."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
