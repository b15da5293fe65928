"""`move`, `copy`, and live groups and arrays that are assigned."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidKeyError,
    NotAGroupError,
    ReferencedError,
    UnsupportedStoredError,
    load,
    save,
)
from hdfchk.backends.hdf5.data import chunk_io
from tests.support.exact import differs

TREE: dict[str, Any] = {
    "n": 1,
    "x": np.arange(5000.0),
    "s": ["a", None, (1, 2)],
    "g": {"h": {"y": np.arange(3)}, "empty": {}},
    "o": np.array(["ab", "c"]),
}
KINDS = ["log", "direct", "file object", "h5py", "memory"]


@pytest.fixture(params=KINDS)
def chk(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    yield from stores(request.param, tmp_path / "one.hdf5")


@pytest.fixture(params=["log", "file object", "memory"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    yield from stores(request.param, tmp_path / "two.hdf5")


def stores(kind: str, path: Path) -> Any:
    """A store of a kind."""
    if kind == "h5py":
        with h5py.File(path, "w") as file:
            yield HDF5Checkpointer(file.create_group("here", track_order=True))
    elif kind in {"log", "direct"}:
        yield HDF5Checkpointer(path, journal=kind == "log")
    else:
        yield HDF5Checkpointer(io.BytesIO() if kind == "file object" else None)


def filled(chk: HDF5Checkpointer) -> dict[str, Any]:
    chk["a"] = TREE
    chk["a"].attrs["units"] = "eV"
    chk.array("a/x").attrs["offset"] = np.arange(3)
    chk["last"] = None
    return TREE


def check_attributes(group: Any) -> None:
    assert dict(group.attrs) == {"units": "eV"}
    assert group.array("x").attrs["offset"].tolist() == [0, 1, 2]
    assert not dict(group["g"].attrs)


# -- moving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["b", "new/deep/er", "a2"])
def test_move(chk: HDF5Checkpointer, to: str) -> None:
    """What was moved is whole under its new key, the last one, and gone from the old one."""
    tree = filled(chk)
    chk.move("a", to)
    assert "a" not in chk and list(chk) == ["last", to.partition("/")[0]]
    assert differs(tree, chk.load(to)) is None
    check_attributes(chk[to])
    chk.move((*to.split("/"), "n"), "n")
    assert chk["n"] == 1 and list(chk[to]) == ["x", "s", "g", "o"] and chk.verify().ok


def test_move_onto_what_is_there(chk: HDF5Checkpointer) -> None:
    """That is refused, or replaces it, its attributes with it, in its place."""
    tree = filled(chk)
    chk["b"], chk["c"] = {"old": 1}, 3
    chk["b"].attrs["mine"] = 1
    with pytest.raises(InvalidKeyError, match="replace=True"):
        chk.move("a", "b")
    assert chk.load("b") == {"old": 1} and differs(tree, chk.load("a")) is None
    chk.move("a", "b", replace=True)
    assert differs(tree, chk.load("b")) is None and "a" not in chk
    check_attributes(chk["b"])


@pytest.mark.parametrize(
    ("key", "to", "told"),
    [
        ("a", "a", "onto itself"),
        ("a", "a/g/x", "into itself"),
        ("a/g/h", "a", "which contains it"),
        ("a/g", "a", "which contains it"),
    ],
)
def test_moves_that_cannot_be(chk: HDF5Checkpointer, key: str, to: str, told: str) -> None:
    """Onto itself, below itself, over what it is in: refused, with both keys."""
    tree = filled(chk)
    for replace in (False, True):
        with pytest.raises(InvalidKeyError, match=told) as error:
            chk.move(key, to, replace=replace)
        assert error.value.file and error.value.key == key
    for error, wrong in ((CheckpointerKeyError, ("no", "b")), (NotAGroupError, ("a", "last/x"))):
        with pytest.raises(error):
            chk.move(*wrong)
    assert differs({"a": tree, "last": None}, chk.load()) is None


def test_a_move_below_itself_by_another_name(path: str) -> None:
    """A soft link to a group is no way into it."""
    save(path, {"a": {"b": {"c": 1}}})
    with h5py.File(path, "r+") as file:
        file["alias"] = h5py.SoftLink("/a/b")
    chk = HDF5Checkpointer(path)
    with pytest.raises(InvalidKeyError, match="into itself"):
        chk.move("a", "alias/x")
    assert chk.load("a") == {"b": {"c": 1}} == chk.load("a") and chk["alias/c"] == 1


@pytest.mark.parametrize("journal", [True, False])
def test_a_move_keeps_what_points_there(path: str, journal: bool) -> None:
    """References, dimension scales and hard links lead to the object; no chunk is written."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(1000.0), chunks=(10,), compression="gzip")
        file["time"] = np.arange(1000.0)
        file["time"].make_scale()
        file["x"].dims[0].attach_scale(file["time"])
        file["ref"], file["hard"] = file["x"].ref, file["x"]
        address = h5py.h5o.get_info(file["x"].id).addr
    chk = HDF5Checkpointer(path, journal=journal)
    chk.move("x", "deep/y")
    chk.move("time", "deep/t")
    with h5py.File(path) as file:
        moved = file["deep/y"]
        assert h5py.h5o.get_info(moved.id).addr == address
        assert file[file["ref"][()]] == moved == file["hard"]
        assert moved.dims[0][0] == file["deep/t"] and len(file["deep/t"].attrs["REFERENCE_LIST"])
    chk["deep/y"] = np.arange(1000.0) + 1  # written into the object that is there
    assert chk["hard"][0] == 1
    chk["other"] = 5
    with pytest.raises(ReferencedError):
        chk.move("other", "deep/t", replace=True)
    assert chk["other"] == 5 and chk["deep/t"][1] == 1


def test_a_failed_move_changes_nothing(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a log, too: what was moved, and what was replaced, are back in their places."""
    from hdfchk.backends.hdf5.nodes import apply

    chk = HDF5Checkpointer(path, journal=False)
    before = {"a": {"x": 1}, "b": {"y": np.arange(9)}, "c": 3}
    chk.update(before)
    chk["b", "y"] = "text"
    before["b"] = {"y": "text"}

    inner = apply.Commit._guard_name

    def fail(self: Any, path: Any, parent: Any, name: str) -> None:
        if name in {"b", "key"}:  # they stand there now
            raise RuntimeError("stop")
        inner(self, path, parent, name)

    monkeypatch.setattr(apply.Commit, "_guard_name", fail)
    for to in ("b", "new/key"):
        with pytest.raises(RuntimeError, match="stop"):
            chk.move("a", to, replace=True)
        assert chk.load() == before and list(chk) == ["a", "b", "c"]


# -- copying ---------------------------------------------------------------------------------------


def test_copy(chk: HDF5Checkpointer) -> None:
    """A copy has all of it, and is another object; `copy()` is a dict's."""
    tree = filled(chk)
    chk.copy("a", "b/c")
    assert differs(tree, chk.load("b/c")) is None and differs(tree, chk.load("a")) is None
    check_attributes(chk["b/c"])
    chk["b/c/n"] = 2
    chk.array("b/c/x")[0] = -1
    assert chk["a/n"] == 1 and chk["a/x"][0] == 0
    assert differs(chk.load(), chk.copy()) is None and type(chk.copy()) is dict
    with pytest.raises(InvalidKeyError, match="replace=True"):
        chk.copy("a", "last")
    chk.copy("a/n", "last", replace=True)
    assert chk["last"] == 1
    with pytest.raises(InvalidKeyError, match="itself"):
        chk.copy("a", "a", replace=True)
    chk.copy("a", "a/again")
    assert differs({**tree, "again": tree}, chk.load("a")) is None
    with pytest.raises(CheckpointerKeyError):
        chk.copy("no", "b2")
    assert chk.verify().ok


def test_copy_to_another_store(chk: HDF5Checkpointer, other: HDF5Checkpointer) -> None:
    """Between stores of all kinds, to the same key or another one, to a group of it."""
    tree = filled(chk)
    other["a"] = "old"
    with pytest.raises(InvalidKeyError, match="replace=True"):
        chk.copy("a", other)
    chk.copy("a", other, replace=True)
    chk.copy("a/g", other.group("sub", create=True), "here")
    assert differs(tree, other.load("a")) is None
    assert differs({"here": tree["g"]}, other.load("sub")) is None
    check_attributes(other["a"])
    assert differs(tree, chk.load("a")) is None and chk.verify().ok and other.verify().ok


@pytest.mark.parametrize("how", ["item", "update", "nested", "store"])
def test_live_values(chk: HDF5Checkpointer, other: HDF5Checkpointer, how: str) -> None:
    """Groups and arrays of another store, assigned, alone or in a dict, are copied."""
    tree = filled(chk)
    with other:
        if how == "item":
            other["a"] = chk["a"]
        elif how == "update":
            other.update({"a": chk["a"]})
        elif how == "nested":
            other["top"] = {"b": 1, "a": chk["a"], "in": {"x": chk.array("a/x")}, "c": 2}
            assert list(other["top"]) == ["b", "a", "in", "c"]
            assert np.array_equal(other["top/in/x"], tree["x"])
            other.move("top/a", "a")
        else:
            other.update(chk)
            assert other["last"] is None
    assert differs(tree, other.load("a")) is None
    check_attributes(other["a"])


def test_attributes_are_the_sources(chk: HDF5Checkpointer) -> None:
    """Those of what was there are gone."""
    filled(chk)
    chk["b"] = np.zeros(3)
    chk.array("b").attrs["mine"] = 1
    chk["b"] = chk.array("a/x")
    assert list(chk.array("b").attrs) == ["offset"]
    chk["b"] = chk["a"]
    check_attributes(chk["b"])


def test_merge(chk: HDF5Checkpointer, other: HDF5Checkpointer) -> None:
    """A store, a group, or a dict of them is merged level by level."""
    chk["run"] = {"steps": 1, "g": {"a": 1, "h": {"x": 0}}}
    other.update({"g": {"b": 2, "h": {"y": np.arange(3)}}})
    chk.merge("run", other)
    chk.merge("run", {"g": {"h": other["g/h"]}, "new": other["g"]})
    assert (
        differs(
            {
                "steps": 1,
                "g": {"a": 1, "h": {"x": 0, "y": np.arange(3)}, "b": 2},
                "new": {"b": 2, "h": {"y": np.arange(3)}},
            },
            chk.load("run"),
        )
        is None
    )


def test_packed_chunks_and_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks are copied packed as they are: layout, filters, limits and checksums stay."""
    chk, other = (HDF5Checkpointer(tmp_path / name) for name in ("a.hdf5", "b.hdf5"))
    chk.put("x", np.arange(10_000.0), compression="gzip", chunks=(100,), checksum=True)

    def fail(*args: Any) -> None:
        raise AssertionError("a chunk was unpacked")

    monkeypatch.setattr(chunk_io, "inflate", fail)
    other["y"] = chk.array("x")
    chk["z"] = chk.array("x")
    monkeypatch.undo()
    for copy in (other.array("y"), chk.array("z")):
        assert copy.chunks == (100,) and copy.compression == "gzip" and copy.maxshape == (None,)
        assert np.array_equal(copy[:], np.arange(10_000.0))
    with h5py.File(tmp_path / "a.hdf5") as one, h5py.File(tmp_path / "b.hdf5") as two:
        for number in range(100):
            chunk = one["x"].id.read_direct_chunk((100 * number,))
            assert chunk == two["y"].id.read_direct_chunk((100 * number,))


def test_from_a_store_that_is_read_only(tmp_path: Path) -> None:
    """Of a store of mode "r" is copied what it shows."""
    save(tmp_path / "a.hdf5", {"g": TREE})
    chk = HDF5Checkpointer(tmp_path / "b.hdf5")
    chk["g"] = HDF5Checkpointer(tmp_path / "a.hdf5", mode="r")["g"]
    chk.update(HDF5Checkpointer(tmp_path / "a.hdf5", mode="r"))
    with HDF5Checkpointer(tmp_path / "a.hdf5", mode="r") as reader:
        chk["all"] = reader
        reader.copy("g/x", chk, "x")
    assert differs(TREE, chk.load("g")) is None is differs({"g": TREE}, chk.load("all"))
    with pytest.raises(CheckpointerKeyError):
        HDF5Checkpointer(tmp_path / "none.hdf5").copy("x", chk)
    save(tmp_path / "a.hdf5", HDF5Checkpointer(tmp_path / "a.hdf5"))
    assert differs({"g": TREE}, load(tmp_path / "a.hdf5")) is None


def test_filters(chk: HDF5Checkpointer, other: HDF5Checkpointer) -> None:
    """What a view hides is not copied; what the other one hides is refused, and nothing done."""
    filled(chk)
    view = chk.view(allowed_keys=["a/n", "a/g/**"])
    view.copy("a", other, "b")
    assert differs({"n": 1, "g": TREE["g"]}, other.load("b")) is None
    before = other.load()
    for work in (
        lambda: view.copy("a/x", other, "c"),
        lambda: chk.copy("a", other.view(omitted_keys="c/g/h"), "c"),
        lambda: other.view(omitted_keys="c").update({"c": chk["a"]}),
        lambda: chk.view(omitted_keys="a/x").move("a", "d"),
        lambda: chk.view(omitted_keys="d/x").move("a", "d"),
        lambda: chk.view(omitted_keys="**/data").copy("m", other, "m"),
    ):
        with pytest.raises(CheckpointerKeyError) as error:
            work()
        assert error.value.file and error.value.key, error.value
    assert differs(before, other.load()) is None and "d" not in chk


def test_copies_of_scales(path: str, tmp_path: Path) -> None:
    """Arrays that are copied with their scales are attached to the copies of these."""
    with h5py.File(path, "w") as file:
        group = file.create_group("g")
        group["x"] = np.arange(3.0)
        group["again"], group["soft"] = group["x"], h5py.SoftLink("x")
        group["time"] = np.arange(3.0)
        group["time"].make_scale("t")
        group["x"].dims[0].attach_scale(group["time"])
        file["out"] = np.arange(3.0)
        file["refs"] = np.array([file["out"].ref], h5py.ref_dtype)
    chk, other = HDF5Checkpointer(path), HDF5Checkpointer(tmp_path / "other.hdf5")
    chk["copy"] = chk["g"]
    other["copy"] = chk["g"]
    chk.copy("refs", "refs2")
    with pytest.raises(UnsupportedStoredError, match=r"reference to .* \('out'\)"):
        chk.copy("refs", other)
    for name in (path, tmp_path / "other.hdf5"):
        with h5py.File(name) as file:
            copy = file["copy"]
            assert copy["x"] == copy["again"] and copy["x"].dims[0][0] == copy["time"]
            assert copy["soft"][2] == 2 and len(copy["time"].attrs["REFERENCE_LIST"]) == 1
    with h5py.File(path) as file:
        assert file[file["refs2"][0]] == file["out"] and len(file["g/time"].attrs["REFERENCE_LIST"])
    memory = HDF5Checkpointer(None)
    memory["g"] = chk["g"]
    assert memory["g/x"].tolist() == [0, 1, 2] and "DIMENSION_LIST" not in memory.array("g/x").attrs
    with pytest.raises(ReferencedError):
        other["copy"].put("time", "text")
    assert list(other) == ["copy"]


def test_a_failed_copy_changes_nothing(tmp_path: Path) -> None:
    """All of an update is done, or nothing: what cannot be copied gives up the rest."""
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["x"] = np.arange(3)
        file["g/refs"] = file["x"].ref
    other = HDF5Checkpointer(tmp_path / "a.hdf5")
    for number, journal in enumerate((True, False)):
        chk = HDF5Checkpointer(tmp_path / f"b{number}.hdf5", journal=journal)
        chk["x"] = "old"
        with pytest.raises(UnsupportedStoredError):
            chk.update({"n": 1, "x": other.array("x"), "r": other["g"]})
        chk["m"] = 2
        assert chk.load() == {"x": "old", "m": 2}
        with h5py.File(tmp_path / f"b{number}.hdf5") as file:
            assert list(file) == ["x", "m"]


def test_load_a_key(path: str) -> None:
    """`load(path, key)` reads what is at one key."""
    save(path, {"g": {"x": np.arange(3), "n": 1}})
    assert load(path, "g/n") == 1 and load(path, ("g", "x")).tolist() == [0, 1, 2]
    assert load(path, "g", isolated=True)["n"] == 1
    with pytest.raises(CheckpointerKeyError):
        load(path, "no")
