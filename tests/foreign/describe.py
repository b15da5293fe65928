"""What plain HDF5 sees of a file, object by object, by h5py's low-level interface.

Objects are known by the first path that leads to them, level by level and by name. References are
described by what they lead to, data and attributes by their bytes, or item by item where HDF5
keeps these elsewhere.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5g, h5l, h5o, h5p, h5r, h5s, h5t

MOST_BYTES = 2**28
"""Data of more bytes are described by what is stored of them alone."""
FAILS = (OSError, RuntimeError, ValueError, TypeError, KeyError, NotImplementedError)
KINDS = {h5g.GroupID: "group", h5d.DatasetID: "dataset"}

Parts = dict[str, Any]
"""The parts of one object: what it is -> how."""


class Description:
    """A file as it was when this was made.

    Args:
        path: the file, which nobody writes.

    Attributes:
        file: what is true of the file as a whole.
        objects: the path of each object -> its parts.
    """

    def __init__(self, path: str) -> None:
        self._known: dict[int, str] = {}
        with h5py.File(path, "r") as file:
            self._id = file.id
            self.file = _of_file(file, path)
            self.objects: dict[str, Parts] = {}
            found = list(self._walk())
            for name, oid, links in found:
                self.objects[name]["links"] = links
                try:
                    self._describe(oid, self.objects[name])
                except FAILS as error:  # it is damaged: so it has to stay
                    self.objects[name]["unreadable"] = type(error).__name__
            del found, oid

    def _walk(self) -> Iterator[tuple[str, Any, list[Any]]]:
        """All objects, level by level, with the links of groups."""
        root = h5g.open(self._id, b"/")
        self._meet(root, "/")
        todo = [("/", root)]
        for place, oid in todo:
            links: list[Any] = []
            if type(oid) is h5g.GroupID:
                for name in self._names(oid, place):
                    inner = f"{place.rstrip('/')}/{text_of(name)}"
                    links.append((name, *self._link(oid, name, inner, todo)))
            yield place, oid, links

    def _names(self, gid: Any, place: str) -> list[bytes]:
        try:
            return link_names(gid)
        except FAILS as error:
            self.objects[place]["unreadable"] = type(error).__name__
            return []

    def _link(self, gid: Any, name: bytes, inner: str, todo: list[Any]) -> tuple[Any, ...]:
        info = gid.links.get_info(name)
        order = info.corder if info.corder_valid else None
        if info.type == h5l.TYPE_SOFT:
            return ("soft", order, gid.links.get_val(name))
        if info.type == h5l.TYPE_EXTERNAL:
            return ("external", order, gid.links.get_val(name))
        if info.type != h5l.TYPE_HARD:
            return ("user-defined", order, info.type)
        try:
            oid = h5o.open(gid, name)
        except FAILS as error:
            return ("hard", order, type(error).__name__)
        if self._meet(oid, inner):
            todo.append((inner, oid))
        return ("hard", order, self._known[address_of(oid)])

    def _meet(self, oid: Any, name: str) -> bool:
        info = h5o.get_info(oid)
        is_new = info.addr not in self._known
        if is_new:
            self._known[info.addr] = name
            kind = KINDS.get(type(oid), "type")
            self.objects[name] = {"kind": kind, "address": info.addr, "names": []}
        self.objects[self._known[info.addr]]["names"].append(name)
        return is_new

    # -- one object ------------------------------------------------------------------------------

    def _describe(self, oid: Any, parts: Parts) -> None:
        parts["attributes"] = self._attributes(oid)
        if type(oid) is h5g.GroupID:
            plist = oid.get_create_plist()
            parts["creation"] = (plist.get_link_creation_order(), *_attribute_form(plist))
        elif type(oid) is h5d.DatasetID:
            tid = oid.get_type()
            parts["type"] = type_parts(tid)
            parts["committed"] = self._name_of(tid)
            parts["space"] = space_parts(oid.get_space())
            parts["creation"] = creation_parts(oid)
            parts["stored"] = self._stored(oid, tid)
            is_virtual = parts["creation"]["layout"] == h5d.VIRTUAL
            parts["data"] = None if is_virtual else self.data(oid, tid)
        else:
            parts["type"] = type_parts(oid)

    def _attributes(self, oid: Any) -> dict[bytes, Any]:
        found = {}
        kept = oid.get_create_plist().get_attr_creation_order() if attribute_names(oid) else 0
        for name in attribute_names(oid):
            aid = h5a.open(oid, name)
            info = h5a.get_info(aid)
            order = info.corder if kept & h5p.CRT_ORDER_TRACKED else None
            tid, space = aid.get_type(), aid.get_space()
            value: Any = None
            if space.get_simple_extent_type() != h5s.NULL:
                value = self._values(aid, tid, aid.shape)
            parts = type_parts(tid), self._name_of(tid), space_parts(space)
            found[name] = (order, info.cset, *parts, value)
        return found

    def _name_of(self, tid: Any) -> str | None:
        """The first path of a named type with which something was made."""
        return self._known.get(address_of(tid)) if tid.committed() else None

    def data(self, did: Any, tid: Any) -> Any:
        """The elements of a dataset: bytes, or canonical items; or the name of an error."""
        if did.shape is None:
            return None
        if math.prod(did.shape) * tid.get_size() > MOST_BYTES:
            return ("large", did.get_storage_size())
        return self._values(did, tid, did.shape)

    def _values(self, source: Any, tid: Any, shape: tuple[int, ...]) -> Any:
        read = source.read if isinstance(source, h5a.AttrID) else _reads_all(source)
        try:
            if not is_elsewhere(tid):
                data = np.zeros(shape, f"V{tid.get_size()}")
                if data.size:
                    read(data, tid)
                return _without_padding(data.tobytes(), tid)
            dtype = tid.dtype
            data = np.zeros(shape, dtype)
            if data.size:
                read(data, h5t.py_create(dtype) if dtype.subdtype else None)
            return self.canonical(data)[1:]
        except FAILS as error:
            return ("unreadable", type(error).__name__)

    def canonical(self, item: Any) -> Any:
        """An item as h5py gives it, by its content."""
        if isinstance(item, h5r.Reference):
            return self._target(item)
        if isinstance(item, np.void) and item.dtype.names is not None:
            return tuple(self.canonical(item[name]) for name in item.dtype.names)
        if not isinstance(item, np.ndarray):
            return item.tobytes() if isinstance(item, np.generic) else item
        if item.dtype.hasobject:
            flat = item.ravel()
            return (item.dtype.str, item.shape, tuple(self.canonical(one) for one in flat))
        return (item.dtype.str, item.shape, item.tobytes())

    def _target(self, reference: Any) -> Any:
        if not reference:
            return "null reference"
        try:
            target = self._known.get(address_of(h5r.dereference(reference, self._id)), "unlinked")
            if not isinstance(reference, h5r.RegionReference):
                return ("to", target)
            space = h5r.get_region(reference, self._id)
            return ("region of", target, selection_of(space))
        except FAILS:
            return "to nothing"

    def _stored(self, did: Any, tid: Any) -> Any:
        """How the elements lie in the file: chunks as they are packed."""
        if did.get_create_plist().get_layout() != h5d.CHUNKED or did.shape is None:
            return None
        if is_elsewhere(tid):
            return did.get_num_chunks()
        places: list[Any] = []
        did.chunk_iter(places.append)
        found = hashlib.sha256()
        for info in sorted(places, key=lambda info: info.chunk_offset):
            found.update(repr((info.chunk_offset, info.filter_mask, info.size)).encode())
            found.update(did.read_direct_chunk(info.chunk_offset)[1])
        return (len(places), found.hexdigest())


def text_of(name: bytes) -> str:
    """A name as h5py and hdfchk have it."""
    return name.decode("utf-8", "surrogateescape")


def address_of(oid: Any) -> int:
    """The address of an object in its file."""
    return int(h5o.get_info(oid).addr)


def link_names(gid: Any) -> list[bytes]:
    """The names of a group's links, in the order of names."""
    found: list[bytes] = []
    if gid.get_num_objs():
        gid.links.iterate(found.append, idx_type=h5.INDEX_NAME)
    return found


def attribute_names(oid: Any) -> list[bytes]:
    """The names of an object's attributes, in the order of names."""
    found: list[bytes] = []
    if h5a.get_num_attrs(oid):
        h5a.iterate(oid, found.append, index_type=h5.INDEX_NAME)
    return found


def type_parts(tid: Any) -> tuple[Any, ...]:
    """A type with all that it is made of, whatever version HDF5 writes it down in."""
    kind, size = tid.get_class(), tid.get_size()
    parts: tuple[Any, ...] = (kind, size)
    for name in ("order", "precision", "offset", "pad"):
        if kind in {h5t.INTEGER, h5t.FLOAT, h5t.BITFIELD} and hasattr(tid, f"get_{name}"):
            parts += (getattr(tid, f"get_{name}")(),)
    if kind == h5t.INTEGER:
        parts += (tid.get_sign(),)
    elif kind == h5t.FLOAT:
        parts += (tid.get_fields(), tid.get_ebias(), tid.get_norm(), tid.get_inpad())
    elif kind == h5t.STRING:
        parts += (tid.is_variable_str(), tid.get_strpad(), tid.get_cset())
    elif kind == h5t.OPAQUE:
        parts += (tid.get_tag(),)
    elif kind == h5t.REFERENCE:
        parts += tuple(tid.equal(known) for known in (h5t.STD_REF_OBJ, h5t.STD_REF_DSETREG))
    elif kind == h5t.ENUM:
        count = tid.get_nmembers()
        members = [(tid.get_member_name(i), tid.get_member_value(i)) for i in range(count)]
        parts += (type_parts(tid.get_super()), *members)
    elif kind == h5t.COMPOUND:
        for i in range(tid.get_nmembers()):
            inner = type_parts(tid.get_member_type(i))
            parts += ((tid.get_member_name(i), tid.get_member_offset(i), inner),)
    elif kind in {h5t.ARRAY, h5t.VLEN, getattr(h5t, "COMPLEX", None)}:
        axes = tid.get_array_dims() if kind == h5t.ARRAY else ()
        parts += (axes, type_parts(tid.get_super()))
    return parts


def space_parts(space: Any) -> Any:
    """The kind and extent of a dataspace."""
    kind = space.get_simple_extent_type()
    if kind != h5s.SIMPLE:
        return (kind,)
    return (kind, space.get_simple_extent_dims(), space.get_simple_extent_dims(True))


def is_elsewhere(tid: Any) -> bool:
    """Whether the bytes of elements say only where the content is: strings, lists, references."""
    kind = tid.get_class()
    if kind == h5t.STRING:
        return bool(tid.is_variable_str())
    if kind == h5t.COMPOUND:
        return any(is_elsewhere(tid.get_member_type(i)) for i in range(tid.get_nmembers()))
    if kind == h5t.ARRAY:
        return is_elsewhere(tid.get_super())
    return bool(kind in {h5t.VLEN, h5t.REFERENCE})


def creation_parts(did: Any) -> Any:
    """The creation properties of a dataset."""
    plist = did.get_create_plist()
    layout, tid = plist.get_layout(), did.get_type()
    fill: Any = None
    if plist.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED and not is_elsewhere(tid):
        fill = np.zeros((), tid.dtype) if has_dtype(tid) else None
        if fill is not None and fill.dtype.subdtype is None:
            plist.get_fill_value(fill)
            fill = fill.tobytes()
    return {
        "layout": layout,
        "chunk": plist.get_chunk() if layout == h5d.CHUNKED else None,
        "filters": [plist.get_filter(i) for i in range(plist.get_nfilters())],
        "external": [plist.get_external(i) for i in range(plist.get_external_count())],
        "virtual": _virtual(plist) if layout == h5d.VIRTUAL else None,
        "fill": (plist.fill_value_defined(), plist.get_fill_time(), fill),
        "alloc": plist.get_alloc_time(),
        "times": plist.get_obj_track_times(),
        "attributes": _attribute_form(plist),
    }


def has_dtype(tid: Any) -> bool:
    """Whether NumPy has something like a type."""
    try:
        return tid.dtype is not None
    except FAILS:
        return False


def selection_of(space: Any) -> Any:
    """What a dataspace selects."""
    kind = space.get_select_type()
    if kind == h5s.SEL_POINTS:
        return ("points", space.get_select_elem_pointlist().tolist())
    if kind == h5s.SEL_HYPERSLABS:
        return ("blocks", space.get_select_hyper_blocklist().tolist())
    return (kind, space.get_select_npoints())


def _without_padding(data: bytes, tid: Any) -> bytes:
    """Elements without the bytes that say nothing: those between the fields of a compound, and
    those beyond the 10 that a long double has of its 16.
    """
    said = np.zeros(tid.get_size(), np.bool)
    _mark_said(tid, said)
    if said.all():
        return data
    found = np.frombuffer(bytearray(data), np.uint8).reshape(-1, said.size)
    found[:, ~said] = 0
    return found.tobytes()


def _mark_said(tid: Any, said: Any) -> None:
    """Mark the bytes of an element that say something."""
    kind = tid.get_class()
    if kind == h5t.COMPOUND:
        for i in range(tid.get_nmembers()):
            inner, at = tid.get_member_type(i), tid.get_member_offset(i)
            _mark_said(inner, said[at : at + inner.get_size()])
    elif kind == h5t.ARRAY:
        inner = tid.get_super()
        for part in said.reshape(-1, inner.get_size()):
            _mark_said(inner, part)
    elif kind == h5t.FLOAT and tid.get_order() == h5t.ORDER_LE and not tid.get_offset():
        said[: (tid.get_precision() + 7) // 8] = True
    else:
        said[:] = True


def _reads_all(did: Any) -> Any:
    def read(data: Any, tid: Any) -> None:
        did.read(h5s.ALL, h5s.ALL, data, tid)

    return read


def _attribute_form(plist: Any) -> tuple[Any, ...]:
    return (plist.get_attr_creation_order(), plist.get_attr_phase_change())


def _virtual(plist: Any) -> list[Any]:
    return [
        (
            plist.get_virtual_filename(i),
            plist.get_virtual_dsetname(i),
            selection_of(plist.get_virtual_vspace(i)),
            selection_of(plist.get_virtual_srcspace(i)),
        )
        for i in range(plist.get_virtual_count())
    ]


def _of_file(file: Any, path: str) -> Parts:
    plist = file.id.get_create_plist()
    size = plist.get_userblock()
    with open(path, "rb") as stream:
        block = stream.read(size)
    return {
        "version": plist.get_version(),
        "sizes": plist.get_sizes(),
        "space": plist.get_file_space_strategy(),
        "userblock": (size, hashlib.sha256(block).hexdigest()),
        "neighbours": sorted(os.listdir(os.path.dirname(path))),
    }


def has_reference(tid: Any) -> bool:
    """Whether there are HDF5 references in a type."""
    return bool(tid.detect_class(h5t.REFERENCE))


def creation_order(plist: Any) -> bool:
    """Whether a group keeps the order in which its links were made."""
    return bool(plist.get_link_creation_order() & h5p.CRT_ORDER_TRACKED)
