"""Who has the file open, what is done to it behind the library's back, and what comes then.

Each test is one combination. However it ends, commits that had returned are in a file, in a
journal or in a rescued file, or somebody was told; and what h5py could open, it can open still.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    CorruptFileError,
    FileReplacedError,
    HDF5Checkpointer,
    HdfchkError,
    JournalMismatchError,
    JournalMismatchWarning,
    LockedError,
    PendingJournalWarning,
)
from tests.actors.actors import FULL, Actor, Outcome, tree_of

Actors = Callable[[int], list[Actor]]
Tree = dict[str, Any]

BASE: Tree = {"n": 1, "text": "some", "a": np.arange(1000.0).tolist(), "gone": 5}
LATER: Tree = {"later": list(range(500))}
COMMITS: Tree = {f"c{n}": n for n in range(5)} | {
    "bulk": np.arange(30_000.0).tolist(),
    "more": "x" * 5000,
}
WRITE = """
chk = HDF5Checkpointer(path)
chk.__enter__()
for n in range(5):
    chk[f"c{n}"] = n
chk["bulk"] = np.arange(30_000.0).tolist()
chk["more"] = "x" * 5000
"""


class Place:
    """A file, its older copies, and what has become of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.elsewhere = folder / "elsewhere"
        self.folder.mkdir()
        self.elsewhere.mkdir()
        self.path = str(self.folder / "run.hdf5")
        self.journal = self.path + "-journal"
        self.older = str(self.elsewhere / "older.hdf5")
        self.twin = str(self.elsewhere / "twin.hdf5")
        self.other = str(self.elsewhere / "other.hdf5")
        HDF5Checkpointer(self.path).update(BASE)
        shutil.copy2(self.path, self.older)
        HDF5Checkpointer(self.path).update(LATER)
        shutil.copy2(self.path, self.twin)
        with h5py.File(self.twin) as file:
            start = file["a"].id.get_offset()
        with open(self.twin, "r+b") as raw:
            raw.seek(start)
            raw.write(np.float64(99).tobytes())
        with h5py.File(self.other, "w") as file:
            file["other"] = 1
        assert os.path.getsize(self.twin) == os.path.getsize(self.path)
        self.target = self.path
        """The file that is used afterwards."""
        self.right: list[Tree] = [self.full()]
        """What it may hold then, if nobody is told anything."""
        self.applied = BASE | LATER
        """What h5py finds in the file itself."""

    def full(self) -> Tree:
        """All that was committed."""
        return BASE | LATER | COMMITS

    def files(self) -> dict[str, Tree | None]:
        """What plain h5py finds in each file, None where it cannot open it."""
        return {
            str(file): tree_of(file)
            for folder in (self.folder, self.elsewhere)
            for file in sorted(folder.iterdir())
            if "-journal" not in file.name and not file.is_symlink()
        }

    def journals(self) -> list[bytes]:
        """The bytes of all journals, under whatever name."""
        return [
            file.read_bytes()
            for folder in (self.folder, self.elsewhere)
            for file in sorted(folder.iterdir())
            if "-journal" in file.name
        ]


# -- who has it open -------------------------------------------------------------------------------


def nobody(place: Place, holder: Actor, writer: Actor) -> None:
    """A writer has committed and closed the file."""
    writer.do(WRITE + "chk.close()", path=place.path)
    place.applied = place.full()


def killed_writer(place: Place, holder: Actor, writer: Actor) -> None:
    """A writer was killed, and has left a journal."""
    writer.let_die(WRITE, path=place.path)
    assert os.path.exists(place.journal)


def open_writer(place: Place, holder: Actor, writer: Actor) -> None:
    """A writer has the file open."""
    holder.do(WRITE, path=place.path)


def reader(place: Place, holder: Actor, writer: Actor) -> None:
    """A reader of ours has the file open, so that commits wait in the journal."""
    holder.do("chk = HDF5Checkpointer(path, mode='r'); chk.__enter__()['n']", path=place.path)
    writer.do(WRITE + "chk.close()", path=place.path, warns=(PendingJournalWarning,))


def h5py_reader(place: Place, holder: Actor, writer: Actor) -> None:
    """A plain h5py has the file open for reading, so that commits wait in the journal."""
    holder.do("file = h5py.File(path, 'r'); int(file['n'][()])", path=place.path)
    writer.do(WRITE + "chk.close()", path=place.path, warns=(PendingJournalWarning,))


STATES = {
    "nobody": nobody,
    "killed writer": killed_writer,
    "open writer": open_writer,
    "reader": reader,
    "h5py reader": h5py_reader,
}

# -- what is done to it ----------------------------------------------------------------------------


def backup(place: Place, doer: Actor) -> None:
    """An older state of the file is copied over it."""
    shutil.copyfile(place.older, place.path)
    place.right = [BASE]


def twin(place: Place, doer: Actor) -> None:
    """A state of equal length and older time, that differs in one number, is copied over it."""
    shutil.copy2(place.twin, place.path)
    place.right = [BASE | LATER | {"a": [99.0, *BASE["a"][1:]]}]


def removed(place: Place, doer: Actor) -> None:
    """The file is removed."""
    os.unlink(place.path)
    place.right = []


def moved(place: Place, doer: Actor) -> None:
    """The file is moved, and its journal is not."""
    os.rename(place.path, place.folder / "moved.hdf5")
    place.right = []


def moved_with_journal(place: Place, doer: Actor) -> None:
    """The file is moved, and its journal with it."""
    place.target = str(place.folder / "moved.hdf5")
    os.rename(place.path, place.target)
    if os.path.exists(place.journal):
        os.rename(place.journal, place.target + "-journal")


def copied(place: Place, doer: Actor) -> None:
    """The file and its journal are copied to another folder, and used there."""
    place.target = str(place.elsewhere / "run.hdf5")
    shutil.copyfile(place.path, place.target)
    if os.path.exists(place.journal):
        shutil.copyfile(place.journal, place.target + "-journal")


def replaced(place: Place, doer: Actor) -> None:
    """Another file takes its place."""
    shutil.copyfile(place.other, place.path + ".part")
    os.replace(place.path + ".part", place.path)
    place.right = [{"other": 1}]


def _by_h5py(place: Place, doer: Actor, code: str, change: Callable[[Tree], Tree]) -> None:
    done = doer.tell(f"with h5py.File(path, 'r+') as file: {code}", path=place.path)
    if done.error is None:  # HDF5's lock may have refused it, which is as well
        place.right = [change(tree) for tree in place.right]
    else:
        assert isinstance(done.error, BlockingIOError), done


def h5py_number(place: Place, doer: Actor) -> None:
    """A plain h5py writes a number in its place."""
    _by_h5py(place, doer, "file['n'][()] = 77", lambda tree: tree | {"n": 77})


def h5py_adds(place: Place, doer: Actor) -> None:
    """A plain h5py adds a key."""
    _by_h5py(place, doer, "file['added'] = 3", lambda tree: tree | {"added": 3})


def h5py_deletes(place: Place, doer: Actor) -> None:
    """A plain h5py deletes a key."""

    def without(tree: Tree) -> Tree:
        return {key: value for key, value in tree.items() if key != "gone"}

    _by_h5py(place, doer, "del file['gone']", without)


def truncated(place: Place, doer: Actor) -> None:
    """The file is cut short."""
    os.truncate(place.path, os.path.getsize(place.path) // 2)
    place.right = []


def _by_link(place: Place, doer: Actor, make: Callable[[str, str], None]) -> None:
    link = str(place.folder / "link.hdf5")
    make(place.path, link)
    done = doer.tell("HDF5Checkpointer(path, lock_timeout=0.1)['link'] = 4", path=link)
    if done.error is None:
        place.right = [tree | {"link": 4} for tree in place.right]
    else:
        assert isinstance(done.error, (LockedError, JournalMismatchError)), done


def hard_link(place: Place, doer: Actor) -> None:
    """A hard link to the file is used to write to it."""
    _by_link(place, doer, os.link)


def symlink(place: Place, doer: Actor) -> None:
    """A symbolic link to the file is used to write to it."""
    _by_link(place, doer, os.symlink)


HARMS = {
    "backup": backup,
    "twin": twin,
    "removed": removed,
    "moved": moved,
    "moved with journal": moved_with_journal,
    "copied": copied,
    "replaced": replaced,
    "h5py number": h5py_number,
    "h5py adds": h5py_adds,
    "h5py deletes": h5py_deletes,
    "truncated": truncated,
    "hard link": hard_link,
    "symlink": symlink,
}
FOREIGN = {"backup", "twin", "replaced"}
"""What lies there then is not what the journal was made for."""
MISSING = {"removed", "moved"}
"""Nothing lies there then."""

# -- what is done with it then ---------------------------------------------------------------------

STEPS = {
    "read": "hdfchk.load(path, lock_timeout=0.1)",
    "write": "HDF5Checkpointer(path, lock_timeout=0.1)['key'] = 7",
    "recover": "HDF5Checkpointer(path, lock_timeout=0.1).recover()",
}
CELLS = [
    pytest.param(state, harm, step, id=f"{state}-{harm}-{step}")
    for s, state in enumerate(STATES)
    for h, harm in enumerate(HARMS)
    for i, step in enumerate(STEPS)
    if FULL
    or state == "killed writer"
    or (state == "open writer" and (step != "recover" or harm == "symlink"))
    or (s + h) % 3 == i
]


def same(found: Any, trees: list[Tree]) -> bool:
    """Whether what was found is one of the trees."""
    return found in trees


def names_the_way_out(error: BaseException, place: Place) -> bool:
    """Whether an error is ours, names the file, and what to do."""
    text = str(error)
    if isinstance(error, JournalMismatchError):
        return "recover(discard=True)" in text and "recover(into=" in text and place.target in text
    if isinstance(error, FileReplacedError):
        return ".rescued" in text or "moved" in text
    return isinstance(error, HdfchkError) and bool(error.hint) and error.file == place.target


@pytest.mark.parametrize(("state", "harm", "step"), CELLS)
def test_combination(actors: Actors, tmp_path: Path, state: str, harm: str, step: str) -> None:
    """The step gives the right content, or an error that names the way out, or a warning."""
    place = Place(tmp_path)
    holder, actor = actors(2)
    STATES[state](place, holder, actor)
    HARMS[harm](place, actor)
    pending = any(place.journals())
    files, journals = place.files(), place.journals()
    outcome = actor.tell(STEPS[step], path=place.target)
    check = {"read": _check_read, "write": _check_written, "recover": _check_recovered}[step]
    check(place, outcome, state, harm, pending, files)
    _check_kept(place, files, step)
    if pending and state != "open writer":
        _check_conserved(place, actor, harm, journals)
    if state == "open writer":
        _check_writer(place, holder, actor, harm)
    else:
        left = holder.tell("chk.close() if 'chk' in globals() else file.close()")
        assert state in {"nobody", "killed writer"} or left.error is None, left
    if state == "killed writer" and harm == "moved" and step != "write":
        os.rename(place.folder / "moved.hdf5", place.path)
        assert same(actor.do("hdfchk.load(path)", path=place.path), [place.full()])


def _refused(place: Place, outcome: Outcome, state: str, harm: str, pending: bool) -> None:
    """An error is one that this combination may end in, and says what to do."""
    error = outcome.error
    allowed: tuple[type[BaseException], ...] = ()
    if pending and harm not in {"copied", "moved with journal", "symlink"}:
        allowed += (JournalMismatchError,)
    if state == "open writer":
        allowed += (LockedError, FileReplacedError)
    if harm == "truncated":
        allowed += (CorruptFileError,)
    if harm in MISSING and type(error) is FileNotFoundError:
        assert place.target in str(error)
        return
    assert isinstance(error, allowed), outcome
    assert names_the_way_out(error, place), str(error)


def _check_read(
    place: Place, outcome: Outcome, state: str, harm: str, pending: bool, files: Any
) -> None:
    if outcome.error is not None:
        assert not (state == "nobody" and harm != "truncated" and harm not in MISSING), outcome
        _refused(place, outcome, state, harm, pending)
    elif outcome.told(JournalMismatchWarning):
        assert pending and same(outcome.value, [files[place.target]]), outcome
    elif harm == "truncated":  # what was cut off lies in the journal, all of it
        assert pending and not outcome.warned
        assert same(outcome.value, [place.full()]), sorted(outcome.value)
    else:
        assert not outcome.warned
        assert not (pending and harm in FOREIGN), "nobody was told of the commits"
        assert same(outcome.value, place.right), sorted(outcome.value)
    assert not [text for text in outcome.told(JournalMismatchWarning) if place.target not in text]


def _check_written(
    place: Place, outcome: Outcome, state: str, harm: str, pending: bool, files: Any
) -> None:
    if outcome.error is not None:
        assert not (state == "nobody" and harm != "truncated"), outcome
        _refused(place, outcome, state, harm, pending)
        assert tree_of(place.target) == files.get(place.target)
        return
    assert harm != "truncated"
    found = HDF5Checkpointer(place.target, mode="r").load()
    if harm in MISSING:
        assert same(found, [{"key": 7}])
        if pending and state != "open writer":
            assert outcome.told(JournalMismatchWarning), "nobody was told of the commits"
            assert os.path.exists(place.journal + ".1")
        return
    assert not outcome.told(JournalMismatchWarning), outcome
    assert same(found, [tree | {"key": 7} for tree in place.right]), sorted(found)
    if not state.endswith("reader") and state != "open writer":
        assert tree_of(place.target) == found, "h5py does not see it"


def _check_recovered(
    place: Place, outcome: Outcome, state: str, harm: str, pending: bool, files: Any
) -> None:
    if outcome.error is not None:
        if state.endswith("reader") and isinstance(outcome.error, LockedError):
            return
        assert not (state == "nobody" and harm != "truncated" and harm not in MISSING), outcome
        _refused(place, outcome, state, harm, pending)
        return
    assert not (pending and harm in FOREIGN and outcome.value), "it was laid over another file"
    if outcome.value:
        assert pending and same(tree_of(place.target), place.right), outcome
    elif harm not in MISSING and harm != "truncated":
        assert not (pending and state == "killed writer"), "there was something to recover"


def _check_kept(place: Place, files: dict[str, Tree | None], step: str) -> None:
    """What h5py could open before the step, it can open, and holds the same or what is right."""
    for name, before in files.items():
        after = tree_of(name)
        if before is None:
            continue
        assert after is not None, f"{name} was made unreadable"
        allowed = [before]
        if step != "read" and Path(name).name in {Path(place.target).name, "link.hdf5"}:
            allowed += place.right + [tree | {"key": 7} for tree in [before, *place.right]]
        assert same(after, allowed), (name, sorted(after))


def _check_conserved(place: Place, actor: Actor, harm: str, journals: list[bytes]) -> None:
    """The commits of the journal are in the file now, or the journal is there as it was."""
    if all(journal in place.journals() for journal in journals):
        return
    assert harm not in FOREIGN | MISSING, "a journal with commits was given up"
    found = actor.tell("hdfchk.load(path)", path=place.target)
    assert found.error is None, found
    assert not [key for key in COMMITS if found.value.get(key) != COMMITS[key]]


def _check_writer(place: Place, holder: Actor, actor: Actor, harm: str) -> None:
    """The writer that had it open goes on, and ends: its commits are somewhere, and it is said."""
    late = holder.tell("chk['late'] = 8")
    before = tree_of(place.path)
    ends = [holder.tell("chk.commit()"), holder.tell("chk.__exit__(None, None, None)")]
    errors = [o.error for o in [late, *ends] if o.error is not None]
    for error in errors:
        assert isinstance(error, HdfchkError), repr(error)
    all_of_it = place.full() | ({"late": 8} if late.error is None else {})
    if harm in {"hard link", "symlink"}:
        all_of_it |= place.right[0]  # and what had returned by the link

    def has_all(name: Any) -> bool:
        found = tree_of(name) or {}
        return all(found.get(key) == value for key, value in all_of_it.items() if key != "n")

    if harm in {"moved", "moved with journal"}:
        assert any(isinstance(error, FileReplacedError) for error in errors), ends
        assert has_all(place.folder / "moved.hdf5")
    elif harm in {"removed", "replaced"}:
        told = [str(error) for error in errors if isinstance(error, FileReplacedError)]
        assert told and any(place.path + ".rescued" in text for text in told), ends
        assert has_all(place.path + ".rescued")
        assert tree_of(place.path) == before
    elif harm in {"copied", "hard link", "symlink"}:
        assert not errors and has_all(place.path)
    elif errors or any(o.warned for o in ends):
        names = sorted(str(file) for file in place.folder.iterdir())
        assert harm == "truncated" or place.journals() or any(has_all(n) for n in names), names
    else:
        assert harm != "truncated" and has_all(place.path)
    if before is not None:
        assert tree_of(place.path) is not None


# -- a journal that does not fit -------------------------------------------------------------------


@pytest.fixture
def mismatch(actor: Actor, tmp_path: Path) -> Place:
    """A file under the journal of a killed writer of another state of it."""
    place = Place(tmp_path)
    killed_writer(place, actor, actor)
    backup(place, actor)
    return place


def test_reading_renames_nothing(mismatch: Place) -> None:
    """Reading gives the file as it stands, with a warning, and leaves all files as they are."""
    before = {file: file.read_bytes() for file in mismatch.folder.iterdir()}
    with pytest.warns(JournalMismatchWarning, match=r"run\.hdf5"):
        found = hdfchk.load(mismatch.path)
    assert found == BASE
    with pytest.warns(JournalMismatchWarning):
        assert HDF5Checkpointer(mismatch.path)["n"] == 1
    assert {file: file.read_bytes() for file in mismatch.folder.iterdir()} == before


@pytest.mark.parametrize(
    "use",
    [
        lambda chk: chk.update({"key": 1}),
        lambda chk: chk.append("log", 1),
        lambda chk: chk.pop("n"),
        lambda chk: chk.compact(),
        lambda chk: chk.recover(),
        lambda chk: chk.transaction().__enter__(),
        lambda chk: chk.attrs.update({"u": 1}),
    ],
    ids=["update", "append", "pop", "compact", "recover", "transaction", "attrs"],
)
@pytest.mark.filterwarnings("ignore::hdfchk.JournalMismatchWarning")
def test_writing_is_refused(mismatch: Place, use: Callable[[HDF5Checkpointer], Any]) -> None:
    """Each call that writes is refused, names both ways out, and touches neither file nor journal."""
    before = {file: file.read_bytes() for file in mismatch.folder.iterdir()}
    with pytest.raises(JournalMismatchError) as caught:
        use(HDF5Checkpointer(mismatch.path))
    assert "recover(discard=True)" in str(caught.value) and "recover(into=" in str(caught.value)
    assert caught.value.file == mismatch.path
    assert {file: file.read_bytes() for file in mismatch.folder.iterdir()} == before


def test_discard(mismatch: Place, actor: Actor) -> None:
    """`recover(discard=True)` sets the journal aside under the next free name, and never deletes it."""
    for number in (1, 2, 3):
        journal = Path(mismatch.journal).read_bytes()
        HDF5Checkpointer(mismatch.path).recover(discard=True)
        assert Path(f"{mismatch.journal}.{number}").read_bytes() == journal
        assert not os.path.exists(mismatch.journal)
        assert HDF5Checkpointer(mismatch.path).load() == BASE
        HDF5Checkpointer(mismatch.path)["key"] = number
        del HDF5Checkpointer(mismatch.path)["key"]
        actor.let_die(WRITE, path=mismatch.path)
        backup(mismatch, actor)


def test_discard_of_one_that_fits(actor: Actor, tmp_path: Path) -> None:
    """`recover(discard=True)` loses no commits of a journal that fits: they are brought in or kept."""
    place = Place(tmp_path)
    killed_writer(place, actor, actor)
    HDF5Checkpointer(place.path).recover(discard=True)
    found = HDF5Checkpointer(place.path).load()
    kept = Path(place.journal + ".1")
    assert found == place.full() or (found == BASE | LATER and kept.stat().st_size > 0)


def test_discard_of_nothing(path: str) -> None:
    """`recover(discard=True)` where there is no journal does nothing."""
    HDF5Checkpointer(path)["a"] = 1
    assert not HDF5Checkpointer(path).recover(discard=True)
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]


def test_into(mismatch: Place) -> None:
    """`recover(into=copy)` makes a copy with the commits laid over it, if that opens as HDF5."""
    into = str(mismatch.elsewhere / "into.hdf5")
    before = {file: file.read_bytes() for file in mismatch.folder.iterdir()}
    try:
        HDF5Checkpointer(mismatch.path).recover(into=into)
    except HdfchkError as error:
        assert not os.path.exists(into), error
    else:
        assert tree_of(into) is not None
    assert {file: file.read_bytes() for file in mismatch.folder.iterdir()} == before


def test_into_of_one_that_fits(actor: Actor, tmp_path: Path) -> None:
    """`recover(into=copy)` of a journal that fits makes a whole file, and changes neither."""
    place = Place(tmp_path)
    killed_writer(place, actor, actor)
    before = {file: file.read_bytes() for file in place.folder.iterdir()}
    into = str(place.elsewhere / "into.hdf5")
    HDF5Checkpointer(place.path).recover(into=into)
    assert tree_of(into) == place.full() == HDF5Checkpointer(into).load()
    assert {file: file.read_bytes() for file in place.folder.iterdir()} == before
    assert not os.path.exists(into + "-journal")


@pytest.mark.filterwarnings("ignore::hdfchk.JournalMismatchWarning")
def test_into_never_overwrites(mismatch: Place) -> None:
    """`recover(into=path)` refuses a path at which a file stands, the store's own above all."""
    for there in (mismatch.path, mismatch.older):
        before = Path(there).read_bytes()
        with pytest.raises((OSError, ValueError)):
            HDF5Checkpointer(mismatch.path).recover(into=there)
        assert Path(there).read_bytes() == before


def test_a_missing_file(actor: Actor, tmp_path: Path) -> None:
    """The first write where only a journal is left sets it aside, and says so and where."""
    place = Place(tmp_path)
    killed_writer(place, actor, actor)
    journal = Path(place.journal).read_bytes()
    os.rename(place.path, place.elsewhere / "kept.hdf5")
    with pytest.raises(FileNotFoundError):
        hdfchk.load(place.path)
    assert os.listdir(place.folder) == ["run.hdf5-journal"]
    with pytest.warns(JournalMismatchWarning, match=r"run\.hdf5-journal\.1"):
        HDF5Checkpointer(place.path)["new"] = 1
    assert Path(place.journal + ".1").read_bytes() == journal
    assert HDF5Checkpointer(place.path).load() == {"new": 1}
    # Back under their names, they are as whole as they were.
    os.replace(place.elsewhere / "kept.hdf5", place.path)
    os.rename(place.journal + ".1", place.journal)
    assert HDF5Checkpointer(place.path).load() == place.full()
    HDF5Checkpointer(place.path)["key"] = 1
    assert tree_of(place.path) == place.full() | {"key": 1}


@pytest.mark.parametrize("mode", ["w", "x"])
@pytest.mark.parametrize("there", [True, False], ids=["file", "no file"])
def test_beginning_anew_beside_a_journal(
    actor: Actor, tmp_path: Path, mode: str, there: bool
) -> None:
    """What begins anew where commits wait in a journal leaves these nowhere but aside."""
    place = Place(tmp_path)
    killed_writer(place, actor, actor)
    journal = Path(place.journal).read_bytes()
    if not there:
        os.unlink(place.path)
    outcome = actor.tell("HDF5Checkpointer(path, mode=mode)['new'] = 1", path=place.path, mode=mode)
    if there and mode == "x":
        assert isinstance(outcome.error, FileExistsError)
        assert hdfchk.load(place.path) == place.full()
        return
    if isinstance(outcome.error, JournalMismatchError):
        assert Path(place.journal).read_bytes() == journal
        return
    assert outcome.error is None and hdfchk.load(place.path) == {"new": 1}
    if not there:
        assert outcome.told(JournalMismatchWarning)
        assert Path(place.journal + ".1").read_bytes() == journal


def test_save_over_a_file_with_a_journal(actor: Actor, tmp_path: Path) -> None:
    """A dict that replaces a file whose commits wait in a journal is not mixed with them."""
    place = Place(tmp_path)
    killed_writer(place, actor, actor)
    hdfchk.save(place.path, {"only": 1})
    assert hdfchk.load(place.path) == {"only": 1} == tree_of(place.path)
    HDF5Checkpointer(place.path)["more"] = 2
    assert tree_of(place.path) == {"only": 1, "more": 2}


# -- a writer whose file goes ----------------------------------------------------------------------

LARGE = np.arange(500_000.0)


@pytest.mark.parametrize("way", ["commit", "exit", "close", "later calls"])
@pytest.mark.parametrize("fate", ["moved", "removed", "replaced"])
def test_open_writer_loses_its_file(actor: Actor, tmp_path: Path, fate: str, way: str) -> None:
    """A writer whose file goes is told so, and all its commits, large arrays too, are in a file."""
    place = Place(tmp_path)
    actor.do(WRITE + "chk['large'] = large\nlast = 0", path=place.path, large=LARGE)
    HARMS[fate](place, actor)
    untouched = Path(place.path).read_bytes() if fate == "replaced" else None
    code = {
        "commit": "chk['late'] = 8; chk['large2'] = large[::-1]; chk.commit()",
        "exit": "chk['late'] = 8; chk['large2'] = large[::-1]; chk.__exit__(None, None, None)",
        "close": "chk['late'] = 8; chk['large2'] = large[::-1]; chk.close()",
        "later calls": "chk['late'] = 8; chk['large2'] = large[::-1]; chk.__exit__(None, None, None)",
    }[way]
    outcome = actor.tell(code, timeout=30)
    assert isinstance(outcome.error, FileReplacedError), outcome
    if way == "commit":
        actor.tell("chk.close()")
    found = str(place.folder / "moved.hdf5") if fate == "moved" else place.path + ".rescued"
    assert os.path.basename(found) in str(outcome.error) or fate == "moved"
    assert outcome.error.file == place.path
    with h5py.File(found) as file:
        assert np.array_equal(file["large"][()], LARGE)
        assert np.array_equal(file["large2"][()], LARGE[::-1]) and file["late"][()] == 8
    whole = hdfchk.load(found)
    assert not [key for key in place.full() if whole[key] != place.full()[key]]
    if fate == "replaced":
        assert Path(place.path).read_bytes() == untouched
    else:
        assert not os.path.exists(place.path)
    if way == "later calls":  # the store can be used again, on what is there now
        actor.do("chk['again'] = 1", warns=(JournalMismatchWarning,))
        expected = {"again": 1} | ({"other": 1} if fate == "replaced" else {})
        assert hdfchk.load(place.path) == expected


def test_rescued_files_are_never_overwritten(actor: Actor, tmp_path: Path) -> None:
    """A second rescue beside a first one leaves that as it was, and its error names its own file."""
    place = Place(tmp_path)
    for number in range(2):
        actor.do(
            "chk = HDF5Checkpointer(path); chk.__enter__(); chk['number'] = number",
            path=place.path,
            number=number,
            warns=(JournalMismatchWarning,),
        )
        os.unlink(place.path)
        outcome = actor.tell("chk.__exit__(None, None, None)")
        assert isinstance(outcome.error, FileReplacedError), outcome
    rescued = sorted(file for file in os.listdir(place.folder) if ".rescued" in file)
    assert len(rescued) == 2
    assert sorted(hdfchk.load(place.folder / name)["number"] for name in rescued) == [0, 1]


def test_calls_outside_a_block_see_what_is_there(path: str) -> None:
    """Between calls outside a block nothing is held: a file that was replaced is simply another."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    os.rename(path, path + ".old")
    chk["b"] = 2
    assert chk.load() == {"b": 2} and hdfchk.load(path + ".old") == {"a": 1}
    os.replace(path + ".old", path)
    assert chk.load() == {"a": 1}
