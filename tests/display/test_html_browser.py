"""A notebook in a real browser: it was executed, its page opened; groups fold, in any theme.

Without the extra `notebook`, or without Chromium, the tests are skipped; where
``HDFCHK_REQUIRE_LIBRARIES`` names playwright, as in CI, they fail.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.display.notebook import CELLS, chromium, launch

NEEDED = ("ipykernel", "nbclient", "nbconvert", "playwright")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if chromium() is None:
    MISSING.append("Chromium")
if MISSING and "playwright" in os.environ.get("HDFCHK_REQUIRE_LIBRARIES", "").split():
    raise ImportError(f"not installed: {', '.join(MISSING)}")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"not installed: {', '.join(MISSING)}; see the extra notebook, and Debian's chromium",
    ),
    # Of the libraries that drive the browser.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
ROOT = Path(__file__).parent.parent.parent
SHOWN = {"store": 0, "group": 1, "array": 2, "attributes": 3, "view": 4, "tree": 5, "error": 8}
"""The cells that show something, by what they show."""
CONTRAST = """
element => {
    const numbers = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(c => c / 255).map(
            c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    let behind = element, back = [0, 0, 0, 0], seen = 1;
    for (let up = element; up; up = up.parentElement) seen *= Number(getComputedStyle(up).opacity);
    while (behind && (back.length > 3 && back[3] === 0)) {
        back = numbers(getComputedStyle(behind).backgroundColor);
        behind = behind.parentElement;
    }
    if (back.length > 3 && back[3] === 0) back = [255, 255, 255];
    const front = numbers(getComputedStyle(element).color).slice(0, 3).map(
        (c, n) => seen * c + (1 - seen) * back[n]);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of an executed notebook."""
    made = tmp_path_factory.mktemp("pages")
    places = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    own = {name: str(made / name.lower()) for name in places}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "tests.display.notebook", str(made)],
        cwd=ROOT,
        env={**os.environ, **own, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = launch(playwright)
        yield made
        made.close()


@pytest.fixture(params=["scripts", "no scripts"])
def page(request: pytest.FixtureRequest, browser: Any, folder: Path) -> Iterator[Any]:
    """The light page, with JavaScript and without it."""
    context = browser.new_context(java_script_enabled=request.param == "scripts")
    yield _opened(context, folder / "light.html")
    context.close()


def _opened(context: Any, path: Path) -> Any:
    page = context.new_page()
    page.route("http*://**", lambda route: route.abort())  # MathJax of nbconvert, say
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    return page


def _output(page: Any, cell: int) -> Any:
    return page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea-output")


def test_it_is_shown(page: Any) -> None:
    """Each object shows its first line, and what it holds."""
    assert page.locator(".jp-Cell").count() == len(CELLS)
    for name, words in (
        ("store", ["HDF5Checkpointer", "water.hdf5", "4 keys", "CCSD(T)", "float64 (10000, 50)"]),
        ("group", ["Group", "'log'", "3 keys", "int64 (40,)", "node7"]),
        ("array", ["Array", "(10000, 50)", "gzip"]),
        ("attributes", ["project", "vibrations of water"]),
        ("view", ["filtered", "3 keys"]),
        ("tree", ["params", "4 keys"]),
        ("error", ["missing.hdf5", "FileNotFoundError"]),
    ):
        text = _output(page, SHOWN[name]).inner_text()
        assert all(word in text for word in words), (name, text)
    assert "grid" not in _output(page, SHOWN["view"]).inner_text()


def test_groups_fold(page: Any) -> None:
    """A click folds a group and unfolds it, also where no script runs."""
    output = _output(page, SHOWN["store"])
    params, inner = output.locator("summary", has_text="params"), output.get_by_text("CCSD(T)")
    assert inner.is_visible()
    params.click()
    assert not inner.is_visible() and output.get_by_text("float64 (10000, 50)").is_visible()
    params.click()
    assert inner.is_visible()
    assert not output.get_by_text("node7").is_visible()  # deeper ones are folded at first
    output.locator("summary", has_text="notes").click()
    assert output.get_by_text("node7").is_visible()


def test_keys_and_values_are_no_html(page: Any) -> None:
    """A key and a value that are HTML are shown as they are."""
    output = _output(page, len(CELLS) - 1)
    text = output.inner_text()
    assert "<b>bold" in text and "<script>document.title" in text
    assert output.locator("script").count() == 0 and "broken" not in page.title()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_themes(browser: Any, folder: Path, theme: str) -> None:
    """In a light and in a dark theme all of it can be read (WCAG's contrast for large text, and
    for all text but what is only faint); names stand in columns.
    """
    context = browser.new_context(color_scheme=theme)
    page = _opened(context, folder / f"{theme}.html")
    for cell in SHOWN.values():
        for place in _output(page, cell).locator("b, span").all():
            assert place.evaluate(CONTRAST) >= 3.5, place.inner_text()
        head = _output(page, cell).locator("b").first
        assert head.evaluate(CONTRAST) >= 7
    values = [
        _output(page, SHOWN["store"]).get_by_text(text, exact=True).bounding_box()["x"]
        for text in ("'CCSD(T)'", "500", "1e-08")
    ]
    assert max(values) - min(values) < 1
    context.close()


def test_without_a_notebook_around_it(browser: Any, folder: Path, tmp_path: Path) -> None:
    """In a page without Jupyter's colors, text has those of the page, or of the system."""
    from hdfchk import HDF5Checkpointer

    html = HDF5Checkpointer(str(folder / "water.hdf5"), mode="r")._repr_html_()
    place, system = tmp_path / "page.html", '<meta name="color-scheme" content="light dark">'
    own = "<body style='background: #1e1e1e; color: #cccccc'>"  # as in VS Code
    is_light = {}
    for scheme, head in (("light", system), ("dark", system), ("light", own)):
        place.write_text(f'<meta charset="utf-8">{head}{html}', encoding="utf-8")
        context = browser.new_context(color_scheme=scheme)
        page = _opened(context, place)
        color = page.locator("b").first.evaluate("element => getComputedStyle(element).color")
        numbers = color.removeprefix("rgb(").rstrip(")").split(",")
        is_light[scheme, head] = sum(map(int, numbers)) > 382
        context.close()
    assert list(is_light.values()) == [False, True, True]
