"""Completion of keys, as IPython asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer
from tests.display.conftest import chk, nested, wide, with_damage

__all__ = ["chk"]


def test_two_levels(chk: HDF5Checkpointer) -> None:
    """Names, paths of two levels, and tuples, of what the filters show."""
    found = chk._ipython_key_completions_()
    assert found[:2] == ["params", "x"] and "params/steps" in found
    assert ("params", "steps") in found and "params/deep/er" not in found
    assert all(key in chk for key in found)
    assert "steps" in chk["params"]._ipython_key_completions_()
    assert "deep/er" in chk["params"]._ipython_key_completions_()
    assert "params/steps" not in chk.view(omitted_keys="params/st*")._ipython_key_completions_()


@pytest.mark.parametrize("make", [wide, nested])
def test_no_more_than_some_thousand(path: str, make: Any) -> None:
    """Of many keys the first of each level are offered."""
    found = make(path)._ipython_key_completions_()
    assert 1000 < len(found) <= 3000
    assert make is wide or "g99" in found and ("g0", "a99") in found


def test_nothing_where_nothing_can_be_read(path: str) -> None:
    """A file that is missing or damaged has no keys to offer, and is not made."""
    assert HDF5Checkpointer(path, mode="r")._ipython_key_completions_() == []
    assert HDF5Checkpointer(path)._ipython_key_completions_() == []
    damaged = with_damage(path)
    assert "group/x" in damaged._ipython_key_completions_()


IN_IPYTHON = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from hdfchk import HDF5Checkpointer

config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.user_ns["chk"] = HDF5Checkpointer(sys.argv[1])
found = []
for text in json.loads(sys.argv[2]):
    with provisionalcompleter():
        done = shell.Completer.completions(text, len(text))
        found.append([text[: one.start] + one.text for one in done])
print(json.dumps(found))
"""


def test_in_ipython(chk: HDF5Checkpointer, path: str, tmp_path: Path) -> None:
    """IPython completes names, paths and tuples."""
    pytest.importorskip("IPython", reason="IPython is not installed: pip install '.[notebook]'")
    texts = ['chk["pa', 'chk["params/st', 'chk["params", "st']
    done = subprocess.run(  # noqa: PLW1510  a failure is told with what it said
        [sys.executable, "-c", IN_IPYTHON, path, json.dumps(texts)],
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names, paths, tuples = json.loads(done.stdout.splitlines()[-1])
    assert any(text.startswith('chk["params') for text in names)
    assert any(text.startswith('chk["params/steps') for text in paths)
    assert any(text.startswith('chk["params", "steps') for text in tuples)
