"""What all tests share: profiles of hypothesis, marks, programs, and a check that nothing is left behind."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("local", max_examples=30, **_COMMON)
settings.register_profile("ci", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("full", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "local"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and the children of tests would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


HERE = Path(__file__).parent


def pytest_sessionstart() -> None:
    """Stop where a library is missing that must not be: tests that need it would be skipped.

    ``HDFCHK_REQUIRE_LIBRARIES``, a list with blanks between, names them, as in CI. The tests skip in
    many ways, as parts of tables of values, too: only here is one place for all.

    Raises:
        UsageError: one is not installed.
    """
    for name in os.environ.get("HDFCHK_REQUIRE_LIBRARIES", "").split():
        if importlib.util.find_spec(name) is None:
            raise pytest.UsageError(
                f"{name} is not installed, and HDFCHK_REQUIRE_LIBRARIES names it"
            )


SLOW_SUITES = ("crash", "hostile")
"""Their tests have the mark of this name, and are slow."""


@pytest.hookimpl(tryfirst=True)  # before those are left out that `-m` does not name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of suites, and leave out what is exhaustive, unless everything is to be tried."""
    for item in items:
        for suite in SLOW_SUITES:
            if HERE / suite in item.path.parents:
                item.add_marker(suite)
                item.add_marker("slow")
        if item.get_closest_marker("exhaustive"):
            item.add_marker("slow")
            if os.environ.get("HDFCHK_FUZZ") != "full":
                item.add_marker(pytest.mark.skip("exhaustive: HDFCHK_FUZZ=full does it"))


def pytest_collection_finish() -> None:
    """Spare collections of garbage what is there for good: modules, tests and their parameters.

    Some tests collect hundreds of times, many of them in forked children, in which looking at an
    object also copies its page.
    """
    gc.collect()
    gc.freeze()


def _open_files(folder: Path) -> list[str]:
    """The files below `folder` that this process holds open."""
    if not os.path.isdir("/proc/self/fd"):
        return []
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(target)
    return found


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """No file below `tmp_path` is still open after a test, and no temporary sibling is left."""
    if "tmp_path" not in request.fixturenames:
        yield
        return
    folder = request.getfixturevalue("tmp_path")
    yield
    _check_nothing_left(folder)


def _check_nothing_left(folder: Path) -> None:
    assert _open_files(folder) == []
    assert list(folder.rglob("*.partial")) == []


@pytest.fixture(autouse=True)
def no_process_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process that a test has started survives it, also where the test fails."""
    started: list[subprocess.Popen[Any]] = []
    begin = subprocess.Popen.__init__

    def note(process: subprocess.Popen[Any], *args: Any, **kwargs: Any) -> None:
        begin(process, *args, **kwargs)
        started.append(process)

    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", note)
        yield
    ours = [process for process in started if not getattr(process, "is_shared", False)]
    left = [process for process in ours if process.poll() is None]
    for process in left:
        process.kill()
        process.wait()
    assert not left, f"it has left {[process.args for process in left]} running"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a store may be made."""
    return str(tmp_path / "store.hdf5")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that each user may enter and read. Above `tmp_path` are some of its user alone."""
    folder = Path(tempfile.mkdtemp(prefix="hdfchk-")).resolve()
    try:
        folder.chmod(0o755)
        yield folder
        _check_nothing_left(folder)
    finally:
        shutil.rmtree(folder)


def _need_tools(*names: str) -> None:
    required = os.environ.get("HDFCHK_REQUIRE_TOOLS", "").split()
    for name in names:
        if shutil.which(name) is None:
            if name in required:
                pytest.fail(f"{name} is not installed, and HDFCHK_REQUIRE_TOOLS names it")
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="session")
def need_tools() -> Callable[..., None]:
    """Skips the test that calls it where one of some programs is not installed.

    Where ``HDFCHK_REQUIRE_TOOLS``, a list with blanks between, names that one, as in CI, the test
    fails instead.
    """
    return _need_tools


@pytest.fixture(scope="session")
def run_tool() -> Callable[..., str]:
    """Gives what a program prints, which must succeed without a complaint, if it is installed."""

    def run(name: str, *arguments: str) -> str:
        _need_tools(name)
        command = [name, *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0 and not done.stderr, (command, done.stdout, done.stderr)
        return done.stdout

    return run
