"""Reading of files written by the McUtils checkpointer. Nothing is written in this form.

* A list of mixed items is a group with ``_list_numitems`` and ``_list_item_0``, ….
* A bare array is the dataset ``_data`` of an otherwise empty group.
* An object is a group with ``pseudopickle_protocol`` and either ``class`` and ``state``, or
  ``pickle_data``: a pickle in base64. A class is also identified by a pickle; its name is read from
  the pickle's opcodes, and nothing is unpickled unless the caller allows it.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CorruptFileError, HdfchkError, UnsupportedStoredError
from ..tree import Branch, Node

if TYPE_CHECKING:
    from .codec import Decoder

__all__ = ["class_name", "decode", "pickle_of", "rebuild", "unpickle"]

FIRST_VERSION = 1
"""The McUtils checkpointer stored no versions: its states are treated as version 1."""

_MEMO = frozenset({"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"})
_RECALL = frozenset({"GET", "BINGET", "LONG_BINGET"})


def decode(node: Branch, decoder: Decoder) -> Any:
    """Return the value of an unmarked group with one of the reserved names."""
    children = node.children
    if "_list_numitems" in children:
        return _decode_list(children, decoder)
    if "pseudopickle_protocol" in children:
        if "pickle_data" in children:
            return unpickle(_raw_pickle(children, decoder), decoder)
        if "class" in children and "state" in children:
            return _decode_object(children, decoder)
    elif list(children) == ["_data"]:
        return _child(children, "_data", decoder)
    return decoder.fields(node)


def _child(children: Mapping[str, Node], name: str, decoder: Decoder) -> Any:
    try:
        return decoder.decode(children[name])
    except HdfchkError as error:
        raise error.under(name) from error.__cause__


def _decode_list(children: Mapping[str, Node], decoder: Decoder) -> list[Any]:
    count = _child(children, "_list_numitems", decoder)
    names = [name for name in children if name.startswith("_list_item_")]
    # Check the count before looping over it: a damaged one may have any value.
    whole = isinstance(count, (int, np.integer)) and 0 <= count <= len(names)
    wanted = [f"_list_item_{index}" for index in range(int(count))] if whole else []
    if not whole or not all(name in children for name in wanted):
        raise CorruptFileError(
            f"a list of {count!r} items, but {len(names)} were found",
            hint="read them with chk.group(key)",
        )
    return [_child(children, name, decoder) for name in wanted]


def _decode_object(children: Mapping[str, Node], decoder: Decoder) -> Any:
    kind = children["class"]
    if not isinstance(kind, Branch) or "pickle_data" not in kind.children:
        raise CorruptFileError("an object whose class is not a pickle", hint="use chk.group(key)")
    state = _child(children, "state", decoder)
    return rebuild(_raw_pickle(kind.children, decoder), state, decoder)


def rebuild(raw: bytes, state: Any, decoder: Decoder) -> Any:
    """Return the object of a class, identified by a pickle, and a state.

    Raises:
        UnknownTypeError: its class is not registered, and nothing may be unpickled.
    """
    name = class_name(raw)
    if name is not None and (decoder.registry.knows(name) or not decoder.allow_pickle):
        return decoder.registry.record_named(name).rebuild(state, FIRST_VERSION, decoder)
    cls = unpickle(raw, decoder)
    if isinstance(cls, type) and isinstance(state, cls):
        return state  # a NumPy scalar, pickled in addition to its class
    if hasattr(cls, "from_state"):
        return cls.from_state(state, serializer=decoder.registry)
    return {"class": cls, "state": state}


def class_name(raw: bytes) -> str | None:
    """Return the ``module:QualName`` of a pickled class, without unpickling; None otherwise.

    Example:
        >>> import pickle
        >>> from fractions import Fraction
        >>> class_name(pickle.dumps(Fraction))
        'fractions:Fraction'
        >>> class_name(pickle.dumps(Fraction(1, 2)))
    """
    import pickletools

    texts: list[str] = []
    memo: list[str] = []
    found: str | None = None
    try:
        for opcode, argument, _ in pickletools.genops(raw):
            name = opcode.name
            if name == "STOP":
                return found
            if name in {"PROTO", "FRAME"}:
                continue
            if name in _MEMO:
                memo.extend(texts[-1:])
            elif found is not None:
                return None
            elif name == "GLOBAL":
                found = str(argument).replace(" ", ":", 1)
            elif name == "STACK_GLOBAL":
                found = ":".join(texts[-2:])
            elif name in _RECALL:
                texts.append(memo[int(argument or 0)])
            elif "UNICODE" in name:
                texts.append(str(argument))
            else:
                return None
    except (ValueError, IndexError):
        pass  # truncated, or not a pickle
    return None


def _raw_pickle(children: Mapping[str, Node], decoder: Decoder) -> bytes:
    return pickle_of(_child(children, "pickle_data", decoder))


def pickle_of(data: Any) -> bytes:
    """Return the pickle in a stored ``pickle_data``.

    Raises:
        CorruptFileError: it is not a string.
    """
    import base64

    if isinstance(data, np.ndarray):
        data = data.tobytes()
    if isinstance(data, str):
        data = data.encode()
    if not isinstance(data, bytes):
        raise CorruptFileError("pickled data that are not a string", hint="restore it from a copy")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return data  # some versions wrote the pickle itself


def unpickle(raw: bytes, decoder: Decoder) -> Any:
    """Return the object of a pickle.

    Raises:
        UnsupportedStoredError: the caller does not allow it.
        CorruptFileError: it cannot be unpickled.
    """
    if not decoder.allow_pickle:
        raise UnsupportedStoredError(
            "a pickle of the McUtils checkpointer, which executes code when it is read",
            hint="if you trust the file, open it with allow_pickle=True",
        )
    import pickle

    try:
        return pickle.loads(raw)  # noqa: S301  only with the caller's allow_pickle=True
    except Exception as error:  # a pickle may raise anything
        raise CorruptFileError(
            f"its pickle cannot be read ({type(error).__name__}: {error})",
            hint="the modules that it names must be importable as when the file was written",
        ) from error
