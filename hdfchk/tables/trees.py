"""Trees of columns: which of their arrays have one item per row, and how new rows are appended.

A column is a tree (`hdfchk.tree`): one array, or a branch of several. Some of the arrays contain
the rows; the other arrays, and all marks, describe them. New rows can be appended to a stored
column if both trees are equal except for the rows.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from typing import Any

import attrs
import numpy as np

from ..backends.base import ArrayForm, Draft, Session, Stored
from ..backends.layout import growing
from ..equality import same
from ..keys import Path
from ..tree import Branch, Leaf, Node, utf8_dtype

__all__ = [
    "DiffersError",
    "Growth",
    "RowPlaces",
    "grow",
    "growable",
    "is_equal",
    "leaves_of",
    "params_at",
]

Place = tuple[str, ...]
"""The path of a node in a tree."""
LEAST_CHUNK, MOST_CHUNK = 2**16, 2**20
BLOCKS = 32
"""A chunk of a column has room for this many blocks of the first size, within these limits."""
MISSING = "missing"
"""The name of the mask of missing items; without it, none is missing."""


class DiffersError(Exception):
    """New rows cannot be appended to the stored column: it must be rewritten."""


@attrs.define
class Growth:
    """The steps of appending rows.

    Attributes:
        rows: for the path of each array, the rows to append.
        puts: for each path, the node that replaces the stored one.
    """

    rows: dict[Path, np.ndarray[Any, Any]] = attrs.field(factory=dict)
    puts: dict[Path, Stored] = attrs.field(factory=dict)

    def add(self, other: Growth) -> None:
        """Add the steps for other paths."""
        self.rows |= other.rows
        self.puts |= other.puts


def leaves_of(node: Node, at: Place = ()) -> dict[Place, Node]:
    """Return all nodes of a tree by path, parents first.

    Example:
        >>> list(leaves_of(Branch({"a": Leaf(1), "b": Branch({"c": Leaf(2)})})))
        [(), ('a',), ('b',), ('b', 'c')]
    """
    found = {at: node}
    if isinstance(node, Branch):
        for name, child in node.children.items():
            found |= leaves_of(child, (*at, name))
    return found


@attrs.frozen
class RowPlaces:
    """The arrays of a tree that contain the rows.

    Args:
        arrays: the paths of the arrays with one element, or one row, for each row.
        others: the paths of nodes that depend on the rows in another way.
    """

    arrays: frozenset[Place]
    others: frozenset[Place] = frozenset()

    @classmethod
    def of(cls, node: Node, twice: Node) -> RowPlaces:
        """Find them.

        Args:
            node: the tree of some rows.
            twice: the tree of the same rows, each of them twice.

        Example:
            >>> trees = [Branch({"v": Leaf(np.zeros(n)), "k": Leaf(np.zeros(2))}) for n in (2, 4)]
            >>> RowPlaces.of(*trees)
            RowPlaces(arrays=frozenset({('v',)}), others=frozenset())
        """
        first, second = leaves_of(node), leaves_of(twice)
        arrays = {
            place
            for place, leaf in first.items()
            if (count := _count(leaf)) and 2 * count == _count(second.get(place))
        }
        others = {
            place
            for place, leaf in first.items()
            if place not in arrays and not is_equal(leaf, second.get(place))
        }
        return cls(frozenset(arrays), frozenset(others))

    def below(self, name: str) -> RowPlaces:
        """Return those in the tree of one child."""
        return RowPlaces(
            *[
                frozenset(place[1:] for place in places if place[0] == name)
                for places in (self.arrays, self.others)
            ]
        )


def is_equal(first: Node, second: Node | None) -> bool:
    """Whether two nodes are equal, apart from their children."""
    if second is None or type(first) is not type(second) or first.mark != second.mark:
        return False
    if isinstance(first, Branch) and isinstance(second, Branch):
        return set(first.children) == set(second.children)
    return isinstance(first, Leaf) and isinstance(second, Leaf) and _is_same(first, second)


def params_at(session: Session, path: Path) -> Mapping[str, Any]:
    """Return the parameters of the mark stored at a path; empty if there is none."""
    stat = session.stat(path)
    return {} if stat is None or stat.mark is None else stat.mark.params


def _count(node: object) -> int:
    data = node.data if isinstance(node, Leaf) else None
    return len(data) if isinstance(data, np.ndarray) and data.ndim else 0


def growable(session: Session, path: Path, node: Node, rows: RowPlaces) -> Stored:
    """Return the tree with a draft, to which rows can be appended, for each array of rows.

    Args:
        session: creates the drafts.
        path: the path of the tree in the store.
        node: the tree.
        rows: the paths of its arrays of rows.
    """
    return _growable(session, path, node, rows, ())


def _growable(session: Session, path: Path, node: Any, rows: RowPlaces, at: Place) -> Stored:
    if isinstance(node, Branch):
        children: dict[str, Any] = {
            name: _growable(session, (*path, name), child, rows, (*at, name))
            for name, child in node.children.items()
        }
        return Branch(children, node.mark)
    if at not in rows.arrays:
        return node  # type: ignore[no-any-return]
    return _draft(session, path, node, [node.data])


def _draft(session: Session, path: Path, leaf: Leaf, blocks: list[Any]) -> Draft:
    """Create an array of blocks of rows, to which more can be appended."""
    first: np.ndarray[Any, Any] = blocks[0]
    shape = first.shape[1:]
    layout = attrs.evolve(session.layout(path), maxshape=growing(shape))
    row = max(1, math.prod(shape) * first.itemsize)
    wanted = BLOCKS * sum(block.nbytes for block in blocks)
    if layout.chunks is None and wanted > LEAST_CHUNK and all(shape):
        layout = attrs.evolve(layout, chunks=_chunk(shape, row, first.itemsize, wanted))
    draft = session.draft(ArrayForm((0, *shape), first.dtype, leaf.mark), layout)
    for block in blocks:
        draft.append(block)
    return draft


def _chunk(shape: tuple[int, ...], row: int, itemsize: int, wanted: int) -> tuple[int, ...]:
    """Return the shape of a chunk: of one column, or of several side by side."""
    nbytes = min(MOST_CHUNK, wanted)
    if row <= LEAST_CHUNK or len(shape) != 1:
        return (max(1, nbytes // row), *shape)
    beside = max(1, math.isqrt(shape[0]))
    return (max(1, nbytes // (beside * itemsize)), beside)


def grow(
    session: Session,
    path: Path,
    node: Node,
    rows: RowPlaces,
    stored: int,
    done: Container[Path] = (),
) -> Growth:
    """Return the steps that append the rows of a tree to those at a path.

    Args:
        session: reads the stored tree, and creates drafts.
        path: of the stored tree.
        node: the tree of new rows.
        rows: the paths of its arrays of rows.
        stored: the number of stored rows.
        done: the paths of nodes that need no comparison, because they are replaced.

    Raises:
        DiffersError: the trees differ.
    """
    growth = Growth()
    _Walk(session, rows, stored, done, growth).node(path, node, ())
    return growth


@attrs.define
class _Walk:
    """The comparison of a tree with the stored one."""

    session: Session
    rows: RowPlaces
    stored: int
    done: Container[Path]
    growth: Growth

    def node(self, path: Path, node: Node, at: Place) -> None:
        if path in self.done:
            return
        stat = self.session.stat(path)
        if stat is None or stat.mark != node.mark or stat.is_group != isinstance(node, Branch):
            raise DiffersError
        if at in self.rows.others:
            raise DiffersError
        if isinstance(node, Branch):
            self.branch(path, node, at)
        elif not isinstance(node, Leaf):
            raise DiffersError
        elif at in self.rows.arrays:
            self.leaf(path, node, at)
        elif not _is_same(self.session.read(path), node):
            raise DiffersError

    def branch(self, path: Path, node: Branch, at: Place) -> None:
        names, children = set(self.session.names(path)), dict(node.children)
        count = max((_count(child) for child in children.values()), default=0)
        if names - set(children) == {MISSING} and MISSING not in children:
            self.growth.rows[(*path, MISSING)] = np.zeros(count, np.bool)
        elif set(children) - names == {MISSING}:
            mask: Any = children.pop(MISSING)
            blocks = [np.zeros(self.stored, np.bool), mask.data]
            self.growth.puts[(*path, MISSING)] = _draft(
                self.session, (*path, MISSING), mask, blocks
            )
        elif names != set(children):
            raise DiffersError
        for name, child in children.items():
            self.node((*path, name), child, (*at, name))

    def leaf(self, path: Path, leaf: Leaf, at: Place) -> None:
        info = self.session.array_info(path)
        data: Any = leaf.data
        if not data.ndim or info.shape[:1] != (self.stored,) or info.shape[1:] != data.shape[1:]:
            raise DiffersError
        if info.dtype == data.dtype:
            self.growth.rows[path] = data
            return
        is_text = info.dtype.kind == data.dtype.kind == "S"
        is_code = at[-1:] == ("codes",) and info.dtype.kind == data.dtype.kind == "i"
        if not (is_text or is_code):
            raise DiffersError
        if info.dtype.itemsize >= data.dtype.itemsize:
            self.growth.rows[path] = data.astype(_like(data.dtype, info.dtype.itemsize))
            return
        # With room for longer texts: a column is not rewritten for each.
        width = data.dtype.itemsize
        dtype = _like(data.dtype, 1 << (width - 1).bit_length() if is_text else width)
        blocks = [self.session.read_slice(path, slice(None))[0], data]
        blocks = [block.astype(dtype) for block in blocks]
        self.growth.puts[path] = _draft(self.session, path, leaf, blocks)


def _like(dtype: np.dtype[Any], width: int) -> np.dtype[Any]:
    """Return a dtype of the same kind, with another width."""
    if dtype.kind != "S":
        return np.dtype(f"{dtype.kind}{width}")
    return utf8_dtype(width) if dtype.metadata else np.dtype(f"S{width}")


def _is_same(stored: Node, node: Node) -> bool:
    if not isinstance(stored, Leaf) or not isinstance(node, Leaf):
        return False
    first, second = stored.data, node.data
    if isinstance(first, float) and isinstance(second, float):
        return first == second or (math.isnan(first) and math.isnan(second))
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.dtype.kind in "fc" and first.dtype == second.dtype:
            return np.array_equal(first, second, equal_nan=True)
        if first.dtype.kind != "S" and first.dtype != second.dtype:
            return False
    return same(first, second)
