"""Nothing in a file controls the terminal."""

from __future__ import annotations

import json

from hdfchk.cli.escapes import escaped, escaped_json, escaped_lines

EVIL = "".join(map(chr, [*range(32), *range(127, 160), 0x200E, 0x202E, 0x2066, 0x2028, 0xDC80]))


def test_escaped() -> None:
    """Control characters, changes of direction and lone surrogates become escapes."""
    assert escaped(EVIL).isascii() and escaped(EVIL).isprintable()
    assert escaped("\n\t\r\x1b\x9b\u202e") == r"\n\t\r\x1b\x9b\u202e"
    assert escaped("α β é 水 👩‍🔬") == "α β é 水 👩‍🔬"


def test_lines_stay() -> None:
    """In text of several lines, the ends of lines and tabs stay."""
    assert escaped_lines("a\n\tb\x1b") == "a\n\tb\\x1b"


def test_json_means_the_same() -> None:
    """JSON without control characters has the same strings."""
    text = escaped_json(json.dumps({EVIL: "\U000e0041"}, ensure_ascii=False))
    assert text.isprintable() and json.loads(text) == {EVIL: "\U000e0041"}
