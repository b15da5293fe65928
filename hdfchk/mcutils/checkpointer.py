"""`Checkpointer`: the base class of the checkpointers of the McUtils toolbox."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, ClassVar, Self

from ..backends.resolve import UnknownTargetError
from ..equality import same
from ..errors import CheckpointerKeyError, InvalidOptionError
from ..older_api import is_specification, options_of
from ..store import HDF5Checkpointer

__all__ = ["Checkpointer"]

Rule = Callable[[Any], object]


class Checkpointer(MutableMapping[Any, Any]):
    """A store of named values: the base class of all checkpointers.

    ``isinstance(store, Checkpointer)`` is also true for `hdfchk.HDF5Checkpointer`. A custom class
    defines `open_checkpoint_file`, `close_checkpoint_file`, `save_parameter`, `load_parameter` and
    `keys`; `delete_parameter`, if it can delete.

    Each call outside a ``with`` block opens the file and closes it; blocks nest.

    Args:
        checkpoint_file: the location of the values: a path, an open file, or another object that
            the class accepts.
        allowed_keys: the keys that may be used: an iterable of keys, a key, or a callable; None for
            all. A tuple is allowed if it or its first part is listed.
        omitted_keys: likewise the keys that may not be used; they take precedence.
    """

    default_extension: ClassVar[str] = ""
    _ext_map: ClassVar[Mapping[str, Any] | None] = None

    def __init__(
        self, checkpoint_file: Any, allowed_keys: Any = None, omitted_keys: Any = None
    ) -> None:
        self.checkpoint_file = checkpoint_file
        self.allowed_keys = allowed_keys
        self.omitted_keys = omitted_keys
        self._is_allowed = _rule(allowed_keys)
        self._is_omitted = _rule(omitted_keys)
        self._open_depth = 0
        self._stream: Any = None

    def __repr__(self) -> str:
        """Return class and location."""
        return f"{type(self).__name__}({self.checkpoint_file!r})"

    # -- creation ----------------------------------------------------------------------------------

    @classmethod
    def extension_map(cls) -> Mapping[str, Any]:
        """The class for each file extension; ``_ext_map`` of a subclass replaces it."""
        if cls._ext_map is not None:
            return cls._ext_map
        from .json_checkpointer import JSONCheckpointer
        from .numpy_checkpointer import NumPyCheckpointer

        kinds = (JSONCheckpointer, HDF5Checkpointer, NumPyCheckpointer)
        return {kind.default_extension: kind for kind in kinds} | {".h5": HDF5Checkpointer}

    @classmethod
    def from_file(cls, file: Any, **opts: Any) -> Any:
        """Return the checkpointer for a file by extension: ``.hdf5``, ``.h5``, ``.json``, ``.npz``.

        Args:
            file: a path, or an open file with a name.
            opts: options of the class for this extension.

        Raises:
            InvalidOptionError: there is no class for the extension (a `ValueError`).
        """
        name = file if isinstance(file, (str, os.PathLike)) else getattr(file, "name", None)
        if not isinstance(name, (str, os.PathLike)):
            raise InvalidOptionError(
                f"{file!r} has no name, and so no extension that says what it contains",
                hint="call the class itself: HDF5Checkpointer(file)",
            )
        extension = os.path.splitext(os.fsdecode(name))[1]
        kinds = cls.extension_map()
        if extension not in kinds:
            raise InvalidOptionError(
                f"no checkpointer is known for the extension {extension!r}",
                file=os.fsdecode(name),
                hint=f"use one of {', '.join(sorted(kinds))}, or call the class itself",
            )
        return kinds[extension](file, **opts)

    @classmethod
    def build_canonical(cls, checkpoint: Any) -> Any:
        """Return the checkpointer for a specification.

        Args:
            checkpoint: a path, or an open file with a name; a checkpointer, which is returned
                unchanged; a dict, which is used in place; None for one that stores nothing; or
                ``{"file": …, "keys": …, "opts": …}``, where ``keys`` is a list of allowed keys or
                a dict of ``allowed_keys`` and ``omitted_keys``, and ``opts`` are options of the
                class of the file.

        Raises:
            UnknownTargetError: `checkpoint` has another type (a `TypeError`).
        """
        from .dict_checkpointer import DictCheckpointer
        from .null_checkpointer import NullCheckpointer

        if checkpoint is None:
            return NullCheckpointer(None)
        if isinstance(checkpoint, Checkpointer) or _acts_as_one(checkpoint):
            return checkpoint
        if isinstance(checkpoint, Mapping):
            if is_specification(checkpoint):
                return cls.from_file(checkpoint["file"], **options_of(checkpoint))
            return DictCheckpointer(checkpoint)
        if isinstance(checkpoint, (str, os.PathLike)) or hasattr(checkpoint, "name"):
            return cls.from_file(checkpoint)
        raise UnknownTargetError(
            f"{checkpoint!r} is not a checkpointer, nor a file or dict to make one of",
            hint="give a path, an open file, a dict, a checkpointer or None",
        )

    # -- opening and closing -----------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Open the file, and keep it open until the outermost block ends."""
        self._open_depth += 1
        if self._stream is None:
            try:
                self._stream = self.open_checkpoint_file(self.checkpoint_file)
            except BaseException:
                self._open_depth -= 1
                raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Close the file at the end of the outermost block."""
        self._open_depth -= 1
        if self._open_depth == 0 and self._stream is not None:
            stream, self._stream = self._stream, None
            self.close_checkpoint_file(stream)

    def _call(self) -> AbstractContextManager[Any]:
        """Context of one call: it opens and closes the file unless it is open."""
        return nullcontext() if self.is_open else self

    @property
    def is_open(self) -> bool:
        """Whether a ``with`` block is active."""
        return self._open_depth > 0

    @property
    def stream(self) -> Any:
        """The result of `open_checkpoint_file` inside a block; otherwise None."""
        return self._stream

    @abstractmethod
    def open_checkpoint_file(self, chk: Any) -> Any:
        """Open the file `chk`, and return the open object."""

    @abstractmethod
    def close_checkpoint_file(self, stream: Any) -> None:
        """Close the result of `open_checkpoint_file`."""

    # -- parameters --------------------------------------------------------------------------------

    @abstractmethod
    def save_parameter(self, key: Any, value: Any) -> None:
        """Store a value at a key of the open file."""

    @abstractmethod
    def load_parameter(self, key: Any) -> Any:
        """Return the value at a key of the open file."""

    @abstractmethod
    def keys(self) -> Any:
        """Return the keys that may be used, as a list."""

    def delete_parameter(self, key: Any) -> None:
        """Delete a key of the open file."""
        raise NotImplementedError(f"a {type(self).__name__} cannot delete keys")

    def check_parameter(self, key: Any) -> bool:
        """Whether there is such a key, and it may be used."""
        try:
            self[key]
        except KeyError:
            return False
        return True

    def check_allowed_key(self, item: Any) -> None:
        """Raise if a key may not be used.

        Raises:
            CheckpointerKeyError: the key may not be used.
        """
        spellings = [item, item[0]] if isinstance(item, tuple) and item else [item]
        omitted = self._is_omitted is not None and any(map(self._is_omitted, spellings))
        if omitted or (self._is_allowed is not None and not any(map(self._is_allowed, spellings))):
            raise CheckpointerKeyError(
                "this key is not allowed",
                key=str(item),
                file=self._address,
                hint="see allowed_keys and omitted_keys of this checkpointer",
            )

    def _visible(self, keys: Iterable[Any]) -> list[Any]:
        """Return those of the given keys that may be used."""
        if self._is_allowed is None and self._is_omitted is None:
            return list(keys)
        return [key for key in keys if self._may_use(key)]

    def _may_use(self, key: Any) -> bool:
        try:
            self.check_allowed_key(key)
        except CheckpointerKeyError:
            return False
        return True

    @property
    def _address(self) -> str:
        """The name of the file in messages."""
        file = self.checkpoint_file
        is_path = isinstance(file, (str, os.PathLike))
        return os.fsdecode(file) if is_path else f"a {type(file).__name__}"

    def _missing(self, key: Any) -> CheckpointerKeyError:
        return CheckpointerKeyError(
            "no such key", key=str(key), file=self._address, hint="see keys()"
        )

    # -- the mapping -------------------------------------------------------------------------------

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key, and it may be used."""
        with self._call():
            return self.check_parameter(key)

    def __getitem__(self, item: Any) -> Any:
        """The value at a key.

        Raises:
            CheckpointerKeyError: there is none, or it may not be used (a `KeyError`).
        """
        with self._call():
            self.check_allowed_key(item)
            return self.load_parameter(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Put a value at a key."""
        with self._call():
            self.check_allowed_key(key)
            self.save_parameter(key, value)

    def __delitem__(self, key: Any) -> None:
        """Delete what is at a key."""
        with self._call():
            self.check_allowed_key(key)
            self.delete_parameter(key)

    def __iter__(self) -> Iterator[Any]:
        """The keys."""
        return iter(self.keys())

    def __len__(self) -> int:
        """The number of keys."""
        return len(self.keys())

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a mapping with equal contents; arrays are compared by value."""
        return same(dict(self.items()), other) if isinstance(other, Mapping) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def get_keys(self, keys: Iterable[Any]) -> list[Any]:
        """The values at several keys, in their order, the file being opened once."""
        with self._call():
            return [self[key] for key in keys]

    def update(self, vals: Any = (), /, **more: Any) -> None:
        """Set several keys, the file being opened once.

        A key that may not be used is refused before anything is set.

        Args:
            vals: a mapping, or an iterable of pairs.
            more: further keys and values.
        """
        pairs = [*(vals.items() if hasattr(vals, "items") else vals), *more.items()]
        with self._call():
            for key, value in pairs:
                self.check_allowed_key(key)
                self._check_value(key, value)
            for key, value in pairs:
                self[key] = value

    def _check_value(self, key: Any, value: Any) -> None:
        """Refuse a value that cannot be kept."""

    def pop(self, key: Any, *default: Any) -> Any:
        """Delete a key and return what it had, or the default if there is none."""
        with self._call():
            try:
                value = self[key]
            except KeyError:
                if default:
                    return default[0]
                raise
            del self[key]
            return value

    def cached_eval(
        self,
        key: Any,
        generator: Callable[..., Any],
        *,
        condition: Callable[[Any], object] | None = None,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value at a key, computed by `generator` and stored if it is not there.

        Where ``condition(key)`` is false, it is computed, and neither read nor stored.
        """
        if condition is not None and not condition(key):
            return generator(*args, **(kwargs or {}))
        if key in self:
            return self[key]
        value = generator(*args, **(kwargs or {}))
        self[key] = value
        return value


def _rule(given: Any) -> Rule | None:
    """Whether a key is meant by an argument: a key, an iterable of keys, or a callable."""
    if given is None:
        return None
    if callable(given):
        rule: Rule = given
        return rule
    listed = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    return listed.__contains__


def _acts_as_one(given: Any) -> bool:
    return hasattr(given, "save_parameter") and hasattr(given, "load_parameter")


Checkpointer.register(HDF5Checkpointer)
