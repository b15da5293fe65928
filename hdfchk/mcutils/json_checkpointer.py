"""`JSONCheckpointer`: values in a JSON file."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np

from ..codecs import legacy
from ..codecs.codec import Decoder
from ..errors import (
    CorruptFileError,
    CycleError,
    InvalidKeyError,
    InvalidKeyTypeError,
    UnsupportedTypeError,
)
from .file_checkpointer import FileCheckpointer, Serializer
from .foreign import Foreign, decoded

__all__ = ["JSONCheckpointer"]

_OBJECT = "pseudopickle_protocol"
_PLAIN = (bool, int, float, str)


class _Object(Foreign):
    """An object that the older toolbox has written with its class, or as a pickle."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec

    def decode(self, decoder: Decoder) -> Any:
        kind = self.spec.get("class")
        if isinstance(kind, _Object) and "state" in self.spec:
            raw = legacy.pickle_of(kind.spec.get("pickle_data"))
            return legacy.rebuild(raw, decoded(self.spec["state"], decoder), decoder)
        return legacy.unpickle(legacy.pickle_of(self.spec.get("pickle_data")), decoder)


class JSONSerializer:
    """Writes and reads JSON, as the older toolbox does.

    JSON has dicts with text keys, lists, texts, numbers, booleans and None. Arrays and tuples
    become lists, NumPy numbers become Python numbers, and keys that are numbers become texts.
    Anything else is rejected.
    """

    def serialize(self, file: Any, data: Any) -> None:
        """Write `data` to an open text file."""
        file.write(self.dumps(data))

    def deserialize(self, file: Any) -> Any:
        """Read the data in an open text file."""
        try:
            return json.loads(file.read(), object_hook=_hook)
        except (ValueError, RecursionError) as error:
            raise CorruptFileError(
                f"this is not JSON ({error})", hint="restore the file from a copy"
            ) from error

    def dumps(self, data: Any) -> str:
        """Return `data` as JSON."""
        return json.dumps(_plain(data, (), set()))

    def check(self, path: tuple[Any, ...], value: Any) -> None:
        """Reject a value that JSON cannot hold."""
        for name in path:
            _name(name, path)
        _plain(value, path, set())

    def same(self, left: Any, right: Any) -> bool:
        """Whether two values have the same JSON."""
        return self.dumps(left) == self.dumps(right)


def _hook(found: dict[str, Any]) -> Any:
    return _Object(found) if _OBJECT in found else found


def _plain(value: Any, path: tuple[Any, ...], above: set[int]) -> Any:
    """Convert a value to JSON types."""
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, _Object):
        return {name: _plain(item, path, above) for name, item in value.spec.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), path, above)
    if isinstance(value, np.generic) and not isinstance(item := value.item(), np.generic):
        return _plain(item, path, above)
    if not isinstance(value, (dict, list, tuple)):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise UnsupportedTypeError(
            f"a JSON file cannot hold a {kind}",
            key=_join(path),
            hint="keep it in an HDF5 file, or store its parts as numbers, texts, lists and dicts",
        )
    if id(value) in above:
        raise CycleError(
            "a dict or list that contains itself", key=_join(path), hint="store a key or an index"
        )
    above.add(id(value))
    try:
        if not isinstance(value, dict):
            return [_plain(item, (*path, n), above) for n, item in enumerate(value)]
        found = {_name(k, path): _plain(item, (*path, k), above) for k, item in value.items()}
    finally:
        above.discard(id(value))
    if len(found) < len(value):
        raise InvalidKeyError(
            "two keys of this dict are the same text in JSON",
            key=_join(path),
            hint="use keys of text",
        )
    return found


def _name(key: Any, path: tuple[Any, ...]) -> str:
    """Convert a key to text."""
    if key == _OBJECT:
        raise InvalidKeyError(
            f"{_OBJECT!r} marks an object of the older toolbox", key=_join(path), hint="rename it"
        )
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise InvalidKeyTypeError(
        f"a key of JSON is a text, not {key!r}", key=_join(path), hint="use a text as the key"
    )


def _join(path: tuple[Any, ...]) -> str:
    return "/".join(map(str, path))


class JSONCheckpointer(FileCheckpointer):
    """A checkpointer that stores its values in a JSON file.

    JSON has dicts with text keys, lists, texts, numbers, booleans and None. Arrays and tuples are
    read back as lists, NumPy numbers as Python numbers, and keys that are numbers as texts.
    Anything else is rejected when it is
    set. The older toolbox reads the file, and this class reads its
    files: objects of classes that are registered with `hdfchk.register`, and, with
    ``allow_pickle=True``, pickles.

    Args:
        file: a path, or an open text file.
        cache: the dict to begin with, which is used in place; the file is not read then.
        serializer: writes and reads the file instead of this class.
        open_kwargs: of the built-in `open`, for the file that is written.
        allowed_keys: as for `Checkpointer`.
        omitted_keys: as for `Checkpointer`.
        allow_pickle: unpickle what the older toolbox pickled. Unpickling runs code that the file
            names: only for files that you trust. Nothing is ever pickled.

    Example:
        >>> import io
        >>> file = io.StringIO()
        >>> chk = JSONCheckpointer(file)
        >>> chk["run", "steps"] = 500
        >>> file.getvalue(), JSONCheckpointer(file)["run"]
        ('{"run": {"steps": 500}}', {'steps': 500})
    """

    default_extension: ClassVar[str] = ".json"
    _mode: ClassVar[str] = "r"

    @classmethod
    def _open_kwargs(cls) -> dict[str, Any]:
        return {"mode": "w+", "encoding": "utf-8"}

    @classmethod
    def _own_serializer(cls) -> Serializer:
        return JSONSerializer()
