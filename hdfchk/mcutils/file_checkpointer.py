"""`FileCheckpointer`: a checkpointer whose file is written and read by a serializer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from ..codecs.codec import Decoder
from ..codecs.registry import default_registry
from ..errors import CorruptFileError, HdfchkError
from .dump_checkpointer import DumpCheckpointer
from .foreign import decoded

__all__ = ["FileCheckpointer", "Serializer"]


class Serializer(Protocol):
    """Writes a dict to an open file, and reads it again."""

    def serialize(self, file: Any, data: Any) -> Any:
        """Write all of `data`."""

    def deserialize(self, file: Any) -> Any:
        """Read data written by `serialize`."""


class FileCheckpointer(DumpCheckpointer):
    """A `DumpCheckpointer` whose file is written and read by a serializer.

    The file is read again if it has changed. Values in the older toolbox's own forms are converted
    only when they are requested.

    Args:
        file: a path, or an open file.
        cache: the dict to begin with, which is used in place; the file is not read then.
        serializer: writes the file and reads it; None for that of the class.
        open_kwargs: of the built-in `open`, for the file that is written.
        allowed_keys: as for `Checkpointer`.
        omitted_keys: as for `Checkpointer`.
        allow_pickle: unpickle what the older toolbox pickled. Unpickling runs code that the file
            names: only for files that you trust. Nothing is ever pickled.
    """

    _mode: ClassVar[str] = ""
    """The mode in which the file is opened for reading."""

    def __init__(
        self,
        file: Any,
        cache: Any = None,
        serializer: Serializer | None = None,
        open_kwargs: Mapping[str, Any] | None = None,
        allowed_keys: Any = None,
        omitted_keys: Any = None,
        *,
        allow_pickle: bool = False,
    ) -> None:
        if open_kwargs is None:
            open_kwargs = self._open_kwargs()
        super().__init__(file, cache, open_kwargs, allowed_keys, omitted_keys)
        self.serializer: Any = self._own_serializer() if serializer is None else serializer
        self.allow_pickle = allow_pickle
        self._is_given = cache is not None
        self._read: tuple[int, ...] | None = None
        """The state of the file that `backend` was read from, or written to."""

    @classmethod
    def _open_kwargs(cls) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def _own_serializer(cls) -> Serializer:
        raise NotImplementedError

    def load_cache(self) -> None:
        """Read the file, unless `backend` has its contents."""
        if self._is_given:
            return
        state = self._state()
        if self.backend is None or state != self._read:
            self.backend: Any = {} if state is None else self._from_file()
            self._read = state

    def _state(self) -> tuple[int, ...] | None:
        """Return values that identify the state of the file; None if it is missing or empty."""
        file = self.checkpoint_file
        if isinstance(file, (str, os.PathLike)):
            try:
                found = os.stat(file)
            except FileNotFoundError:
                return None
            return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_size else None
        if not (file.readable() and file.seekable()):
            return None
        return (file.seek(0, os.SEEK_END),) if file.seek(0, os.SEEK_END) else None

    def _from_file(self) -> dict[Any, Any]:
        file = self.checkpoint_file
        try:
            if isinstance(file, (str, os.PathLike)):
                with open(file, **self._read_kwargs()) as stream:
                    found = self.serializer.deserialize(stream)
            else:
                file.seek(0)
                found = self.serializer.deserialize(file)
        except HdfchkError as error:
            error.file = error.file or self._address
            raise
        if not isinstance(found, dict):
            raise CorruptFileError(
                f"the file holds a {type(found).__name__}, not a dict",
                file=self._address,
                hint="give the name of another file",
            )
        return found

    def _read_kwargs(self) -> dict[str, Any]:
        kept = {"encoding", "errors", "newline"}
        return {"mode": self._mode} | {k: v for k, v in self.open_kwargs.items() if k in kept}

    def _differs(self) -> bool:
        state = self._state()
        if state is None:
            return bool(self.backend)
        same = getattr(self.serializer, "same", None)
        return same is None or not same(self._from_file(), self.backend)

    def _was_dumped(self) -> None:
        self._read = self._state()

    def dump(self) -> None:
        """Write all of `backend` to `stream`."""
        try:
            self.serializer.serialize(self.stream, self.convert())
        except HdfchkError as error:
            error.file = error.file or self._address
            raise

    def _check_value(self, key: Any, value: Any) -> None:
        """Reject a value that the file cannot hold, before it is set."""
        check = getattr(self.serializer, "check", None)
        if check is None:
            return
        try:
            check(key if isinstance(key, tuple) else (key,), value)
        except HdfchkError as error:
            error.file = self._address
            raise

    def load_parameter(self, key: Any) -> Any:
        """Return the value at a key: the object itself, or one created from its form in the file.

        Raises:
            UnsupportedStoredError: it is pickled, and ``allow_pickle`` is not given.
            UnknownTypeError: its class is not registered with `hdfchk.register`.
        """
        value = super().load_parameter(key)
        try:
            return decoded(value, Decoder(default_registry, self.allow_pickle))
        except HdfchkError as error:
            error.file = error.file or self._address
            error.key = error.key or str(key)
            raise
