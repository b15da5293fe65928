"""Modes, and what callers mean by others."""

from __future__ import annotations

import pytest

from hdfchk import InvalidOptionError
from hdfchk.connection.modes import MODES, check_mode, mode_meant


def test_modes() -> None:
    """Those of h5py are taken; others are refused, with what was meant."""
    for mode in MODES:
        check_mode(mode)
        assert mode_meant(mode) == mode
    for other, meant in (("rb", "r"), ("rt", "r"), ("R", "r"), ("x+", "x"), ("rb+", "r+")):
        assert mode_meant(other) == meant
    for nothing in ("", "b", "json", None, 3, b"r", ["r"]):
        assert mode_meant(nothing) is None
    with pytest.raises(InvalidOptionError):
        check_mode("b")
