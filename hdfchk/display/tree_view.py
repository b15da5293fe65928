"""`Tree`: what ``chk.tree()`` gives, as text, as HTML, and for rich."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import html
from .outline import Item, Outline
from .texts import Parts, count_of, parts_of

__all__ = ["Tree"]


class Tree:
    """What is stored, as a tree: a picture of the moment at which it was made.

    You get it from ``chk.tree()``. It prints as text, folds in a notebook, and is a tree of rich
    where rich prints it.

    Args:
        kind: the name of the class of what is shown.
        place: where it is.
        outline: what is shown of it.
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
        """The tree as text."""
        root = self._outline.root
        return "\n".join([f"{self._place}: {self._notes}", *_lines(root, "")])

    def _repr_html_(self) -> str:
        outline = self._outline
        return html.box(
            self._kind, self._place, self._notes, html.outline(outline.root, outline.count)
        )

    def __rich__(self) -> Any:
        """A `rich.tree.Tree`, for ``rich.print``."""
        from rich.text import Text  # only rich calls this
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
    """What is said of a key behind its name."""
    if item.is_group:
        parts = Parts(item.of)
        found = ", ".join(filter(None, (count_of(item.of.length or 0), parts.notes)))
        return f"{found} — {parts.problem}" if parts.problem else found
    return parts_of(item.of)[len(Parts(item.of).name) + 2 :]


def _rest(item: Item) -> str:
    return f"… {count_of(item.hidden, 'more key' if item.children else 'key')}"


def _lines(item: Item, indent: str) -> Iterator[str]:
    """The lines below an item; of a group nothing of which is shown, its number says enough."""
    rest = [_rest(item)] if item.hidden and item.children else []
    last = len(item.children) + len(rest) - 1
    for number, child in enumerate(item.children):
        branch, below = ("└── ", "    ") if number == last else ("├── ", "│   ")
        yield f"{indent}{branch}{Parts(child.of).name}: {_told(child)}"
        yield from _lines(child, indent + below)
    for text in rest:
        yield f"{indent}└── {text}"
