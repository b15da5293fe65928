"""Code of users that is wrong: checkers report the errors that are named beside a line, and no others.

``#: mypy's names | pyright's names``; ``-`` where one of them sees nothing.
"""

from __future__ import annotations

import dataclasses

import hdfchk
from hdfchk import HDF5Checkpointer, load, register, save


@register
@dataclasses.dataclass
class Point:
    x: float


Point("a")  #: arg-type | reportArgumentType
Point(1.0).y  #: attr-defined | reportAttributeAccessIssue
register(3)  #: call-overload | reportCallIssue, reportArgumentType

hdfchk.HDF5Checkpionter(None)  #: attr-defined | reportAttributeAccessIssue
HDF5Checkpointer(3.5)  #: arg-type | reportArgumentType
HDF5Checkpointer({"a": 1})  #: arg-type | reportArgumentType
HDF5Checkpointer(open("run.hdf5"))  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", "r")  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", mode="rb")  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", allowed_keys=3)  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", allowed_keys=[3])  #: list-item | reportArgumentType
HDF5Checkpointer("run.hdf5", compression="zip")  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", compression={"a": "zip"})  #: dict-item | reportArgumentType
HDF5Checkpointer("run.hdf5", on_unsupported="ignore")  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", durable="no")  #: arg-type | reportArgumentType
HDF5Checkpointer("run.hdf5", readonly=True)  #: call-arg | reportCallIssue

chk = HDF5Checkpointer(None)
chk[3]  #: index | reportArgumentType
chk[3] = 1  #: index | reportArgumentType
3 in chk  #: comparison-overlap | -
chk.get(3)  #: arg-type | reportArgumentType
chk.keys()["a"]  #: call-overload | reportCallIssue, reportArgumentType
chk.keys()[0].real  #: attr-defined | reportAttributeAccessIssue
chk.put("x", 1, compression="zip")  #: arg-type | reportArgumentType
chk.compact(libver="latest")  #: arg-type | reportArgumentType
chk.load("a", progress=3)  #: arg-type | reportArgumentType
chk.array("x").dtype.nothing  #: attr-defined | reportAttributeAccessIssue
chk.array("x").map().nothing  #: attr-defined | reportAttributeAccessIssue


@chk.cached("square")
def square(n: int) -> int:
    return n * n


square("a")  #: arg-type | reportArgumentType
square()  #: call-arg | reportCallIssue
square(3).nothing  #: attr-defined | reportAttributeAccessIssue


def energy(x: float) -> float:
    return x


chk.cached_eval("e", energy(1.0))  #: arg-type | reportArgumentType
chk.cached_eval("e", energy, args=(1.0,)).nothing  #: attr-defined | reportAttributeAccessIssue
chk.call(energy, x=1).nothing  #: attr-defined | reportAttributeAccessIssue

save("x.hdf5", 3)  #: arg-type | reportArgumentType
save("x.hdf5", {}, compresion="gzip")  #: call-arg | reportCallIssue
save("x.hdf5", {}, compression="zip")  #: arg-type | reportArgumentType
load("x.hdf5", 3)  #: call-overload | reportCallIssue, reportArgumentType
