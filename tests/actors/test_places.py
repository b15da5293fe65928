"""Where a file lies and under which names: links, rights, replaced files, no locks, memory maps."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer, LockedError, PendingJournalWarning
from tests.actors.actors import ROOT, Actor, listing, tree_of

Actors = Callable[[int], list[Actor]]

# -- links -----------------------------------------------------------------------------------------

LINKS: dict[str, Callable[[str, str], None]] = {"hard link": os.link, "symlink": os.symlink}


@pytest.fixture(params=LINKS)
def link(request: pytest.FixtureRequest, path: str) -> str:
    """Another name of the file."""
    HDF5Checkpointer(path)["n"] = 0
    name = path.replace("store", "link")
    LINKS[request.param](path, name)
    return name


@pytest.mark.parametrize("linked_first", [True, False])
def test_one_writer_by_two_names(actors: Actors, path: str, link: str, linked_first: bool) -> None:
    """A writer by one name of a file locks out a writer by another one, until it has closed it."""
    first, second = (link, path) if linked_first else (path, link)
    one, two = actors(2)
    one.do("chk = HDF5Checkpointer(path).__enter__(); chk['one'] = np.arange(9000.0)", path=first)
    late = two.tell("HDF5Checkpointer(path, lock_timeout=0.3)['two'] = 2", path=second)
    assert isinstance(late.error, LockedError), late
    assert str(one.pid) in str(late.error)
    two.begin("HDF5Checkpointer(path, lock_timeout=20)['two'] = 2")
    one.do("chk['one more'] = 1; chk.close()")
    two.end().get()
    for name in (path, link):
        whole = HDF5Checkpointer(name).load()
        assert list(whole) == ["n", "one", "one more", "two"] and whole["one"][-1] == 8999
    assert listing(Path(path).parent) == ["link.hdf5", "store.hdf5"]


def test_many_writers_by_two_names(actors: Actors, path: str, link: str) -> None:
    """Writers that use different names of one file lose nothing, and mix nothing."""
    crew = actors(4)
    start = time.monotonic() + 0.05
    code = """
    for n in range(10):
        HDF5Checkpointer(path, durable=False)[f"k{me}-{n}"] = n
        with HDF5Checkpointer(path, durable=False).transaction():
            chk = HDF5Checkpointer(path)
            chk["n"] = chk["n"] + 1
    """
    for me, actor in enumerate(crew):
        actor.begin(code, path=link if me % 2 else path, me=me, at=start)
    for actor in crew:
        actor.end().get((PendingJournalWarning,))
    found = hdfchk.load(path)
    assert found.pop("n") == 40
    assert (
        found
        == {f"k{me}-{n}": n for me in range(4) for n in range(10)}
        == {key: value for key, value in hdfchk.load(link).items() if key != "n"}
    )
    assert listing(Path(path).parent) == ["link.hdf5", "store.hdf5"]


def test_a_reader_by_another_name(actor: Actor, path: str, link: str) -> None:
    """A reader by another name keeps its one state, while a writer commits by the first."""
    actor.do("chk = HDF5Checkpointer(path, mode='r').__enter__(); chk['n']", path=link)
    actor_sees = "(chk['n'], list(chk), chk.get('x') is None)"
    with pytest.warns(PendingJournalWarning), HDF5Checkpointer(path) as chk:
        chk["n"] = 1
        chk["x"] = np.ones(30_000)
        chk.commit()
        assert actor.do(actor_sees) == (0, ["n"], True)
    assert actor.do(actor_sees) == (0, ["n"], True)
    actor.do("chk.close()")


def test_a_killed_writers_commits_by_another_name(actor: Actor, path: str, link: str) -> None:
    """What a killed writer has left by one name is there by that name, and never mixed by another."""
    actor.let_die(
        "chk = HDF5Checkpointer(path).__enter__(); chk['a'] = 1; chk['x'] = np.ones(9000)",
        path=path,
    )
    outcome = actor.tell("HDF5Checkpointer(path)['by'] = 2", path=link)
    found = actor.tell("hdfchk.load(path)", path=path)
    if outcome.error is None and not found.warned and found.error is None:
        assert found.value.keys() == {"n", "a", "x", "by"}
    assert tree_of(path) is not None
    assert outcome.error is None or type(outcome.error).__module__ == "hdfchk.errors"


# -- replacing a file that somebody holds ----------------------------------------------------------

HOLDERS = {
    "h5py writer": "held = h5py.File(path, 'r+'); held['more'] = 1; held.flush()",
    "writer": "held = HDF5Checkpointer(path).__enter__(); held['more'] = 1",
    "writer in a transaction": (
        "held = HDF5Checkpointer(path).__enter__(); t = held.transaction(); t.__enter__(); held['more'] = 1"
    ),
}
REPLACING: dict[str, Callable[[str], Any]] = {
    "mode w": lambda path: HDF5Checkpointer(path, mode="w", lock_timeout=0.3).update({"new": 1}),
    "save": lambda path: hdfchk.save(path, {"new": 1}, lock_timeout=0.3),
    "compact": lambda path: HDF5Checkpointer(path, lock_timeout=0.3).compact(),
    "recover": lambda path: HDF5Checkpointer(path, lock_timeout=0.3).recover(),
    "write": lambda path: HDF5Checkpointer(path, lock_timeout=0.3).update({"new": 1}),
    "mode w without a journal": lambda path: HDF5Checkpointer(
        path, mode="w", lock_timeout=0.3, journal=False
    ).update({"new": 1}),
}


@pytest.mark.parametrize(
    ("holder", "use"),
    [
        pytest.param(holder, use, id=f"{holder}-{use}")
        for holder in HOLDERS
        for use in REPLACING
        if (holder, use) != ("h5py writer", "recover")  # there is nothing to recover
    ],
)
def test_not_under_a_writer(actor: Actor, path: str, holder: str, use: str) -> None:
    """What replaces a file that a writer holds waits, is told so, and leaves all as it is."""
    HDF5Checkpointer(path).update({"n": 0, "x": np.arange(5000.0)})
    actor.do(HOLDERS[holder], path=path)
    number = os.stat(path).st_ino
    before = Path(path).read_bytes()
    began = time.monotonic()
    with pytest.raises(LockedError) as caught:
        REPLACING[use](path)
    assert 0.25 < time.monotonic() - began < 5
    assert caught.value.file == path
    assert Path(path).read_bytes() == before and os.stat(path).st_ino == number
    assert not os.path.exists(path + "-new")
    code = "held['last'] = 2\n"
    code += "t.__exit__(None, None, None)\n" if "transaction" in holder else ""
    actor.do(code + "held.close()")
    whole = hdfchk.load(path)
    assert list(whole) == ["n", "x", "more", "last"] and whole["last"] == 2


@pytest.mark.parametrize("use", ["mode w", "save", "compact"])
@pytest.mark.parametrize(
    "reader",
    [
        "held = h5py.File(path, 'r'); seen = lambda: (int(held['n'][()]), float(held['x'][()].sum()))",
        "held = HDF5Checkpointer(path, mode='r').__enter__(); seen = lambda: (held['n'], float(held['x'].sum()))",
    ],
    ids=["h5py", "hdfchk"],
)
def test_under_a_reader(actor: Actor, path: str, reader: str, use: str) -> None:
    """Who reads a file that is replaced goes on with what it has; new ones see the new one."""
    HDF5Checkpointer(path).update({"n": 7, "x": np.arange(5000.0), "rubbish": np.ones(9000)})
    del HDF5Checkpointer(path)["rubbish"]
    expected = (7, float(np.arange(5000).sum()))
    assert actor.do(reader + "\nseen()", path=path) == expected
    REPLACING[use](path)
    assert actor.do("seen()") == expected
    found = hdfchk.load(path)
    assert found == {"new": 1} if use != "compact" else list(found) == ["n", "x"]
    HDF5Checkpointer(path)["after"] = 1
    assert actor.do("seen()") == expected
    actor.do("held.close()")
    assert listing(Path(path).parent) == ["store.hdf5"]
    assert HDF5Checkpointer(path)["after"] == 1


def test_compact_brings_in_what_waits_for_a_reader(actor: Actor, path: str) -> None:
    """`compact()` waits for a reader of commits in the journal, and loses none of them."""
    HDF5Checkpointer(path).update({"n": 0, "x": np.zeros(5000)})
    actor.do("held = HDF5Checkpointer(path, mode='r').__enter__(); held['n']", path=path)
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path).update({"n": 1, "x": np.ones(5000), "y": [1, 2]})
    began = time.monotonic()
    with pytest.raises(LockedError, match="readers"):
        HDF5Checkpointer(path, lock_timeout=0.3).compact()
    assert 0.25 < time.monotonic() - began < 5
    assert hdfchk.load(path)["y"] == [1, 2] and tree_of(path) == {"n": 0, "x": [0.0] * 5000}
    assert actor.do("held['n'], bool(held['x'].any())") == (0, False)
    actor.begin("time.sleep(0.3); held.close()")
    HDF5Checkpointer(path, lock_timeout=20).compact()
    actor.end().get()
    found = hdfchk.load(path)
    assert found["n"] == 1 and found["x"].all() and found["y"] == [1, 2]
    assert tree_of(path) == {"n": 1, "x": [1.0] * 5000, "y": [1, 2]}
    assert listing(Path(path).parent) == ["store.hdf5"]


# -- no locks --------------------------------------------------------------------------------------

NO_LOCKS = """
import errno, fcntl, sys, warnings
number = int(sys.argv[2])
def refuse(*arguments):
    raise OSError(number, "no locks here")
real = fcntl.fcntl
locking = {getattr(fcntl, name) for name in dir(fcntl) if name.startswith(("F_SETLK", "F_GETLK", "F_OFD_"))}
locking |= {36, 37, 38}  # locks of open files, where this Python has no name for them
fcntl.flock = fcntl.lockf = refuse
fcntl.fcntl = lambda fd, command, *rest: refuse() if command in locking else real(fd, command, *rest)
import numpy as np
import hdfchk
from hdfchk import HDF5Checkpointer, NoLocksWarning
path = sys.argv[1]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    HDF5Checkpointer(path)["a"] = 1
    with HDF5Checkpointer(path) as chk:
        chk["x"] = np.arange(9000.0)
        chk.append("log", 1.0)
        with chk.transaction():
            chk["n"] = 1
        chk.commit()
        with HDF5Checkpointer(path) as other:
            other["b"] = 2
    with HDF5Checkpointer(path, mode="r") as chk:
        assert chk["x"][-1] == 8999 and chk["n"] == 1 and chk["b"] == 2
    HDF5Checkpointer(path).compact()
    assert not HDF5Checkpointer(path).recover()
    hdfchk.save(path + ".saved", {"a": 1})
    assert list(hdfchk.load(path)) == ["a", "x", "log", "n", "b"]
about = [w for w in caught if w.category is NoLocksWarning and "store.hdf5.saved" not in str(w.message)]
others = [str(w.message) for w in caught if w.category is not NoLocksWarning]
assert not others, others
assert len(about) == 1, [str(w.message) for w in caught]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524],
    ids=["ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUPP"],
)
def test_no_locks(path: str, number: int) -> None:
    """Where the file system keeps no locks, everything works, and it is said once."""
    done = subprocess.run(
        [sys.executable, "-c", NO_LOCKS, path, str(number)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2500:]
    assert listing(Path(path).parent) == ["store.hdf5", "store.hdf5.saved"]


# -- rights ----------------------------------------------------------------------------------------


def rights(folder: Path) -> dict[str, str]:
    """The rights of all files that lie in a folder."""
    return {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("mode", "mask"),
    [(0o600, 0o022), (0o664, 0o077), (0o640, 0o000)],
    ids=["0600 mask 022", "0664 mask 077", "0640 mask 000"],
)
@pytest.mark.parametrize("use", ["write", "mode w", "save", "compact"])
def test_rights(actor: Actor, path: str, mode: int, mask: int, use: str) -> None:
    """Whatever is made beside a file has its rights, whatever the mask is, and the file keeps them."""
    HDF5Checkpointer(path).update({"n": 0, "x": np.arange(5000.0)})
    os.chmod(path, mode)
    folder = Path(path).parent
    code = {
        "write": "chk = HDF5Checkpointer(path).__enter__(); chk['n'] = 1; chk['y'] = np.ones(9000)",
        "mode w": "chk = HDF5Checkpointer(path, mode='w').__enter__(); t = chk.transaction(); "
        "t.__enter__(); chk['y'] = np.ones(9000); chk['n'] = 1",
        "save": "hdfchk.save(path, {'n': 1, 'x': np.ones(5000)}, progress=look)",
        "compact": "HDF5Checkpointer(path).compact(progress=look)",
    }[use]
    look = """
    import stat
    seen = {}
    def look(*_):
        for name in os.listdir(os.path.dirname(path)):
            seen[name] = oct(stat.S_IMODE(os.stat(os.path.join(os.path.dirname(path), name)).st_mode))
    before = os.umask(mask)
    """
    actor.do(look, path=path, mask=mask)
    try:
        actor.do(code)
        seen = rights(folder) | actor.do("seen")
        assert set(seen.values()) == {oct(mode)}, seen
        if use == "write":
            assert "store.hdf5-journal" in seen
        if use == "mode w":
            actor.do("t.__exit__(None, None, None); chk['m'] = 2")
            seen = rights(folder)
            assert set(seen.values()) == {oct(mode)} and "store.hdf5" in seen, seen
        actor.do("chk.close() if 'chk' in globals() else None")
    finally:
        actor.do("os.umask(before)")
    assert rights(folder) == {"store.hdf5": oct(mode)}
    assert HDF5Checkpointer(path)["n"] == (0 if use == "compact" else 1)


def test_rights_of_a_new_file(actor: Actor, path: str) -> None:
    """A file that is made has the rights that the mask leaves, and its journal has the same."""
    folder = Path(path).parent
    actor.do("before = os.umask(0o027)")
    try:
        actor.do("chk = HDF5Checkpointer(path).__enter__(); chk['a'] = 1", path=path)
        assert rights(folder) == {"store.hdf5": "0o640", "store.hdf5-journal": "0o640"}
        actor.do("chk.close()")
    finally:
        actor.do("os.umask(before)")
    assert rights(folder) == {"store.hdf5": "0o640"}


@pytest.mark.parametrize("mode", [0o600, 0o664], ids=["0600", "0664"])
def test_rights_of_what_is_set_aside(actor: Actor, path: str, mode: int) -> None:
    """A journal that a killed writer has left keeps the rights of its file."""
    HDF5Checkpointer(path)["n"] = 0
    os.chmod(path, mode)
    actor.let_die("os.umask(0o077); HDF5Checkpointer(path).__enter__()['n'] = 1", path=path)
    assert set(rights(Path(path).parent).values()) == {oct(mode)}
    assert HDF5Checkpointer(path)["n"] == 1


# -- memory maps -----------------------------------------------------------------------------------

CHURN = """
for n in range(50):
    chk[f"other{n % 7}"] = np.full(20_000 + 100 * n, -1.0 - n)
    chk["small"] = n
    if n % 10 == 9:
        chk.commit()
"""
AFTERWARDS = {
    "deleted": "del chk['x']",
    "overwritten": "chk['x'] = np.full(30_000, -7.0)",
    "shorter": "chk['x'] = 1",
    "grown": "chk.append('x', np.full(30_000, -7.0))",
    "cleared": "chk.clear()",
    "compacted": """
del chk['x']
try:  # what is deleted is in the journal, and waits for the map
    HDF5Checkpointer(path, lock_timeout=0.1).compact()
except LockedError:
    pass
""",
    "begun anew": "hdfchk.save(path, {'only': 1})",
}
SEES = "bool((m == np.arange(30_000.0)).all()) and float(m[-1]) == 29_999.0"


IN_PART = "bool(((m == np.arange(30_000.0)) | (m == -7.0)).all())"


def _prepare(path: str) -> None:
    chk = HDF5Checkpointer(path, durable=False)
    chk["first"] = np.zeros(100)
    chk["x"] = np.arange(30_000.0)
    chk["last"] = np.zeros(100)


@pytest.mark.parametrize("then", AFTERWARDS)
@pytest.mark.parametrize("block", [True, False], ids=["in a block", "by calls"])
def test_maps_keep_their_values(actor: Actor, path: str, then: str, block: bool) -> None:
    """A map shows the values that it was made of, whatever becomes of its array in this process."""
    _prepare(path)
    code = f"""
chk = HDF5Checkpointer(path, durable=False)
m = chk.array("x").map()
{"chk.__enter__()" if block and then != "begun anew" else ""}
{AFTERWARDS[then]}
seen = [{SEES}]
{CHURN}
seen.append({SEES})
chk.close()
HDF5Checkpointer(path)["end"] = 1
seen.append({SEES})
del m
seen
"""
    warns = (PendingJournalWarning,)
    assert actor.do(code, path=path, warns=warns) == [True, True, True]
    assert HDF5Checkpointer(path).verify().ok


@pytest.mark.parametrize("then", AFTERWARDS)
def test_maps_of_another_process(actors: Actors, path: str, then: str) -> None:
    """A map shows the values that it was made of, whatever another process does to its array."""
    _prepare(path)
    mapping, writing = actors(2)
    mapping.do("m = HDF5Checkpointer(path, mode='r').array('x').map()", path=path)
    code = (
        "chk = HDF5Checkpointer(path, durable=False)\n" + AFTERWARDS[then] + CHURN + "chk.close()"
    )
    writing.tell(code, path=path).get((PendingJournalWarning,))
    assert mapping.do(SEES) is True
    writing.do(
        "with HDF5Checkpointer(path) as chk: chk.clear(); chk['end'] = 1",
        warns=(PendingJournalWarning,),
    )
    assert mapping.do(SEES) is True
    mapping.do("del m")
    assert hdfchk.load(path) == {"end": 1}
    assert mapping.is_alive


def test_maps_of_what_is_written_in_part(actor: Actor, path: str) -> None:
    """A map of an array that is written slice by slice shows its elements, old or new, and no others."""
    _prepare(path)
    code = f"""
chk = HDF5Checkpointer(path, durable=False)
m = chk.array("x").map()
chk.array("x")[5:20_000] = -7.0
seen = [{IN_PART}]
{CHURN}
del chk["x"]
{CHURN}
seen.append({IN_PART})
del m
seen
"""
    assert actor.do(code, path=path, warns=(PendingJournalWarning,)) == [True, True]


@pytest.mark.slow
def test_maps_of_a_child_that_ends(path: str) -> None:
    """A process that reads maps of arrays that are gone ends well, and by no signal."""
    _prepare(path)
    code = f"""
import sys
import numpy as np
import hdfchk
from hdfchk import HDF5Checkpointer
path = sys.argv[1]
chk = HDF5Checkpointer(path, mode="r", mmap=True)
m, whole = chk["x"], chk.load()
print("mapped", flush=True)
sys.stdin.readline()
assert {SEES}
assert float(whole["x"][-1]) == 29_999.0
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "mapped\n"
        chk = HDF5Checkpointer(path, durable=False, lock_timeout=0.2)
        with pytest.warns(PendingJournalWarning):
            del chk["x"], chk["last"]
            for n in range(50):
                chk["small"] = n
            with contextlib.suppress(LockedError):  # it may have to wait for the maps
                chk.compact()
            chk.clear()
        _, said = child.communicate("\n", timeout=60)
        assert child.returncode == 0, said[-2000:]
        chk["end"] = 1
        assert tree_of(path) == {"end": 1} and listing(Path(path).parent) == ["store.hdf5"]
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def test_space_of_maps_comes_back(path: str) -> None:
    """Space that a map has kept is used again when the map is gone."""
    _prepare(path)
    chk = HDF5Checkpointer(path, durable=False)
    m = chk.array("x").map()
    with pytest.warns(PendingJournalWarning) as told:
        for n in range(5):
            chk["x"] = np.full(30_000, float(n))
    seen = float(m[-1])
    del m
    assert seen == 29_999 and len(told) == 1
    chk["x"] = np.full(30_000, 5.0)
    assert listing(Path(path).parent) == ["store.hdf5"]
    size = os.path.getsize(path)
    for n in range(20):
        chk["x"] = np.full(30_000, float(n))
    assert os.path.getsize(path) <= size + 300_000
    with h5py.File(path) as file:
        assert file["x"][0] == 19
