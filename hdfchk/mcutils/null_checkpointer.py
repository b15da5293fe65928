"""`NullCheckpointer`: a checkpointer that stores nothing."""

from __future__ import annotations

from typing import Any

from .checkpointer import Checkpointer

__all__ = ["NullCheckpointer"]


class NullCheckpointer(Checkpointer):
    """A checkpointer that stores nothing, with which a script can turn checkpointing off.

    Args:
        checkpoint_file: not used.
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
        """The name in messages, since there is no file."""
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
        """Return an empty list."""
        return []
