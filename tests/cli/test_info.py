"""``info``."""

from __future__ import annotations

from pathlib import Path

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke


def test_info(demo: Path, tmp_path: Path) -> None:
    """Size, format, journal and writer."""
    result = invoke("info", demo)
    assert result.code == 0 and "size" in result.out and "superblock" in result.out
    record = invoke("info", demo, "--json").json[0]
    assert record["size"] == demo.stat().st_size and not record["is_written"]
    with HDF5Checkpointer(demo) as chk:
        chk["more"] = 1
        assert "writer" in invoke("info", demo).out
        assert invoke("info", demo, "--json").json[0]["commits"] == 1


def test_unreadable(tmp_path: Path) -> None:
    """What is no HDF5 file, or is missing."""
    (tmp_path / "x.h5").write_text("no")
    assert invoke("info", tmp_path / "x.h5").code == 3
    assert invoke("info", tmp_path / "missing.h5").code == 3


def test_empty(tmp_path: Path) -> None:
    """A file without a byte is there, and cannot be opened."""
    (tmp_path / "x.h5").touch()
    result = invoke("info", tmp_path / "x.h5")
    assert result.code == 3 and "is empty" in result.out and "not exist" not in result.out
    record = invoke("info", tmp_path / "x.h5", "--json").json[0]
    assert record["exists"] and record["size"] == 0 and "is empty" in record["problem"]


def test_truncated(demo: Path) -> None:
    """Of what cannot be opened, nobody knows which program has made it."""
    with demo.open("r+b") as file:
        file.truncate(2000)
    result = invoke("info", demo)
    assert result.code == 3 and "superblock" in result.out and "another program" not in result.out
