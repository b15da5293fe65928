"""`DictCheckpointer`: a dict, used in place."""

from __future__ import annotations

from typing import Any

from .checkpointer import Checkpointer

__all__ = ["DictCheckpointer"]


class DictCheckpointer(Checkpointer):
    """A checkpointer over a dict of the caller, or a new one.

    Values are the objects themselves. Keys are those of a dict: any hashable object, and a tuple is
    a key, not a path.

    Args:
        checkpoint_file: the dict, which is used in place; None for a new one.
        allowed_keys: as for `Checkpointer`.
        omitted_keys: as for `Checkpointer`.
    """

    def __init__(
        self, checkpoint_file: Any = None, allowed_keys: Any = None, omitted_keys: Any = None
    ) -> None:
        self.backend: Any = {} if checkpoint_file is None else checkpoint_file
        super().__init__(self.backend, allowed_keys, omitted_keys)

    def open_checkpoint_file(self, chk: Any) -> Any:
        """The dict itself."""
        return chk

    def close_checkpoint_file(self, stream: Any) -> None:
        """Do nothing."""

    def save_parameter(self, key: Any, value: Any) -> None:
        """Store an object at a key of the dict."""
        self.backend[key] = value

    def load_parameter(self, key: Any) -> Any:
        """Return the object at a key of the dict."""
        try:
            return self.backend[key]
        except KeyError as error:
            raise self._missing(key) from error

    def delete_parameter(self, key: Any) -> None:
        """Delete a key of the dict."""
        try:
            del self.backend[key]
        except KeyError as error:
            raise self._missing(key) from error

    def check_parameter(self, key: Any) -> bool:
        """Whether there is such a key, and it may be used."""
        return key in self.backend and self._may_use(key)

    def keys(self) -> Any:
        """The keys that may be used."""
        return self._visible(self.backend)
