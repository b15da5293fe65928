"""Files and groups of HDF5 as its own test files have them."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_int64, c_uint
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5g, h5p, h5t

from .making import attribute, dataset, enum, library, objects, string, text
from .registry import foreign, foreign_path


def content(file: Any) -> None:
    """A little of each."""
    file.attrs["title"] = "a filé"
    file["x"] = np.arange(12.0).reshape(3, 4)
    group = file.create_group("g")
    group["text"] = "some text"
    group.create_dataset(
        "chunks", data=np.arange(30), chunks=(7,), maxshape=(None,), compression="gzip"
    )
    group["words"] = np.array(["a", "bé"], h5py.string_dtype())
    group["alias"], group["soft"] = file["x"], h5py.SoftLink("/x")
    for number in range(12):
        group[f"inner/n{number}"] = number
    file["x"].attrs["unit"] = "m"


def created(
    name: str,
    change: Callable[[Any], None],
    access: Callable[[Any], None] = lambda _: None,
    fill: Callable[[Any], None] = content,
) -> None:
    """Register a file made with properties that h5py.File has no option for."""

    def build(path: str) -> None:
        plist, fapl = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
        change(plist)
        access(fapl)
        with h5py.File(h5f.create(path.encode(), h5f.ACC_TRUNC, plist, fapl)) as file:
            fill(file)

    foreign_path(name)(build)


def old(fapl: Any) -> None:
    """As old as HDF5 can: its heaps of names are of no use in files of small sizes."""
    fapl.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_V18)


for _sizes in ((8, 8), (8, 4), (4, 8), (4, 4), (2, 2), (4, 2)):
    created(
        "files/sizes of {} and {}".format(*_sizes), lambda plist, s=_sizes: plist.set_sizes(*s), old
    )
created("files/sizes of 8 and 4, new groups", lambda plist: plist.set_sizes(8, 4))
for _block in (512, 2048):
    created(f"files/user block of {_block}", lambda plist, b=_block: plist.set_userblock(b))
created(
    "files/paged",
    lambda plist: plist.set_file_space_strategy(h5f.FSPACE_STRATEGY_PAGE, True, 1),
    lambda fapl: fapl.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110),
)
created(
    "files/space kept",
    lambda plist: plist.set_file_space_strategy(h5f.FSPACE_STRATEGY_FSM_AGGR, True, 1),
)
created(
    "files/space never kept",
    lambda plist: plist.set_file_space_strategy(h5f.FSPACE_STRATEGY_NONE, False, 1),
)
created(
    "files/order of creation",
    lambda plist: plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED),
)
created(
    "files/order only tracked",
    lambda plist: plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED),
)
created(
    "files/dense attributes of the root",
    lambda plist: (plist.set_attr_phase_change(2, 1), plist.set_attr_creation_order(3)) and None,
    lambda fapl: fapl.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_V18),
    lambda file: (content(file), [file.attrs.create(f"a{i}", i) for i in range(9)]) and None,
)

for _bound in ("earliest", "v108", "v110", "latest"):
    foreign(f"files/by {_bound}", libver=_bound if _bound in {"earliest", "latest"} else (_bound, _bound))(content)  # fmt: skip
foreign("files/nothing")(lambda file: None)


@foreign("groups/names")
def names(file: Any) -> None:
    """Names in UTF-8, in bytes that are none, with dots, blanks, and what else shells dislike."""
    for name in (
        "é",
        "日本語",
        "a b",
        " a",
        "a.b",
        ".hidden",
        "*?[x]",
        "a:b",
        "..a",
        "%20",
        "\n",
        "'\"",
    ):
        file[name] = len(name)
    for raw in (b"caf\xe9", b"\xff\xfe", b"x" * 300):
        dataset(file, raw, h5t.STD_I32LE, (), b"\1\0\0\0")
        attribute(file, raw[:60] + b" attribute", h5t.STD_I32LE, b"\2\0\0\0")
    utf8 = h5p.create(h5p.LINK_CREATE)
    utf8.set_char_encoding(h5t.CSET_UTF8)
    dataset(file, "ascii as utf8", h5t.STD_I32LE, (), b"\3\0\0\0", lcpl=utf8)
    group = file.create_group("né/ö")
    group["x"] = 1
    group.attrs["ü"] = "ö"
    file["soft é"] = h5py.SoftLink("/né/ö/x")
    text(file, " ", "a blank")


@foreign("groups/links")
def links(file: Any) -> None:
    file["x"], file["g/y"] = np.arange(3), 5
    file["g/alias"], file["other"] = file["x"], file["g"]
    file["g/up"] = file["/"]
    for name, where in (("soft", "/x"), ("to a group", "g"), ("relative", "g/../x"), ("dot", "./x"),
                        ("nowhere", "/none/there"), ("self", "self"), ("slashes", "//g//y")):  # fmt: skip
        file[name] = h5py.SoftLink(where)
    file["ping"], file["pong"] = h5py.SoftLink("/pong"), h5py.SoftLink("/ping")
    file["external"] = h5py.ExternalLink("none.h5", "/x")
    file["g/inner soft"] = h5py.SoftLink("y")
    file["named"] = np.dtype("i4")
    file["g/named too"] = file["named"]


@foreign("groups/a thousand", libver=("earliest", "v108"))
def thousand(file: Any) -> None:
    group, ordered = file.create_group("old"), file.create_group("dense", track_order=True)
    for number in range(1000):
        group[f"k{number}"] = h5py.SoftLink("/x")
    for number in range(300):
        ordered[f"k{299 - number}"] = h5py.SoftLink("/x")
    for number in range(150):
        file.create_dataset(f"data/d{number}", data=number)
    file["x"] = 1


@foreign("groups/deep", libver="latest")
def deep(file: Any) -> None:
    group = file
    for level in range(100):
        group = group.create_group(
            f"level {level}" if level % 10 else "l", track_order=level % 2 == 0
        )
        if not level % 10:
            group["value"] = level
            group.attrs["level"] = level


@foreign("groups/styles", libver=("earliest", "v108"))
def styles(file: Any) -> None:
    """Old groups with heaps of names, new ones with links in the header, and dense ones."""
    for name, change in (
        ("old", lambda plist: None),
        ("compact", lambda plist: plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED)),
        ("dense", lambda plist: plist.set_link_creation_order(3)),
        ("times", lambda plist: plist.set_obj_track_times(False)),
        ("attributes in order", lambda plist: plist.set_attr_creation_order(3)),
    ):
        plist = h5p.create(h5p.GROUP_CREATE)
        change(plist)
        group = h5py.Group(h5g.create(file.id, name.encode(), gcpl=plist))
        for number in range(20 if name == "dense" else 3):
            group[f"z{19 - number}"] = number
            group.attrs[f"b{19 - number}"] = number


@foreign("attributes/many", libver=("v108", "v108"))
def attributes(file: Any) -> None:
    made = file.create_dataset("x", data=np.arange(3))
    for number in range(60):
        made.attrs[f"a{number}"] = number
    for pad in ("null", "term", "space"):
        for room in (0, 1, 5):
            text(made, f"{pad} {room}", "a text", pad, room=room)
            text(made, f"{pad} {room} utf8", "tëxt", pad, room=room, utf8=True)
    attribute(made, "texts", string(3, "term"), b"abcde\0f\0\0", (3,))
    attribute(made, "null", h5t.STD_I32LE, None, None)
    attribute(made, "none", h5t.STD_I32LE, None, (0,))
    attribute(made, "colour", enum(h5t.STD_I16BE, {"R": 1, "G": 2}), b"\0\2")
    attribute(made, "bits", h5t.STD_B16BE, b"\1\2")
    attribute(made, "time", h5t.UNIX_D32LE, b"\1\2\3\4")
    attribute(made, "array", h5t.array_create(h5t.STD_I32BE, (2, 2)), bytes(range(32)), (2,))
    made.attrs.create("variable", objects(["a", "é", ""]), dtype=h5py.string_dtype())
    rows = np.empty(2, np.dtype([("s", h5py.string_dtype()), ("n", ">i4")]))
    rows[0], rows[1] = ("one", 1), ("twö", 2)
    made.attrs.create("rows", rows)
    lists = np.empty(2, object)
    lists[:] = [np.arange(2, dtype="i4"), np.arange(3, dtype="i4")]
    made.attrs.create("lists", lists, dtype=h5py.vlen_dtype("i4"))
    made.attrs["reference"], made.attrs["region"] = made.ref, made.regionref[1:2]
    made.attrs["opaque"] = np.void(b"\0\1\0")
    made.attrs["big"] = np.arange(9000.0)


@foreign("attributes/as old files have them", libver="earliest")
def old_attributes(file: Any) -> None:
    made = file.create_dataset("x", data=np.arange(3, dtype=">i4"))
    for name, tid, size in (
        ("i", h5t.STD_I16BE, 2),
        ("f", h5t.IEEE_F32BE, 4),
        ("u", h5t.STD_U8BE, 1),
    ):
        attribute(made, name, tid, bytes(range(size)))
        attribute(made, f"{name}s", tid, bytes(range(3 * size)), (3,))
    file.create_group("g").attrs["text"] = np.bytes_(b"bytes")
    kind = enum(h5t.STD_I32LE, {"A": 0, "B": 1})
    kind.commit(file.id, b"kind")
    attribute(file["g"], "kind", kind, b"\1\0\0\0")
    attribute(file["kind"], "of a type", h5t.STD_I32LE, b"\1\0\0\0")


@foreign_path("files/shared messages")
def shared(path: str) -> None:
    """A table of shared messages: h5py has no call for it, so HDF5 is called by its name."""
    plist = h5p.create(h5p.FILE_CREATE)
    if _share(plist.id):
        with h5py.File(h5f.create(path.encode(), h5f.ACC_TRUNC, plist)) as file:
            content(file)
            for number in range(5):
                made = file.create_dataset(f"same {number}", data=np.arange(5, dtype=">i2"))
                text(made, "a long text that is the same for all", "of a hundred bytes" * 6)
    else:
        with h5py.File(path, "w") as file:
            content(file)


def _share(plist: int) -> bool:
    """Ask for one index of all kinds of messages; False where the library cannot be called."""
    hdf5 = library()
    if hdf5 is None or hdf5.H5Pset_shared_mesg_nindexes(c_int64(plist), c_uint(1)) < 0:
        return False
    index = hdf5.H5Pset_shared_mesg_index(c_int64(plist), c_uint(0), c_uint(0x1F), c_uint(20))
    return bool(index >= 0)
