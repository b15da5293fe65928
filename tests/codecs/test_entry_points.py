"""Codecs of other packages, found by their entry points; the package is that of `docs/codecs.md`."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CodecRegistry,
    CorruptFileError,
    HDF5Checkpointer,
    UnknownTypeError,
    UnsupportedTypeError,
)
from hdfchk.codecs.entry_points import GROUP, SWITCH
from hdfchk.tree import Leaf, Mark

PAGE = (Path(__file__).parents[2] / "docs" / "codecs.md").read_text(encoding="utf-8")
MODULE = re.search(r"```python\n(# thermo_hdfchk\.py\n.*?)```", PAGE, re.DOTALL)[1]
PROJECT = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])["project"]


class Site:
    """A folder on `sys.path`, in which packages are installed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.syspath_prepend(folder)
        self._monkeypatch = monkeypatch

    def install(self, package: str, entries: dict[str, str], **modules: str) -> None:
        """Install a package with entry points and modules, as pip would lay it."""
        told = self.folder / f"{package}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
        (told / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(text)
            self._monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where packages are installed; what is imported from it is forgotten."""
    before = set(sys.modules)
    made = Site(tmp_path / "site", monkeypatch)
    yield made
    for name in set(sys.modules) - before:
        if str(made.folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def thermo(site: Site) -> Site:
    """The package of the page is installed."""
    site.install(PROJECT["name"], PROJECT["entry-points"][GROUP], thermo_hdfchk=MODULE)
    return site


def temperatures() -> Any:
    import thermo_hdfchk

    return thermo_hdfchk.Temperatures(np.array([20.5, 21.0]), "C")


def test_round_trip(thermo: Site, path: str) -> None:
    """Values of the package's type are stored, and read with a registry that knows nothing yet."""
    chk = HDF5Checkpointer(path, CodecRegistry())
    chk["run"] = {"t": temperatures(), "list": [temperatures()]}
    again = HDF5Checkpointer(path, CodecRegistry(), mode="r").load("run")
    for found in (again["t"], again["list"][0]):
        assert type(found) is type(temperatures()) and found.scale == "C"
        assert found.values.tolist() == [20.5, 21.0]


def test_the_default_registry(thermo: Site, tmp_path: Path) -> None:
    """Nothing is imported with hdfchk, nor by what the package is not needed for."""
    program = """if True:
        import sys, hdfchk
        import numpy as np
        hdfchk.save("plain.hdf5", {"a": [1, "x"], "b": np.zeros(3)})
        assert hdfchk.load("plain.hdf5")["a"] == [1, "x"]
        assert "thermo_hdfchk" not in sys.modules
        if sys.argv[1] == "write":
            import thermo_hdfchk
            hdfchk.save("t.hdf5", {"t": thermo_hdfchk.Temperatures(np.ones(2), "K")})
        else:
            assert hdfchk.load("t.hdf5")["t"].scale == "K"
            assert "thermo_hdfchk" in sys.modules
    """
    here = str(Path(__file__).parents[2])
    for what in ("write", "read"):
        subprocess.run(
            [sys.executable, "-c", program, what],
            check=True,
            cwd=tmp_path,
            env={"PYTHONPATH": f"{thermo.folder}:{here}", "PATH": ""},
        )


def test_without_the_package(thermo: Site, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the package wrote is an error that names the encoding; the rest, and the data, are read."""
    HDF5Checkpointer(path, CodecRegistry()).update({"t": temperatures(), "n": 1})
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(thermo.folder)])
    chk = HDF5Checkpointer(path, CodecRegistry())
    with pytest.raises(UnknownTypeError, match=r"'thermo\.Temperatures'.*install") as caught:
        chk["t"]
    assert caught.value.key == "t" and chk["n"] == 1
    report = chk.verify()
    assert "t" in report.unread and not report.damaged
    with chk:
        assert chk.stream["t"][:].tolist() == [20.5, 21.0]


def test_refusals(thermo: Site, path: str) -> None:
    """A codec refuses as ours do, and what fails to decode is corrupt."""
    value = temperatures()
    value.values = value.values.astype("f4")
    with pytest.raises(UnsupportedTypeError, match="float32.*float64") as caught:
        HDF5Checkpointer(path, CodecRegistry())["x"] = {"deep": [value]}
    assert caught.value.key == "x/deep/[0]" and not Path(path).exists()
    registry = CodecRegistry()
    node = registry.encode(temperatures())
    node.mark.params.pop("scale")
    with pytest.raises(CorruptFileError, match=r"thermo\.Temperatures"):
        registry.decode(node)


def test_a_failing_entry_point(thermo: Site, path: str) -> None:
    """It is named where it may be missed, with its package and its error; the others work."""
    site = thermo
    site.install("broken", {"bad": "no_such_module:CODECS"})
    site.install("odd", {"one": "odd_codecs:ONE"}, odd_codecs="ONE = [1]")
    site.install("twice", {"two": "twice_codecs:LIST"}, twice_codecs=TWICE)
    registry = CodecRegistry()
    chk = HDF5Checkpointer(path, registry)
    chk["t"] = temperatures()
    for _ in range(2):
        with pytest.raises(UnsupportedTypeError) as caught:
            chk["x"] = object()
        for text in (
            r"'bad' \(no_such_module:CODECS\) of broken, .* ModuleNotFoundError: No module named",
            "'one' .* of odd, .* TypeError: 1 is not a Codec",
            "'two' .* of twice, .* RegistrationError: .*'list'",
        ):
            assert re.search(text, str(caught.value))
        assert isinstance(caught.value.__cause__, Exception) and caught.value.key == "x"
    with h5py.File(path, "r+") as file:
        file["t"].attrs["hdfchk"] = "unheard.Of/1"
    with pytest.raises(UnknownTypeError, match=r"unheard\.Of.*no_such_module") as caught:
        chk["t"]
    with pytest.raises(UnknownTypeError, match=r"unheard\.Of.*no_such_module"):
        registry.copy().decode(Leaf(1, Mark("unheard.Of")))


TWICE = """
from hdfchk import Codec
LIST = Codec("list", (), None, None)
"""


def test_an_own_list_of_codecs(thermo: Site) -> None:
    """A registry that was given its codecs loads none; one that has a codec already keeps it."""
    value = temperatures()
    with pytest.raises(UnsupportedTypeError):
        CodecRegistry(()).encode(value)
    import thermo_hdfchk

    registry = CodecRegistry().add(thermo_hdfchk.CODECS[0])
    with pytest.raises(UnsupportedTypeError) as caught:
        registry.encode(object())
    assert "thermo" not in str(caught.value)
    assert registry.decode(registry.encode(value)).scale == "C"


def test_threads(thermo: Site) -> None:
    """Threads that meet a type at once all get its codec."""
    from concurrent.futures import ThreadPoolExecutor

    for _ in range(20):
        registry, value = CodecRegistry(), temperatures()
        with ThreadPoolExecutor(4) as pool:
            marks = list(pool.map(lambda _: registry.encode(value).mark.name, range(8)))
        assert marks == ["thermo.Temperatures"] * 8


@pytest.mark.parametrize("value, is_off", [("1", True), ("yes", True), ("0", False), ("", False)])
def test_no_plugins(
    thermo: Site, path: str, monkeypatch: pytest.MonkeyPatch, value: str, is_off: bool
) -> None:
    """`HDFCHK_NO_PLUGINS` turns entry points off: their types, and encodings in files, are unknown."""
    kept = HDF5Checkpointer(path, CodecRegistry())
    kept["t"] = temperatures()
    monkeypatch.setenv(SWITCH, value)
    chk = HDF5Checkpointer(path, CodecRegistry())
    if not is_off:
        assert chk["t"].scale == "C"
        return
    with pytest.raises(UnknownTypeError):
        chk["t"]
    with pytest.raises(UnsupportedTypeError):
        chk["u"] = temperatures()
