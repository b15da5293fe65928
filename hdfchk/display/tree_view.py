"""`Tree`: the result of ``chk.tree()``, as text, as HTML, and for rich."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import html
from .outline import Item, Outline
from .texts import Parts, count_of, parts_of

__all__ = ["Tree"]


class Tree:
    """A tree of the contents of a store at the time of the call.

    You get it from ``chk.tree()``. It prints as text, can be folded in a notebook, and is rendered
    as a tree by rich.

    Args:
        kind: the class name of the group or store.
        place: its location.
        outline: its outline.
    """

    def __init__(self, kind: str, place: str, outline: Outline) -> None:
        self._kind = kind
        self._place = place
        self._outline = outline

    @property
    def _notes(self) -> str:
        of = self._outline.root.of
        if self._outline.root.is_group:
            return count_of(of.length or 0)
        return parts_of(of).partition(": ")[2]

    def __repr__(self) -> str:
        """Return the tree as text."""
        root = self._outline.root
        return "\n".join([f"{self._place}: {self._notes}", *_lines(root, "")])

    def _repr_html_(self) -> str:
        outline = self._outline
        return html.box(
            self._kind, self._place, self._notes, html.outline(outline.root, outline.count)
        )

    def __rich__(self) -> Any:
        """Return a `rich.tree.Tree`, for ``rich.print``."""
        from rich.text import Text  # called only by rich
        from rich.tree import Tree as RichTree

        tree = RichTree(Text.assemble((self._place, "bold"), f": {self._notes}"))
        todo = [(self._outline.root, tree)]
        while todo:
            item, branch = todo.pop()
            for child in item.children:
                parts = Parts(child.of)
                name = (parts.name, "bold" if child.is_group else "")
                line = Text.assemble(name, ": ", (_told(child), "dim"))
                below = branch.add(line)
                if child.is_group:
                    todo.append((child, below))
            if item.hidden:
                branch.add(Text(_rest(item), "dim"))
        return tree


def _told(item: Item) -> str:
    """Return the texts after the name of a key."""
    if item.is_group:
        parts = Parts(item.of)
        found = ", ".join(filter(None, (count_of(item.of.length or 0), parts.notes)))
        return f"{found} — {parts.problem}" if parts.problem else found
    return parts_of(item.of)[len(Parts(item.of).name) + 2 :]


def _rest(item: Item) -> str:
    return f"… {count_of(item.hidden, 'more key' if item.children else 'key')}"


def _lines(item: Item, indent: str) -> Iterator[str]:
    """Return the lines below an item; none if no key of a group is shown, only their number."""
    rest = [_rest(item)] if item.hidden and item.children else []
    last = len(item.children) + len(rest) - 1
    for number, child in enumerate(item.children):
        branch, below = ("└── ", "    ") if number == last else ("├── ", "│   ")
        yield f"{indent}{branch}{Parts(child.of).name}: {_told(child)}"
        yield from _lines(child, indent + below)
    for text in rest:
        yield f"{indent}└── {text}"
