"""`NullCheckpointer`: it keeps nothing."""

from __future__ import annotations

from typing import Any

from .checkpointer import Checkpointer

__all__ = ["NullCheckpointer"]


class NullCheckpointer(Checkpointer):
    """A checkpointer that keeps nothing, with which a script turns checkpointing off.

    Args:
        checkpoint_file: it is not used.
        allowed_keys: as for `Checkpointer`.
        omitted_keys: as for `Checkpointer`.
    """

    backend: Any = None

    def __init__(
        self, checkpoint_file: Any = None, allowed_keys: Any = None, omitted_keys: Any = None
    ) -> None:
        super().__init__(checkpoint_file, allowed_keys, omitted_keys)

    @property
    def _address(self) -> str:
        return "a checkpointer that keeps nothing"

    def open_checkpoint_file(self, chk: Any) -> Any:
        """There is no file: a name that says so."""
        return "no file"

    def close_checkpoint_file(self, stream: Any) -> None:
        """Do nothing."""

    def save_parameter(self, key: Any, value: Any) -> None:
        """Do nothing."""

    def load_parameter(self, key: Any) -> Any:
        """There is no key.

        Raises:
            CheckpointerKeyError: always.
        """
        raise self._missing(key)

    def delete_parameter(self, key: Any) -> None:
        """There is no key.

        Raises:
            CheckpointerKeyError: always.
        """
        raise self._missing(key)

    def keys(self) -> Any:
        """No keys."""
        return []
