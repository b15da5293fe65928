"""What was found when a damaged file was copied: told by one process to another as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from .. import errors
from ..errors import CorruptFileError, HdfchkError
from ..keys import Path

__all__ = ["Box", "Findings", "Loss", "error_from", "said_of"]

Box = tuple[slice, ...]
"""A part of an array: a slice of each axis."""


@attrs.frozen
class Loss:
    """What is missing in the copy of something that was copied in part.

    Args:
        problem: what went wrong first.
        elements: how many elements of an array are lost: they have its fill value in the copy.
        rows: how many indices of its first axis have lost elements.
        chunks: how many chunks of it are lost.
        places: which parts of it, each as one slice per axis. Empty with `elements`, nobody knows.
        attributes: the names of the attributes that are lost.
        unlisted: how many links, or attributes, are lost whose names cannot be read.
        references: how many HDF5 references led to what is not in the copy. They are null there.
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
        """What is lost, in one line."""
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
        """Both."""
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
    """What was found, by key path.

    Attributes:
        copied: what is whole.
        in_part: what was copied in part.
        damaged: what was not copied, as it is damaged.
        skipped: what was not copied, as it is not supported, or leads out of the file.
        unread: what was copied as it is, and not looked at.
        groups: how many groups the copy has, without the root.
        links: how many soft and external links it has.
        journal: what was done about a journal beside the file; empty if there was none.
        missing: how many bytes the file lacks at its end.
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
        """Something at a path is lost, perhaps beside what was before."""
        before = self.in_part.get(path)
        self.in_part[path] = loss if before is None else before.and_(loss)

    def say(self) -> dict[str, Any]:
        """As JSON has it."""
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
        """What `say` has said."""
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
    """An error, as JSON has it."""
    return {
        "type": type(error).__name__,
        "errno": getattr(error, "errno", None),
        "problem": getattr(error, "problem", getattr(error, "strerror", None) or str(error)),
        "file": getattr(error, "file", getattr(error, "filename", None)),
        "key": getattr(error, "key", None),
        "hint": getattr(error, "hint", None),
    }


def error_from(said: dict[str, Any]) -> HdfchkError:
    """An error of ours that `said_of` has told; another one is a `CorruptFileError`."""
    kind = getattr(errors, said["type"], CorruptFileError)
    place = {name: said[name] for name in ("file", "key", "hint")}
    error: HdfchkError = kind(said["problem"], **place)
    if isinstance(error, OSError):
        error.errno = said["errno"]
    return error
