"""`Browser`: the full-screen program of ``browse``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Input, Static, Tree

import hdfchk

from .attributes import attribute_text, attributes_of
from .changes import Stamp, stamp_of
from .describing import style_of, type_text, value_text
from .drawing import draw
from .escapes import escaped, escaped_lines
from .exits import INTERRUPTED, Failure, message_of
from .opening import read
from .series import is_plottable, to_plot
from .show import excerpt, facts, text_of

if TYPE_CHECKING:
    from textual.widgets.tree import TreeNode

    from hdfchk import Description

__all__ = ["Browser"]

_MOST_KEYS = 1000
"""The maximum number of keys of a dict in the tree."""
_MOST_FOUND = 100_000
_PLOTTED_BYTES = 64 << 20
"""Larger arrays are not plotted."""
_PROBLEMS = (hdfchk.HdfchkError, OSError, Failure, MemoryError)
"""What reading a file may raise: it is shown, and the program goes on."""


class Browser(App[None]):
    """The application that shows one file.

    Args:
        file: the path of the file.
        key: the key that is shown first.
        every: the seconds between two checks for changes of the file.
    """

    CSS = """
    #keys { width: 45%; border-right: solid $primary; }
    #facts { height: auto; padding: 0 1; }
    #plot { height: auto; padding: 0 1; }
    #elements { height: auto; padding: 0 1; }
    #find { display: none; dock: bottom; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("n", "find_next", "Next"),
        Binding("p", "plot", "Plot"),
        Binding("l", "logarithm", "Log"),
        Binding("r", "reload", "Reload"),
        Binding("escape", "leave_find", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, file: str, key: str | None = None, *, every: float = 1.0) -> None:
        super().__init__()
        self._path = file
        self._first = key
        self._every = every
        self._stamp: Stamp = stamp_of(file)
        self._shown: Description | None = None
        self._plots = True
        self._logarithmic = False
        self._wanted = ""
        self._store = read(file)

    def compose(self) -> ComposeResult:
        """Yield the widgets: the keys, and beside them the contents of the selected one."""
        yield Input(placeholder="find a key", id="find")
        with Horizontal():
            tree: Tree[Description] = Tree(Text(escaped(self._path)), id="keys")
            tree.guide_depth = 2
            yield tree
            with VerticalScroll():
                yield Static(id="facts")
                yield Static(id="plot")
                yield Static(id="elements")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the first level, and begin to check for changes."""
        self.title = escaped(self._path)
        self._fill(self._tree.root)
        self._tree.root.expand()
        self._show_first()
        self._tree.focus()
        self.set_interval(self._every, self._follow)

    def _show_first(self) -> None:
        if self._first is not None:
            self.go_to(self._first)
        elif found := self._describe(depth=0):
            self._show(found[0])

    @property
    def _tree(self) -> Tree[Description]:
        return self.query_one("#keys", Tree)

    def _describe(self, key: str | None = None, **options: Any) -> list[Description] | None:
        """Return descriptions; None if the file cannot be read, which is shown."""
        try:
            return self._store.describe(key, **options)
        except _PROBLEMS as error:
            self.notify(escaped(message_of(error)), severity="error", markup=False)
            return None

    # -- the tree ------------------------------------------------------------------------------

    def _fill(self, node: TreeNode[Description]) -> bool:
        """Update the children of a node, and return whether they could be read."""
        key = node.data.key if node.data is not None else None
        level = self._describe(key, depth=1, limit=_MOST_KEYS + 1, values=True)
        if level is None:
            return False
        known = {child.data.key: child for child in node.children if child.data is not None}
        wanted = {entry.key: entry for entry in level[:_MOST_KEYS]}
        for child in list(node.children):
            entry = None if child.data is None else wanted.get(child.data.key)
            if entry is None or child.data is None or entry.kind != child.data.kind:
                child.remove()
                known.pop(child.data.key if child.data is not None else "", None)
        for name, entry in wanted.items():
            if name in known:
                known[name].data = entry
                known[name].set_label(_label(entry))
            elif entry.kind == "group":
                node.add(_label(entry), data=entry)
            else:
                node.add_leaf(_label(entry), data=entry)
        if len(level) > _MOST_KEYS:
            node.add_leaf(Text("… more: find them with /", style="dim"))
        return True

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Description]) -> None:
        """Read a dict when its node is expanded."""
        if event.node.data is not None and not event.node.children:
            self._fill(event.node)

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Description]) -> None:
        """Show the contents of the key under the cursor."""
        if event.node.data is not None:
            self._show(event.node.data)

    def go_to(self, key: str) -> None:
        """Expand the dicts above a key, and move the cursor to it."""
        node = self._tree.root
        names = key.split("/")
        for depth in range(1, len(names) + 1):
            path = "/".join(names[:depth])
            if not node.children and not self._fill(node):
                return
            node.expand()
            below = [c for c in node.children if c.data is not None and c.data.key == path]
            if not below:
                if found := self._describe(key, depth=0, values=True):
                    self._show(found[0])
                return
            node = below[0]
        self.call_after_refresh(self._tree.move_cursor, node)

    # -- the selected key ----------------------------------------------------------------------

    def _show(self, entry: Description) -> None:
        if not self.query("#facts"):
            return
        self._shown = entry
        lines = [Text(escaped(entry.key) or "/", style="bold")]
        lines += [Text(f"{name:<10}{text}") for name, text in facts(entry)]
        elements = plot = Text()
        try:
            lines += [
                Text(attribute_text(name, value))
                for name, value in attributes_of(self._store, entry).items()
            ]
            if entry.kind != "group" and entry.problem is None:
                elements = Text(escaped_lines(text_of(excerpt(self._store, entry))))
                plot = self._plot(entry)
        except _PROBLEMS as error:
            elements = Text(escaped(message_of(error)), style="red")
        self.query_one("#facts", Static).update(Text("\n").join(lines))
        self.query_one("#plot", Static).update(plot)
        self.query_one("#elements", Static).update(elements)

    def _plot(self, entry: Description) -> Text:
        if not self._plots or not is_plottable(entry) or (entry.nbytes or 0) > _PLOTTED_BYTES:
            return Text()
        if entry.length is not None and entry.length < 2:
            return Text()
        width = max(12, self.size.width * 55 // 100 - 6)
        height = max(8, self.size.height // 2)
        try:
            drawn = draw(
                to_plot(self._store, entry.key),
                width,
                height,
                colours=False,
                logarithmic=self._logarithmic,
            )
        except Failure as failure:  # no plotext
            return Text(failure.message, style="dim")
        return Text(drawn.rstrip("\n"), no_wrap=True)

    # -- a running job -------------------------------------------------------------------------

    def _follow(self) -> None:
        """Reload the screen if the file has changed."""
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            self.action_reload()

    def action_reload(self) -> None:
        """Read everything on the screen again."""
        if not self.query("#facts"):  # a timer may fire while the program ends
            return
        todo = [self._tree.root]
        while todo:
            node = todo.pop()
            if node.is_expanded:
                self._fill(node)
                todo += [child for child in node.children if child.allow_expand]
        if self._shown is None:  # it could not be read at the start
            self._show_first()
            return
        try:
            self._show(self._store.describe(self._shown.key or None, depth=0, values=True)[0])
        except _PROBLEMS as error:
            self.query_one("#elements", Static).update(
                Text(escaped(message_of(error)), style="red")
            )

    def on_resize(self) -> None:
        """Draw the plot again in the available width."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if self._shown is not None:
            self._show(self._shown)

    def action_interrupt(self) -> None:
        """End the program with the exit code of Ctrl-C, as other commands do."""
        self.exit(return_code=INTERRUPTED)

    def action_plot(self) -> None:
        """Turn plots on or off."""
        self._plots = not self._plots
        self.action_reload()

    def action_logarithm(self) -> None:
        """Switch the axis of values between linear and logarithmic."""
        self._logarithmic = not self._logarithmic
        self.action_reload()

    # -- finding -------------------------------------------------------------------------------

    def action_find(self) -> None:
        """Ask for a text to find in the keys."""
        box = self.query_one("#find", Input)
        box.display = True
        box.focus()

    def action_leave_find(self) -> None:
        """Return to the tree."""
        self.query_one("#find", Input).display = False
        self._tree.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the next key that contains the entered text."""
        self._wanted = event.value
        self.action_leave_find()
        self.action_find_next()

    def action_find_next(self) -> None:
        """Go to the next key that contains the text."""
        if not self._wanted:
            return
        found = self._describe(limit=_MOST_FOUND)
        if found is None:
            return
        keys = [entry.key for entry in found]
        here = self._shown.key if self._shown is not None else ""
        start = keys.index(here) + 1 if here in keys else 0
        for key in [*keys[start:], *keys[:start]]:
            if self._wanted.lower() in key.lower():
                self.go_to(key)
                return
        self.notify(f"no key has {escaped(self._wanted)!r} in it", markup=False)


def _label(entry: Description) -> Text:
    """Return the label of a key: its name, its type, and its value if it is small."""
    parts: list[Any] = [
        (escaped(entry.key.rpartition("/")[2]), style_of(entry)),
        (f"  {type_text(entry)}", "dim"),
    ]
    value = value_text(entry, 30)
    if value:
        parts.append((f"  {value}", "red" if entry.problem is not None else "green"))
    return Text.assemble(*parts)
