"""The edits of a file: what is done through hdfchk, and what may be another after it."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
from h5py import h5d

from hdfchk import Group, HDF5Checkpointer, HdfchkError, UnsafeFileError, UnsupportedStoredError

from .compare import Allowed, differences
from .describe import FAILS, Description, creation_order
from .values import (
    NO_VALUE,
    attribute_by_h5py,
    by_h5py,
    canonical,
    differs,
    is_outside,
    open_at,
)

EDITS: dict[str, Callable[[Run], None]] = {}
"""The name of an edit -> what does it. Each has a copy of the file for itself."""
NEW = "zz new"
TEXT = "a text of ours, é"


class Fault:
    """Something that is not as it should be."""

    def __init__(self, key: str, edit: str, what: str) -> None:
        self.key, self.edit, self.what = key, edit, what

    def __repr__(self) -> str:
        """One line."""
        return f"{self.edit} {self.key}: {self.what}"


class Run:
    """One edit of one file, key by key.

    Args:
        source: the file, which is left alone.
        folder: where its copy is made.
        edit: the name of the edit.
        most: how many keys are tried.
        alone: what is beside the file is not copied.

    Attributes:
        path: of the copy.
        before: the copy as it was before the step that comes.
        faults: what was found.
        done, refused: how many steps were done, and how many were refused, as they may be.
    """

    def __init__(
        self, source: str, folder: str, edit: str, most: int = 40, *, alone: bool = False
    ) -> None:
        self.edit, self.most = edit, most
        self.path = os.path.join(folder, os.path.basename(source))
        self.source = source
        if alone:
            os.makedirs(folder, exist_ok=True)
            shutil.copyfile(source, self.path)
        else:
            shutil.copytree(os.path.dirname(source), folder, dirs_exist_ok=True)
        self.before = Description(self.path)
        self.faults: list[Fault] = []
        self.done = self.refused = 0
        self.chk = HDF5Checkpointer(self.path, durable=False)

    def run(self) -> Run:
        """Do the edit; an error that comes through is a fault, too."""
        try:
            EDITS[self.edit](self)
        except Exception as error:
            self.fault("/", f"{type(error).__name__}: {error}")
        return self

    def fault(self, key: str, what: str) -> None:
        """Take a note of something that is not as it should be."""
        self.faults.append(Fault(key, self.edit, what))

    def keys(self, kind: str, part: int = 1) -> list[str]:
        """The paths of the objects of a kind, or some of them, from all over the file.

        Args:
            kind: group, dataset or type.
            part: of how many that may be tried one is.
        """
        found = [path for path, parts in self.before.objects.items() if parts["kind"] == kind]
        most = max(2, self.most // part)
        if len(found) <= most:
            return found
        return [found[i * len(found) // most] for i in range(most)]

    def step(self, key: str, work: Callable[[], Any], allowed: Allowed, can: Any = None) -> bool:
        """Do one step, and compare all that it should have left alone.

        Args:
            key: the path of what is edited.
            work: does it.
            allowed: what it may change.
            can: does the same by plain h5py; where that fails, the step may be refused. None: it
                may not; True: it may.

        Returns:
            Whether it was done.
        """
        try:
            work()
        except HdfchkError as error:
            self._refused(key, error, can)
            allowed, is_done = Allowed(), False
        except Exception as error:
            self.fault(key, f"raises {type(error).__name__}: {error}")
            allowed, is_done = Allowed(), False
        else:
            self.done += 1
            is_done = True
        after = Description(self.path)
        for what in differences(self.before, after, allowed):
            self.fault(key, what if is_done else f"after a refusal, {what}")
        self.before = after
        return is_done

    def _refused(self, key: str, error: HdfchkError, can: Any) -> None:
        if can is not True and (can is None or _succeeds(self.source, self.path, can)):
            self.fault(key, f"is refused: {type(error).__name__}: {error.problem}")
        else:
            self.refused += 1

    def reads(self, key: str, value: Any) -> None:
        """Compare what a key gives with what was written there."""
        found = self.chk[names(key)]
        if isinstance(value, dict):
            if not isinstance(found, Group):
                self.fault(key, "a dict is read as a value")
            for name, item in value.items():
                self.reads(f"{key}/{name}", item)
            return
        self.compare(key, canonical(value), canonical(found))

    def compare(self, key: str, expected: Any, found: Any, where: str = "") -> None:
        """Note how what was read differs from what should have been, in canonical form."""
        what = None if expected is NO_VALUE else differs(expected, found)
        if what is not None:
            self.fault(key, where + what)


def edit(function: Callable[[Run], None]) -> Callable[[Run], None]:
    """Register an edit under the name of its function."""
    EDITS[function.__name__.strip("_")] = function
    return function


def _succeeds(source: str, path: str, work: Callable[[Any], Any]) -> bool:
    """Whether plain h5py can do something, on another copy."""
    scratch = f"{path}.scratch"
    shutil.copyfile(source, scratch)
    try:
        with h5py.File(scratch, "r+") as file:
            work(file)
        return True
    except FAILS:
        return False
    finally:
        os.unlink(scratch)


def names(path: str) -> tuple[str, ...]:
    """The names of all levels of a path."""
    return tuple(name for name in path.split("/") if name)


def elements(parts: Any) -> list[Any] | None:
    """The elements of a dataset, in the order of C; None if they are not known."""
    data, space = parts["data"], parts["space"]
    if isinstance(data, bytes):
        count = math.prod(space[1]) if len(space) > 1 else 1
        size = len(data) // max(1, count)
        return [data[i * size : (i + 1) * size] for i in range(count)]
    if isinstance(data, tuple) and data[0] not in {"unreadable", "large"}:
        return list(data[1]) if isinstance(data[1], tuple) else None
    return None


def values(run: Run, kind: str = "dataset") -> Iterator[tuple[str, Any]]:
    """The keys that can be read, one by one, with their values."""
    for key in run.keys(kind):
        try:
            value = run.chk[names(key)]
        except HdfchkError:
            run.refused += 1
            continue
        with h5py.File(run.path, "r") as file:
            oid = open_at(file, key)
            outside = isinstance(oid, h5d.DatasetID) and is_outside(oid)
            del oid
        if not outside:
            yield key, value


# -- reading -----------------------------------------------------------------------------------


@edit
def read(run: Run) -> None:
    """Read all, compare it with h5py, and see that reading has changed nothing."""
    before = _digest(run.path)
    run.chk = HDF5Checkpointer(run.path, mode="r")
    with h5py.File(run.path, "r") as file:
        for path, parts in run.before.objects.items():
            _read_attributes(run, file, path, parts)
            if parts["kind"] == "group":
                _read_keys(run, file, path, parts)
            else:
                _read_value(run, file, path)
            run.done += 1
    if _digest(run.path) != before or len(os.listdir(os.path.dirname(run.path))) != len(
        run.before.file["neighbours"]
    ):
        run.fault("/", "reading has changed the file, or what is beside it")


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_value(run: Run, file: Any, path: str) -> None:
    oid = open_at(file, path)
    expected = by_h5py(oid)
    try:
        found = canonical(run.chk[names(path)])
    except (UnsupportedStoredError, UnsafeFileError) as error:
        run.refused += 1
        may = expected is NO_VALUE or isinstance(error, UnsafeFileError)
        if not may:
            run.fault(path, f"is not read, but by h5py: {error.problem}")
        return
    except Exception as error:
        run.fault(path, f"raises {type(error).__name__}: {error}")
        return
    run.compare(path, expected, found)
    if isinstance(oid, h5d.DatasetID) and oid.shape and isinstance(found, tuple):
        shape = run.chk.array(names(path)).shape
        if shape != found[1]:
            run.fault(path, f"its handle has the shape {shape}, its value {found[1]}")


def _read_keys(run: Run, file: Any, path: str, parts: Any) -> None:
    plist = open_at(file, path).get_create_plist()
    by_order = creation_order(plist)
    links = sorted(parts["links"], key=lambda link: link[2]) if by_order else parts["links"]
    expected = [link[0].decode("utf-8", "surrogateescape") for link in links if link[1] == "hard"]
    group = run.chk.group(names(path)) if path != "/" else run.chk
    found = [name for name in group if name in expected]
    if found != expected:
        run.fault(path, f"its keys {expected} are read as {found}")


def _read_attributes(run: Run, file: Any, path: str, parts: Any) -> None:
    attributes: Any = None
    item = file[path.encode("utf-8", "surrogateescape")]
    for raw in parts["attributes"]:
        name = raw.decode("utf-8", "surrogateescape")
        expected = attribute_by_h5py(item, name)
        try:
            attributes = attributes_of(run, path, parts) if attributes is None else attributes
            found = canonical(attributes[name])
        except (UnsupportedStoredError, UnsafeFileError):
            if parts["kind"] != "type" and expected is not NO_VALUE:
                run.fault(path, f"its attribute {name!r} is not read")
            continue
        except Exception as error:
            run.fault(path, f"its attribute {name!r}: {type(error).__name__}: {error}")
            continue
        run.compare(path, expected, found, f"its attribute {name!r}: ")


def attributes_of(run: Run, path: str, parts: Any) -> Any:
    """The attributes of a group or an array."""
    if path == "/":
        return run.chk.attrs
    if parts["kind"] == "group":
        return run.chk.group(names(path)).attrs
    return run.chk.array(names(path)).attrs


# -- writing -----------------------------------------------------------------------------------


@edit
def same(run: Run) -> None:
    """``c[k] = c[k]`` changes nothing."""
    for key, value in [*values(run), *values(run, "type")]:
        aliases = run.before.objects[key]["names"]
        for name in dict.fromkeys([key, aliases[-1]]):
            run.step(
                name,
                lambda name=name, value=value: run.chk.__setitem__(names(name), value),
                Allowed({key: {"stored"}}),
                lambda file, key=key: _rewrite(file[key.encode("utf-8", "surrogateescape")]),
            )
            if key not in run.before.objects:
                break
    verified(run)


def _rewrite(dataset: Any) -> None:
    if dataset.shape is not None:
        dataset[...] = dataset[()]


@edit
def other(run: Run) -> None:
    """Other values of the same dtype and shape go into the dataset that is there."""
    for key, value in values(run):
        changed = _other(value, len(_shape(run, key)))
        if changed is None:
            continue
        expected = elements(run.before.objects[key])
        is_done = run.step(
            key,
            lambda key=key, value=changed: run.chk.__setitem__(names(key), value),
            Allowed({key: {"stored", "data"}}),
            lambda file, key=key: _rewrite(file[key.encode("utf-8", "surrogateescape")]),
        )
        if is_done:
            run.reads(key, changed)
            new = run.before.objects[key]
            found = elements(new) if new["kind"] == "dataset" else None
            if expected and len(expected) > 1 and found != expected[::-1]:
                run.fault(key, "its elements are not those that were written")
    verified(run)


def _other(value: Any, ndim: int) -> Any:
    """Another value like one: an array from its end to its beginning, a number one higher.

    The axes of an array type, which come behind those of the dataset, stay as they are.
    """
    if isinstance(value, np.ndarray) and value.size > 1:
        return np.flip(value, tuple(range(ndim))) if ndim else None
    if isinstance(value, str):
        return value[::-1] if value[::-1] != value and not value.startswith(" ") else None
    if isinstance(value, (bool, np.bool)):
        return type(value)(not value)
    if isinstance(value, (int, np.integer)):
        return type(value)(value - 1 if value > 0 else value + 1)
    return type(value)(value / 2) if isinstance(value, (float, np.floating)) else None


@edit
def cast(run: Run) -> None:
    """A value of another dtype keeps the key's attributes, its aliases, and what points at it."""
    for key, value in values(run):
        changed = _cast(value)
        if changed is None:
            continue
        old = run.before.objects[key]
        is_done = run.step(
            key,
            lambda key=key, value=changed: run.chk.__setitem__(names(key), value),
            Allowed(added=(key,)),
            True,
        )
        if is_done:
            run.reads(key, changed)
            new = run.before.objects.get(key)
            if new is None or new["names"] != old["names"]:
                run.fault(key, f"its names {old['names']} became {new and new['names']}")
            elif list(old["attributes"]) != [
                name for name in new["attributes"] if not name.startswith(b"hdfchk")
            ] or any(
                old["attributes"][name][1:] != new["attributes"][name][1:]
                for name in old["attributes"]
            ):
                run.fault(key, "its attributes are not those that it had")
    verified(run)


def _cast(value: Any) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype.names is not None:
        return None
    if value.dtype.kind == "f" and value.dtype != np.float32:
        with np.errstate(all="ignore"):
            return value.astype("f4")
    return value.astype("f8") if value.dtype.kind in "iuf" else None


@edit
def _slice(run: Run) -> None:
    """Rows are written into an array."""
    for key, _ in values(run):
        shape = _shape(run, key)
        expected = elements(run.before.objects[key])
        if not shape or not math.prod(shape) or expected is None:
            continue
        array = run.chk.array(names(key))

        def work(array: Any = array) -> None:
            array[0] = array[-1]

        def by_hand(file: Any, key: str = key) -> None:
            dataset = file[key.encode("utf-8", "surrogateescape")]
            row = dataset[-1]
            dataset[0] = row
            _require_same(row, dataset[0])

        if run.step(key, work, Allowed({key: {"stored", "data"}}), by_hand):
            row = math.prod(shape[1:])
            if elements(run.before.objects[key]) != expected[-row:] + expected[row:]:
                run.fault(key, "its elements are not those that were written")
    verified(run)


@edit
def append(run: Run) -> None:
    """A row is appended where the first axis can grow."""
    for key, _ in values(run):
        shape, limits = _shape(run, key), run.before.objects[key]["space"][2:]
        expected = elements(run.before.objects[key])
        if not shape or not math.prod(shape) or expected is None:
            continue
        if limits[0][0] != h5py.h5s.UNLIMITED and limits[0][0] <= shape[0]:
            continue
        array = run.chk.array(names(key))

        def by_hand(file: Any, key: str = key) -> None:
            dataset = file[key.encode("utf-8", "surrogateescape")]
            dataset.resize(dataset.shape[0] + 1, 0)
            dataset[-1] = dataset[0]
            _require_same(dataset[0], dataset[-1])

        if run.step(
            key,
            lambda array=array: array.append(array[:1]),
            Allowed({key: {"stored", "data", "space"}}),
            by_hand,
        ):
            row = math.prod(shape[1:])
            new = run.before.objects[key]
            if elements(new) != expected + expected[:row]:
                run.fault(key, "its elements are not those that were appended")
            if new["space"][1:] != ((shape[0] + 1, *shape[1:]), limits[0]):
                run.fault(key, f"its space became {new['space']}")
    verified(run)


def _require_same(value: Any, found: Any) -> None:
    """Fail where h5py has cut something without a word: it may be refused then."""
    if canonical(value) != canonical(found):
        raise ValueError("it was cut")


def _shape(run: Run, key: str) -> tuple[int, ...]:
    """The shape in HDF5's terms: without the axes of an array type."""
    space = run.before.objects[key]["space"]
    return tuple(space[1]) if len(space) > 1 else ()


@edit
def attribute(run: Run) -> None:
    """Attributes are set, replaced and deleted, and one of others is set to what it is."""
    for path in [*run.keys("group", 4), *run.keys("dataset", 4)]:
        parts = run.before.objects[path]
        attributes = attributes_of(run, path, parts)

        def by_hand(file: Any, path: str = path) -> None:
            file[path.encode("utf-8", "surrogateescape")].attrs[NEW] = TEXT

        own = Allowed(attributes={path: {NEW.encode(), b"hdfchk:mark:" + NEW.encode()}})
        for value in (TEXT, np.arange(3.0)):
            if not run.step(
                path, lambda a=attributes, value=value: a.__setitem__(NEW, value), own, by_hand
            ):
                break
            run.compare(path, canonical(value), canonical(attributes[NEW]))
        else:
            run.step(path, lambda a=attributes: a.__delitem__(NEW), own)
    verified(run)


@edit
def new(run: Run) -> None:
    """New keys in the root and in groups, and their removal."""
    tree = {"a": np.arange(4.0), "b": {"text": TEXT, "list": [1, 2.5], "none": None}, "n": 3}
    for path in run.keys("group", 4):
        key = f"{path.rstrip('/')}/{NEW}"
        for value in (np.arange(6, dtype="i2").reshape(2, 3), tree, "text"):
            if not run.step(
                key,
                lambda key=key, value=value: run.chk.__setitem__(names(key), value),
                Allowed(added=(key,)),
                lambda file, path=path: file[path.encode("utf-8", "surrogateescape")].create_group(
                    NEW
                ),
            ):
                break
            run.reads(key, value)
        else:
            run.step(key, lambda key=key: run.chk.__delitem__(names(key)), Allowed(added=(key,)))
            if key in run.before.objects:
                run.fault(key, "is there after it was deleted")
    verified(run)


@edit
def compact(run: Run) -> None:
    """The file is written anew, and all is as it was."""
    run.step("/", run.chk.compact, Allowed(moves=True), _has_no_own_links(run))
    verified(run)


def _has_no_own_links(run: Run) -> Any:
    """True where there is a user-defined link, which cannot be copied."""
    for parts in run.before.objects.values():
        if any(link[1] == "user-defined" for link in parts["links"]):
            return True
    return None


@edit
def verify(run: Run) -> None:
    """A file that is whole is called so."""
    verified(run)


def verified(run: Run) -> None:
    """Note what `verify` calls damaged, though h5py reads it."""
    report = HDF5Checkpointer(run.path, mode="r").verify()
    run.done += 1
    with h5py.File(run.path, "r") as file:
        for key, error in report.damaged.items():
            try:
                is_whole = by_h5py(open_at(file, f"/{key}")) is not NO_VALUE
            except FAILS:
                is_whole = False
            if is_whole or key == "/":
                run.fault(key, f"verify() calls it damaged: {type(error).__name__}: {error}")
