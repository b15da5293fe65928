"""The site of the documentation is built without a warning, and takes nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.libraries import library

ROOT = Path(__file__).parents[1]
library("sphinx")
library("myst_parser")
library("furo")


def test_site(tmp_path: Path) -> None:
    """Each page and each link is found, each docstring is well formed; no page loads a foreign file."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(site)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        text = (site / page.relative_to(ROOT / "docs").with_suffix(".html")).read_text("utf-8")
        loads = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"([^\"]*)\"", text)
        loads += re.findall(r"<link(?![^>]*rel=\"canonical\")[^>]*\shref=\"([^\"]*)\"", text)
        assert loads and not [place for place in loads if "//" in place], page
        for target in set(re.findall(r"<a [^>]*href=\"([^\"#:]+)[\"#]", text)):
            assert (site / page.relative_to(ROOT / "docs")).parent.joinpath(target).exists(), (
                f"{page.name}: {target}"
            )
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text("utf-8")), sheet
    reference = (site / "reference" / "group.html").read_text("utf-8")
    for name in ("append", "cached_eval", "describe", "tree"):  # inherited ones, too
        assert f'id="hdfchk.Group.{name}"' in reference
