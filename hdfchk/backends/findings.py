"""Results of copying a damaged file, passed between processes as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from .. import errors
from ..errors import CorruptFileError, HdfchkError
from ..keys import Path

__all__ = ["Box", "Findings", "Loss", "error_from", "said_of"]

Box = tuple[slice, ...]
"""A part of an array: one slice per axis."""


@attrs.frozen
class Loss:
    """What is lost in the copy of an object that was copied in part.

    Args:
        problem: the first error.
        elements: the number of lost elements of an array; they have the fill value in the copy.
        rows: the number of indices of its first axis with lost elements.
        chunks: the number of lost chunks.
        places: the lost parts, as one slice per axis. If empty although `elements` is not 0, the
            parts are unknown.
        attributes: the names of the lost attributes.
        unlisted: the number of lost links, or attributes, whose names cannot be read.
        references: the number of HDF5 references to objects not in the copy; null in the copy.
    """

    problem: HdfchkError
    elements: int = 0
    rows: int = 0
    chunks: int = 0
    places: tuple[Box, ...] = ()
    attributes: tuple[str, ...] = ()
    unlisted: int = 0
    references: int = 0

    def __str__(self) -> str:
        """Return what is lost, in one line."""
        lost = [
            f"{count} {what}{'' if count == 1 else 's'}"
            for count, what in (
                (self.elements, "element"),
                (self.rows, "row"),
                (self.chunks, "chunk"),
                (len(self.attributes), "attribute"),
                (self.unlisted, "name that cannot be read"),
                (self.references, "reference"),
            )
            if count
        ]
        what = f"lost: {', '.join(lost)}; " if lost else ""
        return f"{what}{self.problem.problem}"

    def and_(self, other: Loss) -> Loss:
        """Return the sum of both."""
        return Loss(
            self.problem,
            self.elements + other.elements,
            self.rows + other.rows,
            self.chunks + other.chunks,
            self.places + other.places,
            self.attributes + other.attributes,
            self.unlisted + other.unlisted,
            self.references + other.references,
        )


@attrs.define
class Findings:
    """The results, by key path.

    Attributes:
        copied: intact values.
        in_part: values copied in part.
        damaged: values not copied because they are damaged.
        skipped: objects not copied because they are unsupported, or refer to other files.
        unread: objects copied without being checked.
        groups: the number of groups in the copy, without the root.
        links: the number of soft and external links in the copy.
        journal: what was done about a journal beside the file; empty if there was none.
        missing: the number of bytes missing at the end of the file.
    """

    copied: list[Path] = attrs.Factory(list)
    in_part: dict[Path, Loss] = attrs.Factory(dict)
    damaged: dict[Path, HdfchkError] = attrs.Factory(dict)
    skipped: dict[Path, HdfchkError] = attrs.Factory(dict)
    unread: dict[Path, HdfchkError] = attrs.Factory(dict)
    groups: int = 0
    links: int = 0
    journal: str = ""
    missing: int = 0

    def lose(self, path: Path, loss: Loss) -> None:
        """Record a loss at a path, in addition to earlier ones."""
        before = self.in_part.get(path)
        self.in_part[path] = loss if before is None else before.and_(loss)

    def say(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        return {
            "copied": self.copied,
            "in_part": [(path, _said_of_loss(loss)) for path, loss in self.in_part.items()],
            "damaged": _said_of_all(self.damaged.items()),
            "skipped": _said_of_all(self.skipped.items()),
            "unread": _said_of_all(self.unread.items()),
            "groups": self.groups,
            "links": self.links,
            "journal": self.journal,
            "missing": self.missing,
        }

    @classmethod
    def of(cls, said: dict[str, Any]) -> Findings:
        """Return the results from the output of `say`."""
        return cls(
            [tuple(path) for path in said["copied"]],
            {tuple(path): _loss_from(loss) for path, loss in said["in_part"]},
            _all_from(said["damaged"]),
            _all_from(said["skipped"]),
            _all_from(said["unread"]),
            said["groups"],
            said["links"],
            said["journal"],
            said["missing"],
        )


def _all_from(said: list[Any]) -> dict[Path, HdfchkError]:
    return {tuple(path): error_from(error) for path, error in said}


def _said_of_all(found: Iterable[tuple[Path, HdfchkError]]) -> list[Any]:
    return [(path, said_of(error)) for path, error in found]


def _said_of_loss(loss: Loss) -> dict[str, Any]:
    said = attrs.asdict(loss, recurse=False)
    said["problem"] = said_of(loss.problem)
    said["places"] = [[(part.start, part.stop) for part in box] for box in loss.places]
    return said


def _loss_from(said: dict[str, Any]) -> Loss:
    return Loss(
        **{
            **said,
            "problem": error_from(said["problem"]),
            "places": tuple(tuple(slice(*ends) for ends in box) for box in said["places"]),
            "attributes": tuple(said["attributes"]),
        }
    )


def said_of(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON values."""
    return {
        "type": type(error).__name__,
        "errno": getattr(error, "errno", None),
        "problem": getattr(error, "problem", getattr(error, "strerror", None) or str(error)),
        "file": getattr(error, "file", getattr(error, "filename", None)),
        "key": getattr(error, "key", None),
        "hint": getattr(error, "hint", None),
    }


def error_from(said: dict[str, Any]) -> HdfchkError:
    """Return the error from the output of `said_of`; of a foreign class, a `CorruptFileError`."""
    kind = getattr(errors, said["type"], CorruptFileError)
    place = {name: said[name] for name in ("file", "key", "hint")}
    error: HdfchkError = kind(said["problem"], **place)
    if isinstance(error, OSError):
        error.errno = said["errno"]
    return error
