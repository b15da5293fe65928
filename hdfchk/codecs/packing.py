"""Packing of sequences into datasets: one text for small items, one dataset for each array.

A list without arrays inside becomes a single leaf, whose data are a JSON text. If it contains
arrays, the text refers to them by number, and they are stored beside it in a branch. The text is
plain JSON (RFC 8259): arrays are lists, objects are dicts, and values that JSON cannot express are
objects with the key ``"$"``. See `docs/format.md`.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from ..errors import CorruptFileError
from ..tree import Branch, Leaf, Mark, Node, Sequence

__all__ = [
    "INLINE_BYTES",
    "KEY",
    "PACKED",
    "fold",
    "from_json",
    "mark_from_text",
    "mark_to_text",
    "sort_key",
    "to_json",
    "unfold",
]

PACKED = Mark("packed")
KEY = "$key"
"""The parameter of the mark of a dict's item that holds its key, if that is not a plain `str`."""
LIST = "list"
INLINE_BYTES = 4096
"""Longer bytes inside a list get a separate dataset."""


def fold(node: Sequence) -> Leaf | Branch:
    """Pack a sequence into a leaf, or into a branch of one text and the arrays in it."""
    arrays: list[Leaf] = []
    text = json.dumps(_to_json(node, arrays), allow_nan=False, separators=(",", ":"))
    if not arrays:
        return Leaf(text, PACKED)
    children: dict[str, Node] = {"items": Leaf(text)}
    children.update((str(index), leaf) for index, leaf in enumerate(arrays))
    return Branch(children, PACKED)


def unfold(node: Leaf | Branch) -> Node:
    """Invert `fold`.

    Raises:
        CorruptFileError: the text is not JSON, or refers to a missing array.
    """
    if isinstance(node, Branch):
        text_node = node.children.get("items")
        text = text_node.data if isinstance(text_node, Leaf) else None
        arrays = node.children
    else:
        text, arrays = node.data, {}
    if not isinstance(text, str):
        raise CorruptFileError("a packed value without its text", hint="restore it from a copy")
    try:
        return _from_json(json.loads(text), arrays)
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise CorruptFileError(
            f"the text of a packed value is damaged ({error})", hint="restore it from a copy"
        ) from error


def to_json(node: Leaf) -> Any:
    """Return the packed form of a scalar, a JSON value."""
    return _to_json(node, [])


def from_json(item: Any) -> Node:
    """Invert `to_json`."""
    return _from_json(item, {})


def sort_key(node: Node) -> tuple[str, list[bytes]]:
    """Return the whole encoded form of a node: its text, and the bytes of the arrays in it."""
    arrays: list[Leaf] = []
    text = json.dumps(_to_json(node, arrays), allow_nan=False, separators=(",", ":"))
    return text, [_bytes_of(leaf) for leaf in arrays]


def _bytes_of(leaf: Leaf) -> bytes:
    data = np.asarray(leaf.data)
    mark = mark_to_text(leaf.mark) if leaf.mark else ""
    raw = repr(data.tolist()).encode() if data.dtype.hasobject else data.tobytes()
    return f"{mark} {data.dtype.str} {data.shape} ".encode() + raw


def mark_to_text(mark: Mark) -> str:
    """Return a mark as text: ``name/version``, and, after a space, its parameters in JSON.

    Example:
        >>> mark_to_text(Mark("deque", 1, {"maxlen": 3}))
        'deque/1 {"maxlen":3}'
    """
    head = f"{mark.name}/{mark.version}"
    if not mark.params:
        return head
    return f"{head} {json.dumps(dict(mark.params), allow_nan=False, separators=(',', ':'))}"


def mark_from_text(text: str) -> Mark:
    """Invert `mark_to_text`.

    Raises:
        CorruptFileError: the text is not a mark.
    """
    head, _, params = text.partition(" ")
    name, _, version = head.rpartition("/")
    try:
        values = json.loads(params) if params else {}
        if name and isinstance(values, dict):
            return Mark(name, int(version), values)
    except (ValueError, RecursionError):
        pass  # raised below, together with the other errors
    raise CorruptFileError(
        f"the mark {text!r} is not of the form name/version", hint="restore it from a copy"
    )


def _to_json(node: Node, arrays: list[Leaf]) -> Any:
    if isinstance(node, Leaf):
        return _leaf_to_json(node, arrays)
    if isinstance(node, Sequence):
        items = [_to_json(item, arrays) for item in node.items]
        if node.mark.name == LIST and not node.mark.params:
            return items
        return {"$": mark_to_text(node.mark), "items": items}
    children = {name: _to_json(child, arrays) for name, child in node.children.items()}
    if node.mark is None and not any(name.startswith("$") for name in children):
        return children
    text = "dict/1" if node.mark is None else mark_to_text(node.mark)
    return {"$": text, "children": children}


def _leaf_to_json(leaf: Leaf, arrays: list[Leaf]) -> Any:
    import base64

    data = leaf.data
    if isinstance(data, np.ndarray):
        small = leaf.inline or data.ndim == 0
        if not small or data.dtype.hasobject or data.dtype.names or data.nbytes > INLINE_BYTES:
            arrays.append(leaf)
            return {"$": "array", "index": len(arrays) - 1}
        return {
            "$": mark_to_text(leaf.mark) if leaf.mark else "",
            "dtype": data.dtype.str,
            "shape": list(data.shape),
            "base64": base64.b64encode(data.tobytes()).decode("ascii"),
        }
    plain = _scalar_to_json(data)
    return plain if leaf.mark is None else {"$": mark_to_text(leaf.mark), "data": plain}


def _scalar_to_json(data: Any) -> Any:
    if isinstance(data, float) and not np.isfinite(data):
        return {"$": "float", "hex": struct.pack(">d", data).hex()}
    if isinstance(data, complex):
        return {"$": "complex", "hex": struct.pack(">dd", data.real, data.imag).hex()}
    return data


def _from_json(item: Any, arrays: dict[str, Node]) -> Node:
    import base64

    if isinstance(item, list):
        return Sequence([_from_json(part, arrays) for part in item], Mark(LIST))
    if not isinstance(item, dict):
        return Leaf(item)
    kind = item.get("$")
    if kind is None:
        return Branch({name: _from_json(part, arrays) for name, part in item.items()})
    if kind == "array":
        return arrays[str(item["index"])]
    if kind == "float":
        return Leaf(struct.unpack(">d", bytes.fromhex(item["hex"]))[0])
    if kind == "complex":
        return Leaf(complex(*struct.unpack(">dd", bytes.fromhex(item["hex"]))))
    mark = mark_from_text(kind) if kind else None
    if "items" in item and mark is not None:
        return Sequence([_from_json(part, arrays) for part in item["items"]], mark)
    if "children" in item:
        parts = item["children"]
        return Branch({name: _from_json(part, arrays) for name, part in parts.items()}, mark)
    if "base64" in item:
        raw = bytearray(base64.b64decode(item["base64"], validate=True))
        array = np.frombuffer(raw, np.dtype(item["dtype"])).reshape(item["shape"])
        return Leaf(array, mark, inline=True)
    part = _from_json(item["data"], arrays)
    return Leaf(part.data if isinstance(part, Leaf) else None, mark)
