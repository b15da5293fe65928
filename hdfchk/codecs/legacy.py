"""Reading what the older checkpointer wrote. Nothing is written in this form.

* A list of mixed items is a group with ``_list_numitems`` and ``_list_item_0``, ….
* A bare array is the dataset ``_data`` of an otherwise empty group.
* An object is a group with ``pseudopickle_protocol`` and either ``class`` and ``state``, or
  ``pickle_data``: a pickle in base64. A class is named by a pickle, too; its name is read from
  the pickle's opcodes, and nothing is unpickled, unless the caller allows it.
"""

from __future__ import annotations

import base64
import binascii
import pickle
import pickletools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CorruptFileError, UnsupportedStoredError
from ..tree import Branch, Node

if TYPE_CHECKING:
    from .codec import Decoder

__all__ = ["class_name", "decode"]


def decode(node: Branch, decoder: Decoder) -> Any:
    """The value of an unmarked group that has one of the older checkpointer's names."""
    children = node.children
    if "_list_numitems" in children:
        return _decode_list(children, decoder)
    if "pseudopickle_protocol" in children:
        if "pickle_data" in children:
            return _unpickle(_raw_pickle(children, decoder), decoder)
        if "class" in children and "state" in children:
            return _decode_object(children, decoder)
    elif list(children) == ["_data"]:
        return decoder.decode(children["_data"])
    return decoder.fields(node)


def _decode_list(children: dict[str, Node], decoder: Decoder) -> list[Any]:
    count = decoder.decode(children["_list_numitems"])
    try:
        return [decoder.decode(children[f"_list_item_{index}"]) for index in range(int(count))]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, KeyError) and not str(error).startswith("'_list_item_"):
            raise
        raise CorruptFileError(
            f"a list of {count!r} items lacks some of them", hint="read them with chk.group(key)"
        ) from error


def _decode_object(children: dict[str, Node], decoder: Decoder) -> Any:
    state = decoder.decode(children["state"])
    kind = children["class"]
    if not isinstance(kind, Branch) or "pickle_data" not in kind.children:
        raise CorruptFileError("an object whose class is no pickle", hint="use chk.group(key)")
    raw = _raw_pickle(kind.children, decoder)
    name = class_name(raw)
    if name is None or (decoder.allow_pickle and not decoder.registry.knows(name)):
        cls = _unpickle(raw, decoder)
        if not hasattr(cls, "from_state"):
            return {"class": cls, "state": state}
        return cls.from_state(state, serializer=decoder.registry)
    record = decoder.registry.record_named(name)
    return record.rebuild(state, record.version, decoder)


def class_name(raw: bytes) -> str | None:
    """The ``module:QualName`` that a pickle of a class names, read without unpickling.

    Example:
        >>> from fractions import Fraction
        >>> class_name(pickle.dumps(Fraction))
        'fractions:Fraction'
    """
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(raw):
        if opcode.name == "GLOBAL":
            return str(argument).replace(" ", ":", 1)
        if opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
            return f"{texts[-2]}:{texts[-1]}"
        if "UNICODE" in opcode.name:
            texts.append(str(argument))
    return None


def _raw_pickle(children: dict[str, Node], decoder: Decoder) -> bytes:
    data = decoder.decode(children["pickle_data"]) if "pickle_data" in children else None
    if isinstance(data, np.ndarray):
        data = data.tobytes()
    if isinstance(data, str):
        data = data.encode()
    if not isinstance(data, bytes):
        raise CorruptFileError("pickled data that are no string", hint="restore it from a copy")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return data  # some versions wrote the pickle itself


def _unpickle(raw: bytes, decoder: Decoder) -> Any:
    if not decoder.allow_pickle:
        raise UnsupportedStoredError(
            "a pickle of the older checkpointer, which runs code when it is read",
            hint="if you trust the file, open it with allow_pickle=True",
        )
    return pickle.loads(raw)  # noqa: S301  only with the caller's allow_pickle=True
