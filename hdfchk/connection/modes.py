"""The modes in which stores are opened, and the modes that other mode strings may mean."""

from __future__ import annotations

from ..errors import InvalidOptionError

__all__ = ["MODES", "check_mode", "mode_meant"]

MODES = frozenset({"a", "r", "r+", "w", "x"})


def mode_meant(text: object) -> str | None:
    """Return the mode that a mode string of `open` stands for; None if it is not one.

    Example:
        >>> mode_meant("rb"), mode_meant("w+"), mode_meant("json")
        ('r', 'w', None)
    """
    if not isinstance(text, str) or not 0 < len(text) <= 4:
        return None
    plain = "".join(letter for letter in text.lower() if letter not in "bt")
    if plain not in MODES:
        plain = plain.replace("+", "")
    return plain if plain in MODES else None


def check_mode(mode: str) -> None:
    """Reject an invalid mode.

    Raises:
        InvalidOptionError: the mode is not one of `MODES`.
    """
    if mode in MODES:
        return
    meant = mode_meant(mode)
    raise InvalidOptionError(
        f"mode {mode!r} is not one of {', '.join(sorted(MODES))}",
        hint=f"did you mean mode={meant!r}?" if meant else "see h5py.File",
    )
