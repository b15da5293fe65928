"""HTML for notebooks, with foldable groups, without scripts, and with inline styles only.

Notebook front ends sanitize notebooks that the reader has not run: they remove style sheets, images
and scripts, but keep `details` elements and inline styles. Tables are avoided, because notebooks
stripe and align them. Colors are those of the page, so that dark themes work; less important text
is fainter.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .outline import Item
from .texts import Parts, count_of

__all__ = ["box", "note", "outline", "problem", "properties"]

_BOX = (
    "color:var(--jp-content-font-color1,inherit);"
    "font-family:var(--jp-content-font-family,system-ui,sans-serif);"
    "font-size:var(--jp-content-font-size1,14px);line-height:1.6;overflow-x:auto"
)
_INNER = "margin-left:5px;padding-left:1em;border-left:1px solid var(--jp-border-color2,GrayText)"
_MONO = "font-family:var(--jp-code-font-family,monospace)"
_FAINT = "opacity:.65"
_PROBLEM = "color:var(--jp-error-color1,#d9534f)"
OPEN = 30
"""In an outline of at most so many keys, the groups of the first level are open."""
WIDEST = 24
"""The maximum width of the column of names, in characters."""


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode("utf-8"))


def _span(style: str, text: str) -> str:
    return f'<span style="{style}">{_text(text)}</span>' if text else ""


def problem(text: str) -> str:
    """Return an error message."""
    return _span(_PROBLEM, f"⚠ {text}") if text else ""


def box(kind: str, place: str, notes: str, *bodies: str) -> str:
    """Return an object: its class, its location, notes, and its contents.

    Args:
        kind: the name of its class.
        place: its location.
        notes: additional text of the first line.
        bodies: its contents, as HTML.
    """
    head = f"<b>{_text(kind)}</b> {_span(_MONO, place)} {_span(_FAINT, notes)}"
    return f'<div style="{_BOX}"><div>{head}</div>{"".join(bodies)}</div>'


def _row(name: str, width: float, *cells: str) -> str:
    """Return one line: a name, in a column of fixed width, and the cells after it."""
    column = f"display:inline-block;min-width:{width:.1f}em"
    return f"<div>{_span(column, name)} {' '.join(filter(None, cells))}</div>"


def _width(names: Iterable[str]) -> float:
    """Return the width of a column of names, in em."""
    return min(WIDEST, max(map(len, names), default=0)) * 0.6 + 1


def properties(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of names and texts."""
    known = list(pairs)
    width = _width(name for name, _ in known)
    return "".join(_row(name, width, _span(_MONO, text)) for name, text in known)


def note(text: str) -> str:
    """Return a line of advice."""
    return f"<div>{_span(_FAINT, text)}</div>"


def outline(item: Item, count: int) -> str:
    """Return the keys of a dict, line by line; nested dicts can be folded.

    Args:
        item: the dict.
        count: the total number of keys shown.
    """
    return _keys(item, is_open=count <= OPEN)


def _keys(item: Item, *, is_open: bool) -> str:
    shown = [(child, Parts(child.of)) for child in item.children]
    width = _width(parts.name for child, parts in shown if not child.is_group)
    lines = [
        _group(child, parts, is_open=is_open) if child.is_group else _value(parts, width)
        for child, parts in shown
    ]
    if item.hidden:
        what = "more key" if item.children else "key"
        lines.append(note(f"… {count_of(item.hidden, what)}"))
    return "".join(lines)


def _group(item: Item, parts: Parts, *, is_open: bool) -> str:
    notes = ", ".join(filter(None, (count_of(item.of.length or 0), parts.notes)))
    head = f"<b>{_text(parts.name)}</b> {_span(_FAINT, notes)} {problem(parts.problem)}"
    if not item.children:
        return f"<div>{head}</div>"
    state = " open" if is_open else ""
    return (
        f'<details{state}><summary style="cursor:pointer">{head}</summary>'
        f'<div style="{_INNER}">{_keys(item, is_open=False)}</div></details>'
    )


def _value(parts: Parts, width: float) -> str:
    kind = ", ".join(filter(None, (parts.type, parts.notes)))
    cells = (_span(_MONO, parts.value), _span(_FAINT, kind), problem(parts.problem))
    return _row(parts.name, width, *cells)
