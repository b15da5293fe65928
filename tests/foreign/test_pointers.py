"""What points at an object is not lost when its key gets another value, or is deleted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer, ReferencedError
from tests.foreign import fingerprint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with scales, references of all kinds, and objects with two names."""
    return with_pointers(tmp_path / "x.h5")


def with_pointers(path: Path, libver: str = "earliest") -> Path:
    """Make it.

    Args:
        path: where.
        libver: the oldest format that it may be in.
    """
    with h5py.File(path, "w", libver=libver) as file:
        file["time"] = np.arange(3.0)
        file["place"] = np.arange(2.0)
        file["heat"] = np.zeros((3, 2))
        for axis, name in enumerate(("time", "place")):
            file[name].make_scale(name)
            file["heat"].dims[axis].attach_scale(file[name])
        file["heat"].attrs["units"] = "K"
        file["free"] = np.arange(4)
        for name in ("named", "cut", "inner/array", "inner/other", "in_row", "in_list", "noted"):
            file[name] = np.arange(4)
        file["refs/plain"] = file["named"].ref
        file["refs/region"] = file["cut"].regionref[1:3]
        file["refs/group"] = file["inner"].ref
        row = np.zeros(2, [("n", "i4"), ("to", h5py.ref_dtype, (2,))])
        row["to"][...] = h5py.Reference()
        row["to"][1, 1] = file["in_row"].ref
        file["refs/rows"] = row
        lists = file.create_dataset("refs/lists", (1,), h5py.vlen_dtype(h5py.ref_dtype))
        lists[0] = np.array([file["in_list"].ref], h5py.ref_dtype)
        file["free"].attrs["note"] = file["noted"].ref
        file["entry/data"] = np.arange(5.0)
        file["alias"] = file["entry/data"]
        file["entry/group/x"] = 1.0
        file["group_alias"] = file["entry/group"]
        grows = file.create_dataset("grows", (4,), "i8", maxshape=(None,), chunks=(3,))
        grows[:] = 7
        file["refs/grows"] = grows.ref
    return path


def attached(path: Path) -> dict[str, list[str]]:
    """The scales of each axis, and the arrays of each scale; every reference leads somewhere."""
    found = {}
    with h5py.File(path) as file:
        for name in ("heat", "time", "place"):
            item = file.get(name)
            if not isinstance(item, h5py.Dataset):
                continue
            lists = item.attrs.get("DIMENSION_LIST", ())
            found[name] = [file[ref].name for refs in lists for ref in refs]
            users = item.attrs.get("REFERENCE_LIST", ())
            found[name] += [f"{file[ref].name}:{axis}" for ref, axis in users]
    return found


WHOLE = {"heat": ["/time", "/place"], "time": ["/heat:0"], "place": ["/heat:1"]}


@pytest.fixture(params=["journal", "direct", "with", "transaction", "h5py"])
def edit(request: pytest.FixtureRequest, path: Path) -> Callable[[Callable[[Any], Any]], None]:
    """Does something to a store on the file, in one of the ways there are."""

    def run(work: Callable[[Any], Any]) -> None:
        if request.param == "h5py":
            with h5py.File(path, "r+") as file:
                work(HDF5Checkpointer(file))
            return
        chk = HDF5Checkpointer(path, journal=request.param != "direct")
        if request.param in {"with", "transaction"}:
            with chk:
                if request.param == "with":
                    work(chk)
                    return
                with chk.transaction():
                    work(chk)
        else:
            work(chk)

    return run


def put(key: str, value: Any) -> Callable[[Any], Any]:
    return lambda chk: chk.__setitem__(key, value)


POINTED_AT = {
    "refs/plain": "named",
    "refs/region": "cut",
    "refs/rows": "in_row",
    "refs/lists": "in_list",
    "'note' of 'free'": "noted",
    "refs/group": "inner",
}


WAYS: dict[str, Callable[[Any, str], Any]] = {
    "assign": lambda chk, key: put(key, "text")(chk),
    "update": lambda chk, key: chk.update({"new": 1, key: 2.5}),
    "del": lambda chk, key: chk.__delitem__(key),
    "pop": lambda chk, key: chk.pop(key),
    "clear": lambda chk, key: chk.view(allowed_keys=[f"{key}/**", key]).clear(),
    "put": lambda chk, key: chk.put(key, np.arange(4), compression="gzip"),
    "blocks": lambda chk, key: chk.write_blocks(key, [np.arange(3)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_what_references_point_at_is_refused(
    edit: Callable[[Callable[[Any], Any]], None], path: Path, way: str
) -> None:
    """A value that the object cannot take is refused, and so is its end; the error says by whom."""
    before = fingerprint(str(path))
    for holder, key in POINTED_AT.items():
        with pytest.raises(ReferencedError, match=holder) as caught:
            edit(partial(WAYS[way], key=key))
        assert caught.value.key == key and caught.value.file is not None
        assert "replace=True" in str(caught.value.hint)
    assert fingerprint(str(path)) == before


def test_replace(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """Who wants it all the same says so."""
    for key in POINTED_AT.values():
        edit(lambda chk, key=key: chk.put(key, "text", replace=True))
        assert HDF5Checkpointer(path)[key] == "text"
        edit(lambda chk, key=key: chk.__delitem__(key))
        assert key not in HDF5Checkpointer(path)


def test_what_goes_together(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """What is deleted together with all that points at it is no loss, in whatever order."""
    edit(lambda chk: chk.__delitem__("refs"))
    edit(lambda chk: chk.__delitem__("named"))
    edit(put("cut", "text"))
    edit(put("inner", {"array": 1}))
    with pytest.raises(ReferencedError, match="note"):
        edit(lambda chk: chk.__delitem__("noted"))
    edit(lambda chk: chk.view(allowed_keys=["noted", "free"]).clear())
    edit(lambda chk: chk.clear())
    assert HDF5Checkpointer(path).load() == {}


def test_values_that_fit(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """What the object can take goes into it: also with a mark, and in another shape if it grows."""
    with h5py.File(path) as file:
        before = {key: h5py.h5o.get_info(file[key].id).addr for key in ("named", "grows")}
    edit(put("named", np.array([4, 3, 2, 1])))
    edit(put("grows", np.arange(9)))
    assert HDF5Checkpointer(path)["grows"].tolist() == list(range(9))
    edit(put("grows", np.arange(2)))
    edit(lambda chk: chk.update({"named": [5, 6, 7, 8]}))
    chk = HDF5Checkpointer(path)
    assert chk["named"] == [5, 6, 7, 8] and chk["grows"].tolist() == [0, 1]
    with h5py.File(path) as file:
        for key, address in before.items():
            assert h5py.h5o.get_info(file[key].id).addr == address
        assert file[file["refs/plain"][()]].name == "/named"
        assert file["grows"].maxshape == (None,) and file["grows"].chunks == (3,)
    with pytest.raises(ReferencedError):
        edit(put("grows", np.zeros((2, 2), int)))
    edit(put("named", np.arange(4)))
    assert isinstance(HDF5Checkpointer(path)["named"], np.ndarray)


def test_dicts_over_what_is_pointed_into(
    edit: Callable[[Callable[[Any], Any]], None], path: Path
) -> None:
    """A dict goes key by key over a group at which, or into which, something points."""
    edit(put("inner", {"array": np.arange(4, 8), "new": {"x": 1}}))
    chk = HDF5Checkpointer(path)
    assert set(chk["inner"]) == {"array", "new"}
    assert chk["inner/array"].tolist() == [4, 5, 6, 7]
    with h5py.File(path) as file:
        assert file[file["refs/group"][()]].name == "/inner"
    edit(put("entry", {"data": np.ones(5), "group": {"x": 2.0}}))
    with h5py.File(path) as file:
        assert file["alias"] == file["entry/data"] and file["alias"][0] == 1
        assert file["group_alias"] == file["entry/group"] and file["group_alias/x"][()] == 2
    with pytest.raises(ReferencedError, match="alias"):
        edit(put("entry", {"data": np.ones(6)}))


def test_hard_links(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """Two names stay names of one object; one of them can go."""
    edit(put("alias", np.arange(5.0) + 1))
    with h5py.File(path) as file:
        assert file["alias"] == file["entry/data"] and file["alias"][0] == 1
    for value in ("text", np.arange(6.0), {"a": 1}):
        with pytest.raises(ReferencedError, match="entry/data") as caught:
            edit(put("alias", value))
        assert caught.value.key == "alias"
    edit(lambda chk: chk.__delitem__("alias"))
    edit(put("entry/data", "text"))
    edit(lambda chk: chk.put("group_alias", 1, replace=True))
    chk = HDF5Checkpointer(path)
    assert chk["entry/data"] == "text" and chk["entry/group"] == {"x": 1.0}


def test_scales_are_attached_anew(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """An array of the same axes, and a scale of the same length, take the old one's place."""
    edit(put("heat", np.ones((3, 2), "f4")))
    assert attached(path) == WHOLE
    edit(put("heat", np.ones((7, 2), "f4")))
    assert attached(path) == WHOLE
    edit(put("heat", np.ones((3, 2), "f4")))
    edit(put("time", np.arange(3)))
    assert attached(path) == WHOLE
    edit(lambda chk: chk.update({"time": np.arange(5), "heat": np.zeros((5, 2))}))
    assert attached(path) == WHOLE
    edit(lambda chk: chk.update({"heat": np.zeros((4, 2)), "time": np.arange(4)}))
    assert attached(path) == WHOLE
    edit(lambda chk: chk.write_blocks("heat", [np.ones((4, 2), "f4")]))
    assert attached(path) == WHOLE
    edit(lambda chk: chk.append("heat", np.zeros(2)))
    assert attached(path) == WHOLE
    with h5py.File(path) as file:
        assert file["heat"].attrs["units"] == "K" and file["heat"].shape == (5, 2)
        assert file["heat"].dims[0]["time"] == file["time"] and file["time"].is_scale


@pytest.mark.parametrize(
    ("key", "work", "holder"),
    [
        ("time", put("time", np.arange(4.0)), "'DIMENSION_LIST' of 'heat'"),
        ("time", put("time", 3), "'DIMENSION_LIST' of 'heat'"),
        ("time", lambda chk: chk.__delitem__("time"), "'DIMENSION_LIST' of 'heat'"),
        ("time", lambda chk: chk.append("time", 4.0), "'DIMENSION_LIST' of 'heat'"),
        ("heat", put("heat", np.zeros(6)), "'REFERENCE_LIST' of 'time'"),
        ("heat", put("heat", {"a": 1}), "'REFERENCE_LIST' of 'time'"),
    ],
)
def test_scales_that_would_not_fit(
    edit: Callable[[Callable[[Any], Any]], None], path: Path, key: str, work: Any, holder: str
) -> None:
    """Other lengths, or axes, are refused, and nothing is changed."""
    before = fingerprint(str(path))
    with pytest.raises(ReferencedError, match=holder) as caught:
        edit(work)
    assert caught.value.key == key
    assert fingerprint(str(path)) == before and attached(path) == WHOLE


@pytest.mark.parametrize("libver", ["v108", "v112", "latest"])
def test_files_in_the_format_of_today(edit: Any, path: Path, libver: str) -> None:
    """Their types are newer than ours: what is made anew keeps its attributes all the same."""
    with_pointers(path, libver)
    edit(put("heat", np.ones((3, 2), "c16")))
    edit(put("time", np.arange(3, dtype="f2")))
    assert attached(path) == WHOLE
    edit(put("free", "text"))
    with h5py.File(path) as file:
        assert file["heat"].dtype == "c16" and file["time"].dtype == "f2"


def test_scales_are_detached(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """No scale keeps a reference to an array that is gone, and no array one to a scale."""
    edit(lambda chk: chk.put("time", "text", replace=True))
    assert attached(path) == {"heat": ["/place"], "time": [], "place": ["/heat:1"]}
    edit(lambda chk: chk.__delitem__("heat"))
    assert attached(path) == {"time": [], "place": []}
    edit(put("place", 1))
    assert HDF5Checkpointer(path)["place"] == 1


def test_an_array_that_goes_with_its_scales(path: Path) -> None:
    """A group with all that hangs together in it is deleted, or replaced, as it is."""
    with h5py.File(path, "r+") as file:
        for name in ("time", "place", "heat"):
            file.move(name, f"grid/{name}")
    chk = HDF5Checkpointer(path)
    chk["grid"] = {"time": 1}
    assert chk["grid"] == {"time": 1}


def test_a_replaced_array_keeps_references_of_its_own(path: Path) -> None:
    """Attributes that hold references come with the key, also those of large arrays."""
    with h5py.File(path, "r+") as file:
        file["large"] = np.arange(100_000)
        file["large"].attrs["to"] = file["named"].ref
    for journal in (True, False):
        chk = HDF5Checkpointer(path, journal=journal)
        chk["large"] = np.arange(100_000 + journal)
        with h5py.File(path) as file:
            assert file[file["large"].attrs["to"]].name == "/named"
        with pytest.raises(ReferencedError, match="'to' of 'large'"):
            del chk["named"]


def test_rows(edit: Callable[[Callable[[Any], Any]], None], path: Path) -> None:
    """An array that grows where it is takes rows; one that would be another object does not."""
    edit(lambda chk: [chk.append("grows", n) for n in range(3)])
    assert HDF5Checkpointer(path)["grows"].tolist() == [7] * 4 + [0, 1, 2]
    with pytest.raises(ReferencedError, match="refs/plain"):
        edit(lambda chk: chk.append("named", 1))
    assert HDF5Checkpointer(path)["named"].shape == (4,)


def test_loops_of_small_assignments(path: Path) -> None:
    """Small assignments inside a block, whose commits the log alone has, part nothing either."""
    with h5py.File(path, "r+") as file:
        file["n"] = 0
        file["m"] = 0
        file["alias_of_n"] = file["n"]
        file["refs/m"] = file["m"].ref
    with HDF5Checkpointer(path) as chk:
        for n in range(20):
            chk["n"] = n
            chk["m"] = n
            chk["other"] = n
            chk.append("log", n)
            chk.append("grows", n)
        with pytest.raises(ReferencedError):
            chk["n"] = "text"
        with pytest.raises(ReferencedError):
            chk["m"] = "text"
    with h5py.File(path) as file:
        assert file["alias_of_n"] == file["n"] and file["n"][()] == 19
        assert file[file["refs/m"][()]].name == "/m"
        assert len(file["log"]) == 20 and len(file["grows"]) == 24 and file["other"][()] == 19


def test_references_that_cannot_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may point at anything, so that nothing is replaced but what is asked for."""
    from hdfchk.backends.hdf5.nodes import references

    def fail(*args: Any) -> Any:
        raise TypeError("no dtype for them")

    monkeypatch.setattr(references._Walk, "_addresses", fail)
    chk = HDF5Checkpointer(path)
    with pytest.raises(ReferencedError, match="may point to anything"):
        chk["free"] = "text"
    chk.put("free", "text", replace=True)
    assert chk["free"] == "text"


def test_files_that_are_too_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can tell whether something points there, it is refused, and why is told."""
    from hdfchk.backends.hdf5.nodes import references

    monkeypatch.setattr(references, "MOST_OBJECTS", 5)
    chk = HDF5Checkpointer(path)
    chk["free"] = np.ones(4, int)  # in place
    chk["new"] = 1
    with pytest.raises(ReferencedError, match=r"more than 5 objects") as caught:
        chk["free"] = "text"
    assert caught.value.key == "free" and "replace=True" in str(caught.value.hint)
    chk.put("free", "text", replace=True)
    chk.put("heat", "text", replace=True)
    assert attached(path) == {"heat": [], "time": [], "place": []}
    monkeypatch.setattr(references, "MOST_OBJECTS", 2**20)
    monkeypatch.setattr(references, "MOST_BYTES", 5)
    with pytest.raises(ReferencedError, match="more than 5 bytes"):
        del chk["named"]


def test_rollback(path: Path) -> None:
    """What was led to another object is led back when the transaction fails."""
    before = fingerprint(str(path))
    chk = HDF5Checkpointer(path)
    with chk:
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk["heat"] = np.ones((3, 2), "f4")
            del chk["refs"]
            chk["time"] = np.arange(3)
            chk["named"] = "text"
            raise ZeroDivisionError
        with pytest.raises(ReferencedError):
            del chk["named"]
        assert chk["heat"].dtype == "f8"
    assert fingerprint(str(path)) == before and attached(path) == WHOLE


def test_what_others_do_meanwhile(path: Path) -> None:
    """References that come by the open h5py file count as well."""
    ours = path.with_name("ours.h5")
    chk = HDF5Checkpointer(ours)
    with chk:
        chk.update({"a": 1, "b": 2})
        chk.stream["to_a"] = chk.stream["a"].ref
        chk.commit()
        with pytest.raises(ReferencedError, match="to_a"):
            chk["a"] = "text"
        chk["b"] = "text"
    with pytest.raises(ReferencedError, match="to_a"):
        del chk["a"]
    with pytest.raises(CheckpointerKeyError):
        del chk["c"]


def test_self_assignment_of_handles(path: Path) -> None:
    """A group, or an array, that is assigned to its own key stays what it is."""
    before = fingerprint(str(path))
    chk = HDF5Checkpointer(path)
    for key in ("entry", "inner", "free", "heat", "grows"):
        chk[key] = chk[key]
    chk["free"] = chk.array("free")
    chk.update({"heat": chk.array("heat"), "refs": chk["refs"]})
    assert fingerprint(str(path)) == before
