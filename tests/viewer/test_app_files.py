"""The files of the page: those that were built from the sources beside them, with all licences."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import hdfchk.viewer

VIEWER = Path(hdfchk.viewer.__file__).parent
COMMAND = "build the page again: .ci/build_viewer"


def test_the_build_is_that_of_the_sources() -> None:
    """Every source and every built file has the hash that the last build has noted."""
    noted = dict(
        reversed(line.split("  ", 1))
        for line in (VIEWER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    found = {
        path.relative_to(VIEWER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("page", "static")
        for path in (VIEWER / folder).rglob("*")
        if path.is_file() and "node_modules" not in path.parts
    }
    assert found == noted, COMMAND


def test_licences_of_all_that_is_in_the_page() -> None:
    """Each package that the page needs at run time is named with its licence."""
    text = (VIEWER / "static" / "LICENSES.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^## (\S+) - .*\((.+)\)$", text, re.MULTILINE))
    assert {"@h5web/app", "@h5web/lib", "react", "react-dom", "three"} <= named.keys()
    assert set(named.values()) <= {
        "MIT",
        "ISC",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "Apache-2.0",
        "0BSD",
    }
    locked = json.loads((VIEWER / "page" / "package-lock.json").read_text(encoding="utf-8"))
    versions = {
        name.rpartition("node_modules/")[2]: package["version"]
        for name, package in locked["packages"].items()
        if name
    }
    for name, version in re.findall(r"^## (\S+) - (\S+) ", text, re.MULTILINE):
        assert name in versions, f"{name} {version} is not in the lock file"


def test_versions_are_exact() -> None:
    """Packages are named by version and hash, and no host from which they come."""
    wanted = json.loads((VIEWER / "page" / "package.json").read_text(encoding="utf-8"))
    for version in {**wanted["dependencies"], **wanted["devDependencies"]}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    text = (VIEWER / "page" / "package-lock.json").read_text(encoding="utf-8")
    packages = [package for name, package in json.loads(text)["packages"].items() if name]
    assert all("integrity" in package for package in packages) and '"resolved"' not in text


def test_the_page_asks_no_other_origin() -> None:
    """The page loads its own files alone."""
    page = (VIEWER / "static" / "index.html").read_text(encoding="utf-8")
    assert "http" not in page and "assets/viewer.js" in page
    style = (VIEWER / "static" / "assets" / "index.css").read_text(encoding="utf-8")
    assert "@import" not in style and not re.search(r"url\(\s*['\"]?(https?:)?//", style)
