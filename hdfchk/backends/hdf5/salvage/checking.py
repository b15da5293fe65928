"""Checking of the copy, before it gets its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from h5py import h5a, h5d, h5g, h5o

from ....errors import CorruptFileError, HdfchkError, UnsupportedStoredError
from ....keys import Path, join
from ..data.limits import Guard
from ..h5.attributes import attribute_names, raw_attribute
from ..h5.ids import FileID, ObjectID
from .arrays import look_at
from .references import name_of
from .steps import CAUGHT, Steps, explained

__all__ = ["check_copy"]


def check_copy(
    copy: FileID, checksums: Mapping[Path, int | None], guard: Guard, steps: Steps
) -> None:
    """Read everything that was copied, and compare it with what was read before.

    Args:
        copy: the identifier of the copy.
        checksums: the paths of all objects to read, with the checksums of their data, or None.
        guard: the limits for reading the copy.
        steps: the steps of this process.

    Raises:
        CorruptFileError: something differs from what was read in the damaged file.
    """
    root = h5g.open(copy, b"/")
    steps.say({"at": ["check"]})
    for path, checksum in checksums.items():
        steps.go_on()
        try:
            oid = h5o.open(root, name_of(path))
            for name in attribute_names(oid):
                _read_attribute(oid, name)
            if type(oid) is not h5d.DatasetID:
                continue
            if oid.get_create_plist().get_layout() == h5d.VIRTUAL:
                continue
            damage = look_at(oid, guard, steps)
        except CAUGHT as error:
            _reject(path, str(error))
        if damage.problem is not None:
            _reject(path, damage.problem.problem)
        if checksum is not None and damage.checksum != checksum:
            _reject(path, "its data differ")


def _read_attribute(oid: ObjectID, name: bytes) -> None:
    try:
        raw_attribute(h5a.open(oid, name))
    except CAUGHT as error:
        if not isinstance(explained("it", error), UnsupportedStoredError):
            raise


def _reject(path: Path, problem: str) -> NoReturn:
    error: HdfchkError = CorruptFileError(
        f"the copy differs from what was read in the file ({problem})",
        key=join(path),
        hint="the copy was discarded; please report this bug",
    )
    raise error
