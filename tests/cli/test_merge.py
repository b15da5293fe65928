"""``merge``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke


def test_merge(tmp_path: Path) -> None:
    """Dicts are merged, all else is copied; layout and attributes stay."""
    first, second, third = (tmp_path / f"{name}.h5" for name in "abc")
    HDF5Checkpointer(first).update({"p": {"x": 1, "q": {"r": 1}}, "only": 1})
    chk = HDF5Checkpointer(second)
    chk.update({"p": {"y": 2, "q": {"s": 2}}, "e": {}})
    chk.put("z", np.zeros((100, 100)), compression="gzip")
    chk.array("z").attrs["u"] = "m"
    assert invoke("merge", third, first, second).code == 0
    goal = HDF5Checkpointer(third)
    assert goal["p"].load() == {"x": 1, "q": {"r": 1, "s": 2}, "y": 2} and goal["e"].load() == {}
    assert goal.array("z").compression == "gzip" and goal.array("z").attrs["u"] == "m"
    assert invoke("merge", f"{third}::in", f"{second}::p").code == 0
    assert goal["in"].load() == {"y": 2, "q": {"s": 2}}


def test_conflicts(tmp_path: Path) -> None:
    """A key that both have is an error, and nothing is changed; with --force the source wins."""
    first, second = tmp_path / "a.h5", tmp_path / "b.h5"
    HDF5Checkpointer(first).update({"p": {"x": 1}, "q": 1})
    HDF5Checkpointer(second).update({"new": 1, "p": {"x": 2}, "q": {"deep": 1}})
    result = invoke("merge", first, second)
    assert result.code == 1 and "'p/x'" in result.err and "1 more" in result.err
    assert HDF5Checkpointer(first).load() == {"p": {"x": 1}, "q": 1}
    assert invoke("merge", first, second, "--force").code == 0
    assert HDF5Checkpointer(first).load() == {"p": {"x": 2}, "q": {"deep": 1}, "new": 1}
