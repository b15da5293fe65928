"""Escapes for text from a file, so that it cannot control the terminal that shows it."""

from __future__ import annotations

import re

__all__ = ["escaped", "escaped_json", "escaped_lines"]

_CONTROLS = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1, of which 0x9b also begins an escape sequence
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of text
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # surrogates, which cannot be encoded
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # annotations and tags, which are invisible
)
_CONTROL = f"[{_CONTROLS}]"
_CONTROL_IN_LINES = f"(?![\t\n])[{_CONTROLS}]"
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str) -> str:
    r"""Return a text as one line, with control characters escaped as in Python strings.

    Example:
        >>> escaped("a\x1b[2Jb\n")
        'a\\x1b[2Jb\\n'
    """
    return text if text.isprintable() else re.sub(_CONTROL, _escape, text)


def escaped_lines(text: str) -> str:
    """Escape text of several lines like `escaped`, but keep line ends and tabs."""
    return text if text.isprintable() else re.sub(_CONTROL_IN_LINES, _escape, text)


def escaped_json(text: str) -> str:
    r"""Escape the control characters in JSON strings; the meaning of the JSON is unchanged.

    Example:
        >>> escaped_json('"a\x9bb"')
        '"a\\u009bb"'
    """
    return text if text.isprintable() else re.sub(_CONTROL_IN_LINES, _escape_json, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _escape_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
