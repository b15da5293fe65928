"""Completion in bash, which splits words at colons and other characters."""

from __future__ import annotations

import os
import re
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class

__all__ = ["BashCompletion", "Line", "register"]

_SPECIAL = r"([^\w@%+=:,./-])"
"""The characters that bash does not take literally outside quotes."""
_SOURCE = """\
%(complete_func)s() {
    local line type value
    COMPREPLY=()
    while IFS= read -r line; do
        type=${line%%%%,*} value=${line#*,}
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Line:
    r"""A line up to the cursor, as bash and its line editor see it.

    Args:
        text: the line.
        breaks: the characters at which the editor begins a word, in addition to blanks.

    Attributes:
        words: the complete words.
        last: the word that is being typed, without its quotes.
        start: the index in `last` of the part that the editor replaces.
        quote: the open quotation mark, or an empty string.

    Example:
        >>> line = Line("hdfchk cp 'a b.h5'::par", ":=")
        >>> line.words, line.last, line.last[line.start :]
        (['hdfchk', 'cp'], 'a b.h5::par', 'par')
    """

    def __init__(self, text: str, breaks: str) -> None:
        self.words: list[str] = []
        self.last = ""
        self.start = 0
        self.quote = ""
        begun = False
        letters = iter(text)
        for letter in letters:
            if not self.quote and letter.isspace():
                if begun:
                    self.words.append(self.last)
                self.last, self.start, begun = "", 0, False
                continue
            begun = True
            if letter == self.quote:
                self.quote = ""
            elif letter in "'\"" and not self.quote:
                self.quote, self.start = letter, len(self.last)
            elif letter == "\\" and self.quote != "'":
                self.last += next(letters, "")
            else:
                self.last += letter
                if letter in breaks and not self.quote:
                    self.start = len(self.last)

    def completed(self, word: str) -> str:
        """Return the text with which the editor replaces its part of the word."""
        text = word[self.start :]
        return text if self.quote else re.sub(_SPECIAL, r"\\\1", text)


class BashCompletion(BashComplete):
    """The completion of click, extended to words that contain colons, blanks and the like."""

    source_template = _SOURCE

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        self._line = Line(os.environ.get("COMP_LINE", ""), breaks)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words of the command, and the one that is being typed."""
        return self._line.words[1:], self._line.last

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return an item as a line for the shell function."""
        if item.type != "plain":
            return f"{item.type},"
        return f"plain,{self._line.completed(item.value)}"


def register() -> None:
    """Make click use this completion for bash."""
    add_completion_class(BashCompletion)
