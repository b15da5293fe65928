"""A backend over a service that is slow per request, keeps no order and has no rename.

It is written against the protocols alone: that the whole contract of a mapping holds over it shows
that another kind of storage needs no change above `hdfchk.backends`.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, NotAGroupError, TransactionError, UnsupportedStoredError
from hdfchk.backends.base import (
    ArrayForm,
    ArrayInfo,
    Change,
    Moved,
    Seen,
    Select,
    Session,
    Stat,
    Storage,
)
from hdfchk.backends.changeset import plan
from hdfchk.backends.defaults import BackendDefaults
from hdfchk.backends.layout import Layout
from hdfchk.backends.memory import MemoryDraft
from hdfchk.backends.meter import Meter
from hdfchk.codecs.portable import NATIVE, Capabilities
from hdfchk.keys import Path, join, missing
from hdfchk.tree import RESERVED_CHILDREN, Branch, Leaf, Mark, is_dict
from tests.contract.contract import MappingContract

ROOT = "root"


class Service:
    """Objects by identifier. A request takes or gives any number of them, in no order."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {ROOT: Object()}
        self.requests = 0
        self._numbers = itertools.count()

    def fetch(self, names: Sequence[str]) -> dict[str, Object]:
        self.requests += 1
        return {name: attrs.evolve(self.objects[name]) for name in sorted(set(names))}

    def store(self, objects: Mapping[str, Object]) -> None:
        """Store each object, in place of what has its name: one by one, as such a service does."""
        self.requests += 1
        for name in sorted(objects):
            self.objects[name] = objects[name]

    def new_name(self) -> str:
        return f"object-{next(self._numbers)}"


@attrs.frozen
class Object:
    """A dict or another branch, with the names of its children in order; or a leaf."""

    children: tuple[tuple[str, str], ...] | None = ()
    data: Any = None
    mark: Mark | None = None
    attributes: tuple[tuple[str, Leaf], ...] = ()

    @property
    def stat(self) -> Stat:
        if self.children is None:
            return Stat(is_dict=False, is_group=False, mark=self.mark)
        names = {name for name, _ in self.children}
        unmarked = self.mark is None and names.isdisjoint(RESERVED_CHILDREN)
        is_mapping = unmarked or (self.mark is not None and self.mark.name == "dict")
        return Stat(is_dict=is_mapping, is_group=True, mark=self.mark)


@attrs.frozen
class Copied:
    """A copy that has no key yet."""

    name: str


class ServiceStorage(Storage):
    """There is nothing to open; nor are there transactions, or a log."""

    def __init__(self, service: Service, *, writable: bool) -> None:
        self.service = service
        self.writable = writable


class ServiceSession(Session):
    """The operations of a store, each in few requests."""

    def __init__(self, service: Service, root: str = ROOT) -> None:
        self.service = service
        self._root = root

    def refresh(self) -> None:
        """There is nothing that gets old."""

    def drop_objects(self) -> None:
        """There are none."""

    # -- reading ---------------------------------------------------------------------------------

    def _find(self, path: Path) -> tuple[str, Object] | None:
        name = self._root
        here = self.service.fetch([name])[name]
        for part in path:
            inner = dict(here.children or ()).get(part)
            if inner is None:
                return None
            name, here = inner, self.service.fetch([inner])[inner]
        return name, here

    def _need(self, path: Path) -> tuple[str, Object]:
        found = self._find(path)
        if found is None:
            raise missing(path)
        return found

    def stat(self, path: Path) -> Stat | None:
        found = self._find(path)
        return None if found is None else found[1].stat

    def names(self, path: Path) -> list[str]:
        here = self._need(path)[1]
        if here.children is None:
            raise NotAGroupError("it holds a value, not a dict", key=join(path))
        return [name for name, _ in here.children]

    def length(self, path: Path) -> int:
        return len(self.names(path))

    def count(self, path: Path) -> int:
        found = self._find(path)
        return 0 if found is None else len(found[1].children or ())

    def has(self, path: Path, name: str) -> bool:
        found = self._find(path)
        return found is not None and name in dict(found[1].children or ())

    def last_name(self, path: Path) -> str | None:
        children = self._need(path)[1].children
        return children[-1][0] if children else None

    def read(
        self,
        path: Path,
        select: Select | None = None,
        *,
        mapped: bool = False,
        meter: Meter | None = None,
    ) -> Leaf | Branch:
        top: Any = self._need(path)[1]
        done: dict[Path, Leaf | Branch] = {path: _node(top)}
        level = [(path, top, select)]
        while level:  # one request for each level of the tree
            wanted = [
                (where, (*where, name), inner, chosen)
                for where, here, chosen in level
                for name, inner in here.children or ()
            ]
            found = self.service.fetch([inner for *_, inner, _ in wanted]) if wanted else {}
            level = []
            for above, where, inner, chosen in wanted:
                here = found[inner]
                if chosen is None or chosen(where, here.stat.is_dict):
                    done[where] = _node(here)
                    done[above].children[where[-1]] = done[where]  # type: ignore[union-attr]
                    level.append((where, here, chosen if here.stat.is_dict else None))
        return done[path]

    def read_value(self, path: Path, *, mapped: bool = False) -> Leaf | Branch | None:
        here = self._need(path)[1]
        return None if here.stat.is_dict else self.read(path)

    def at(self, path: Path) -> Session:
        return ServiceSession(self.service, self._need(path)[0])

    def identity(self, path: Path) -> Any:
        return self._need(path)[0]

    def verify(self, path: Path, *, has_value: bool = True) -> None:
        """The service checks what it keeps."""

    # -- writing ---------------------------------------------------------------------------------

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Store what is new under no key, then the dicts that have it: the root's last of all."""
        steps = plan(changes, self.stat, "service")
        new: dict[str, Object] = {}
        dicts: dict[Path, tuple[str, Object]] = {}
        for path, node in steps.items():
            parent = self._dict(path[:-1], dicts, create=node is not None)
            if parent is None:
                continue
            name, here = parent
            children = dict(here.children or ())
            before = children.pop(path[-1], None) if node is None else children.get(path[-1])
            if isinstance(node, Moved):
                children[path[-1]] = self._need(node.path)[0]
            elif isinstance(node, Copied):
                children[path[-1]] = node.name
            elif node is not None:
                old = () if before is None else self.service.fetch([before])[before].attributes
                children[path[-1]] = self._make(node, new, old)
            mark = here.mark
            if mark is None and path[-1] in RESERVED_CHILDREN:
                mark = Mark("dict")
            dicts[path[:-1]] = name, attrs.evolve(here, children=tuple(children.items()), mark=mark)
        if new:
            self.service.store(new)
        for path in sorted(dicts, key=len, reverse=True):
            name, here = dicts[path]
            self.service.store({name: here})
        if meter is not None:
            meter.finish()

    def copy_of(self, path: Path, source: Session, seen: Seen | None) -> Any:
        """Objects never change in place but for attributes and elements: a copy has its own."""
        assert isinstance(source, ServiceSession)
        new: dict[str, Object] = {}
        name = self._copied((), source._need(path)[1], source, seen, new)
        self.service.store(new)
        return Copied(name)

    def _copied(
        self, below: Path, here: Object, source: ServiceSession, seen: Seen | None, new: Any
    ) -> str:
        children = here.children
        if children is not None:
            found = source.service.fetch([inner for _, inner in children])
            children = tuple(
                (key, self._copied((*below, key), found[inner], source, seen, new))
                for key, inner in children
                if seen is None
                or seen((*below, key), found[inner].stat.is_dict, not here.stat.is_dict)
            )
        name = self.service.new_name()
        new[name] = attrs.evolve(here, children=children)
        return name

    def _dict(
        self, path: Path, dicts: dict[Path, tuple[str, Object]], *, create: bool
    ) -> tuple[str, Object] | None:
        found = dicts.get(path) or self._find(path)
        if found is None and create:
            name, here = self._dict(path[:-1], dicts, create=True) or (ROOT, Object())
            found = self.service.new_name(), Object()
            children = (*(here.children or ()), (path[-1], found[0]))
            dicts[path[:-1]] = name, attrs.evolve(here, children=children)
            dicts[path] = found
        return found

    def _make(self, node: Any, new: dict[str, Object], attributes: Any = ()) -> str:
        name = self.service.new_name()
        if isinstance(node, Branch):
            inner = tuple((key, self._make(child, new)) for key, child in node.children.items())
            new[name] = Object(inner, None, node.mark, attributes)
        else:
            leaf = Leaf(node.whole(), node.form.mark) if isinstance(node, MemoryDraft) else node
            data = leaf.data.copy() if isinstance(leaf.data, np.ndarray) else leaf.data
            new[name] = Object(None, data, leaf.mark, attributes)
        return name

    # -- attributes ------------------------------------------------------------------------------

    def attribute_names(self, path: Path) -> list[str]:
        return [name for name, _ in self._need(path)[1].attributes]

    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        return dict(self._need(path)[1].attributes).get(name)

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        name, here = self._need(path)
        known: dict[str, Any] = {**dict(here.attributes), **values}
        left = tuple((key, leaf) for key, leaf in known.items() if leaf is not None)
        self.service.store({name: attrs.evolve(here, attributes=left)})

    # -- arrays ----------------------------------------------------------------------------------

    def _array(self, path: Path) -> tuple[str, Object]:
        name, here = self._need(path)
        if not isinstance(here.data, np.ndarray):
            raise UnsupportedStoredError("the value is not an array", key=join(path))
        return name, here

    def array_info(self, path: Path) -> ArrayInfo:
        here = self._array(path)[1]
        limits = (None, *here.data.shape[1:]) if here.data.ndim else ()
        return ArrayInfo(here.data.shape, here.data.dtype, here.mark, limits)

    def read_slice(self, path: Path, index: Any) -> tuple[np.ndarray[Any, Any], Mark | None]:
        here = self._array(path)[1]
        return np.array(here.data[index]), here.mark

    def write_slice(self, path: Path, index: Any, data: np.ndarray[Any, Any]) -> None:
        name, here = self._array(path)
        whole = here.data.copy()
        whole[index] = data if data.ndim else data[()]
        self.service.store({name: attrs.evolve(here, data=whole)})

    def append(self, path: Path, rows: np.ndarray[Any, Any]) -> None:
        name, here = self._array(path)
        self.service.store({name: attrs.evolve(here, data=np.concatenate([here.data, rows]))})

    def map(self, path: Path) -> np.ndarray[Any, Any]:
        raise UnsupportedStoredError("there is no file to map", key=join(path))

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> MemoryDraft:
        return MemoryDraft(form)

    def layout(self, path: Path) -> Layout:
        return Layout()


def _node(here: Object) -> Leaf | Branch:
    if here.children is not None:
        return Branch({}, here.mark)
    data = here.data.copy() if isinstance(here.data, np.ndarray) else here.data
    return Leaf(data, here.mark)


@attrs.define(eq=False)
class ServiceBackend(BackendDefaults):
    """The service, as a place for a store."""

    service: Service
    capabilities: Capabilities = NATIVE
    kind: str = "service"
    lock_timeout: float = 10.0
    sync_interval: float = 1.0
    address: str = "http://service"

    def exists(self) -> bool:
        return True

    def share_keys(self) -> list[Hashable]:
        return [("service", id(self.service))]

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> Storage:
        return ServiceStorage(self.service, writable=mode != "r")

    def session(self, storage: Storage) -> Session:
        assert isinstance(storage, ServiceStorage)
        return ServiceSession(storage.service)


class TestService(MappingContract):
    """The contract of a mapping, over the service."""

    @pytest.fixture
    def mapping(self) -> Any:
        return HDF5Checkpointer(ServiceBackend(Service()))


@pytest.fixture
def service() -> Service:
    return Service()


def test_requests_by_level(service: Service) -> None:
    """A whole tree is stored, and read, by a few requests, however many values it has."""
    chk = HDF5Checkpointer(ServiceBackend(service))
    tree = {f"g{n}": {f"k{m}": float(m) for m in range(20)} for n in range(10)}
    service.requests = 0
    chk["tree"] = tree
    assert service.requests <= 8
    service.requests = 0
    assert chk.load() == {"tree": tree}
    assert service.requests <= 6


def test_a_failure_in_between_leaves_the_old_tree(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a rename a new tree appears by one object: a failure before shows nothing of it."""
    chk = HDF5Checkpointer(ServiceBackend(service))
    chk["tree"] = {"a": 1}
    store, count = service.store, itertools.count()

    def fail(objects: Mapping[str, Object]) -> None:
        if next(count) == 1:
            raise OSError(110, "the service does not answer")
        store(objects)

    monkeypatch.setattr(service, "store", fail)
    with pytest.raises(OSError, match="does not answer"):
        chk["tree"] = {"b": {"c": 2}, "d": 3}
    assert chk.load() == {"tree": {"a": 1}}


def test_what_it_lacks_is_refused(service: Service) -> None:
    """A transaction could not be rolled back, and says so before it begins."""
    chk = HDF5Checkpointer(ServiceBackend(service))
    with pytest.raises(TransactionError, match="has transactions"), chk.transaction():
        chk["a"] = 1
    assert chk.load() == {}
    with chk:
        for row in range(10):
            chk.append("loss", float(row))
    assert list(chk["loss"]) == [float(row) for row in range(10)]
    assert is_dict(ServiceSession(service).read(()))
