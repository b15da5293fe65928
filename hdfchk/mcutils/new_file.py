"""A file that is written beside an old one, and replaces it when it is complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..runtime import posix

__all__ = ["NewFile"]


class NewFile:
    """An open file beside `path`, until it replaces the file there.

    Args:
        path: the path of the old file.
        open_kwargs: of the built-in `open`.
    """

    def __init__(self, path: Any, open_kwargs: Mapping[str, Any]) -> None:
        self._path = os.path.realpath(os.fsdecode(path))
        self._beside = f"{self._path}.{secrets.token_hex(8)}.new"
        self.stream: Any = open(self._beside, **open_kwargs)  # noqa: SIM115  closed below

    def take_place(self) -> None:
        """Sync the new file, and replace the old one."""
        try:
            with self.stream:
                self.stream.flush()
                if os.path.exists(self._path):
                    posix.copy_owner_and_mode(self._path, self.stream.fileno())
                posix.sync(self.stream.fileno())
            os.replace(self._beside, self._path)
        except BaseException:
            self.discard()
            raise
        posix.sync_folder(self._path)

    def discard(self) -> None:
        """Remove the new file; the old one is unchanged."""
        self.stream.close()
        with suppress(FileNotFoundError):
            os.unlink(self._beside)
