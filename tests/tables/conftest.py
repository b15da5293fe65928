"""What the tests of arrays have: what is read of a file."""

from __future__ import annotations

from tests.arrays.conftest import chk, read

__all__ = ["chk", "read"]
