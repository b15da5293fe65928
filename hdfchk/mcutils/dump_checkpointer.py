"""`DumpCheckpointer`: a dict in memory that is written to a file as a whole."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from ..errors import NotAGroupError
from .checkpointer import Checkpointer
from .new_file import NewFile

__all__ = ["DumpCheckpointer"]


class DumpCheckpointer(Checkpointer):
    """The base class of checkpointers that write all values at once.

    The values are in the dict `backend`. They are written at the end of the outermost ``with``
    block, or of a call outside a block: a kill inside a block loses the changes made in it. The new
    file is written beside the old one, and replaces it when it is complete. Reading writes nothing.
    Only one process may write at a time; this is not enforced.

    A tuple is a path through nested dicts. A custom class defines `dump`, and `load_cache` if it
    can read.

    Args:
        file: a path, or an open file.
        cache: the dict to begin with, which is used in place; the file is not read then.
        open_kwargs: of the built-in `open`, for the file that is written.
        allowed_keys: as for `Checkpointer`.
        omitted_keys: as for `Checkpointer`.
    """

    def __init__(
        self,
        file: Any,
        cache: Any = None,
        open_kwargs: Mapping[str, Any] | None = None,
        allowed_keys: Any = None,
        omitted_keys: Any = None,
    ) -> None:
        super().__init__(file, allowed_keys, omitted_keys)
        self.backend: Any = cache
        self.open_kwargs: Mapping[str, Any] = {"mode": "w+"} if open_kwargs is None else open_kwargs
        self._is_changed = False
        self._is_one_call = False
        self._new: NewFile | None = None

    # -- the file ----------------------------------------------------------------------------------

    def load_cache(self) -> None:
        """Fill `backend`; here with an empty dict, if it is None."""
        if self.backend is None:
            self.backend = {}

    @abstractmethod
    def dump(self) -> None:
        """Write all of `backend` to `stream`."""

    def convert(self) -> Any:
        """Return the data for `dump`: `backend`, unless a subclass converts it."""
        return self.backend

    def __enter__(self) -> Self:
        """Read the file, and hold its values until the outermost block ends."""
        if not self.is_open:
            self.load_cache()
        self._open_depth += 1
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Write the file at the end of the outermost block, if anything has changed."""
        self._open_depth -= 1
        if self._open_depth or not self._must_dump():
            return
        self._stream = self.open_checkpoint_file(self.checkpoint_file)
        try:
            try:
                self.dump()
            except BaseException:
                if self._new is not None:
                    self._new.discard()
                    self._new = None
                raise
            self.close_checkpoint_file(self._stream)
        finally:
            self._stream = None
        self._is_changed = False
        self._was_dumped()

    @contextmanager
    def _call(self) -> Iterator[None]:
        if self.is_open:
            yield
            return
        self._is_one_call = True
        try:
            with self:
                yield
        finally:
            self._is_one_call = False

    def _must_dump(self) -> bool:
        """Whether the file must be written; values that were read may have been changed."""
        return self._is_changed or (not self._is_one_call and self._differs())

    def _differs(self) -> bool:
        """Whether `backend` may differ from the file although no key was set."""
        return True

    def _was_dumped(self) -> None:
        """Record that the file has the contents of `backend`."""

    def open_checkpoint_file(self, chk: Any) -> Any:
        """Return a new file, open for writing, which replaces `chk` when it is closed."""
        if isinstance(chk, (str, os.PathLike)):
            self._new = NewFile(chk, self.open_kwargs)
            return self._new.stream
        if chk.seekable():
            chk.seek(0)
            chk.truncate()
        return chk

    def close_checkpoint_file(self, stream: Any) -> None:
        """Close the file of `open_checkpoint_file`, and move it to its place."""
        if self._new is not None and stream is self._new.stream:
            new, self._new = self._new, None
            new.take_place()
        else:
            stream.flush()

    # -- parameters --------------------------------------------------------------------------------

    def save_parameter(self, key: Any, value: Any) -> None:
        """Store a value at a key of the dict; missing dicts are created."""
        self._check_value(key, value)
        *above, name = key if isinstance(key, tuple) else (key,)
        base = self.backend
        for depth, part in enumerate(above, 1):
            base = base.setdefault(part, {})
            if not isinstance(base, dict):
                raise NotAGroupError(
                    "it holds a value, not a dict", key=str(key[:depth]), file=self._address
                )
        base[name] = value
        self._is_changed = True

    def load_parameter(self, key: Any) -> Any:
        """Return the value at a key of the dict: the object itself."""
        base, name = self._find(key)
        return base[name]

    def delete_parameter(self, key: Any) -> None:
        """Delete a key of the dict."""
        base, name = self._find(key)
        del base[name]
        self._is_changed = True

    def _find(self, key: Any) -> tuple[dict[Any, Any], Any]:
        """Return the dict that contains a key, and the last part of the key."""
        found = self._look(key)
        if found is None:
            raise self._missing(key)
        return found

    def _look(self, key: Any) -> tuple[dict[Any, Any], Any] | None:
        *above, name = key if isinstance(key, tuple) and key else (key,)
        base = self.backend
        for part in above:
            base = base.get(part)
            if not isinstance(base, dict):
                return None
        return (base, name) if name in base else None

    def check_parameter(self, key: Any) -> bool:
        """Whether there is such a key, and it may be used; no value is read."""
        with self._call():
            return self._look(key) is not None and self._may_use(key)

    def keys(self) -> Any:
        """The keys that may be used."""
        with self._call():
            return self._visible(self.backend)
