"""Types of other libraries: skips if a library is missing, round trips, reading without it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, MissingExtraError
from hdfchk.codecs.portable import Capabilities

POOR = Capabilities(
    null=False, complex_numbers=False, longdouble=False, variable_strings=False, mark_all=True
)


def library(name: str) -> Any:
    """Import a library of the extra `types`, or skip the tests of the calling module.

    If ``HDFCHK_REQUIRE_LIBRARIES`` names the library, an installed one that cannot be imported is
    an error, and a missing one ends the session (`tests/conftest.py`).
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        if name in os.environ.get("HDFCHK_REQUIRE_LIBRARIES", "").split():
            raise
        pytest.skip(f"{name} is not installed", allow_module_level=True)


def check_round_trip(path: str, value: Any, differs: Callable[[Any, Any], str | None]) -> None:
    """Check that a value is restored at each place, from a file, memory and a poor backend."""
    registry = CodecRegistry()
    places = {"alone": value, "dict": {"in": [1, {"deep": value}]}, "list": [value, (value,)]}
    for target in (path, None):
        chk = HDF5Checkpointer(target, CodecRegistry())
        chk.update(places)
        if target is not None:
            chk = HDF5Checkpointer(target, CodecRegistry(), mode="r")
            report = chk.verify()
            assert report.ok, report
        for found in (
            chk.load_parameter("alone"),
            chk.load("dict")["in"][1]["deep"],
            chk.load("list")[0],
            chk.load("list")[1][0],
        ):
            assert type(found) is type(value)
            assert differs(value, found) is None
    assert differs(value, registry.decode(registry.encode(value, POOR))) is None


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make libraries appear to be not installed."""
    for name in [*sys.modules]:
        if name.partition(".")[0] in names:
            monkeypatch.setitem(sys.modules, name, None)
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def check_missing(
    path: str, value: Any, monkeypatch: pytest.MonkeyPatch, name: str, *roots: str
) -> HDF5Checkpointer:
    """Check that, without a library, an error names it, and that everything else can be read.

    Returns:
        The store, whose key ``x`` is the value.
    """
    chk = HDF5Checkpointer(path, CodecRegistry())
    chk.update({"x": value, "other": 1})
    hide(monkeypatch, name, *roots)
    chk = HDF5Checkpointer(path, CodecRegistry())
    for read in (lambda: chk.load_parameter("x"), lambda: chk.load()):
        with pytest.raises(MissingExtraError, match=rf"needs {name}.*pip install.*h5py") as caught:
            read()
        assert caught.value.key.startswith("x") and isinstance(caught.value, ImportError)
    assert chk["other"] == 1 and list(chk) == ["x", "other"]
    report = chk.verify()
    assert not report.damaged and [key for key in report.unread if key.startswith("x")]
    return chk


def is_untouched(path: str) -> bool:
    """Whether no file was created: a rejected operation leaves nothing behind."""
    return not Path(path).exists()
