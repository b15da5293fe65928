"""The protocol of h5grove, as used by H5Web: metadata as JSON, elements as bytes."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from .entities import TEXT, AnyArray, Dataset, Entity, Folder, in_memory
from .plain import text_of
from .values import entity_of

__all__ = ["FORMATS", "attributes_of", "elements_in", "json_text", "metadata_of"]

FORMATS = ("json", "bin", "npy")

# HDF5's numbers for type classes, byte orders and signs.
_INTEGER, _FLOAT, _STRING, _COMPOUND, _ENUM = 0, 1, 3, 6, 8
_LITTLE = 0
_UNSIGNED, _SIGNED = 0, 1
_UTF8, _NULLTERM = 1, 0
_CELL = 17


def metadata_of(name: str, entity: Entity, *, with_children: bool = True) -> dict[str, Any]:
    """Return the metadata of an entity, which the page requests before its elements.

    Args:
        name: its name in its folder.
        entity: the entity.
        with_children: include the metadata of the children of a folder, but not of theirs.
    """
    found: dict[str, Any] = {
        "name": name,
        "attributes": [
            {"name": key, **_form_of(_attribute(value))} for key, value in entity.attributes.items()
        ],
    }
    if isinstance(entity, Folder):
        found["kind"] = "group"
        if with_children:
            found["children"] = [
                metadata_of(child, inner, with_children=False)
                for child, inner in entity.children().items()
            ]
        return found
    return found | {"kind": "dataset", "chunks": entity.chunks, "filters": None} | _form_of(entity)


def _form_of(dataset: Dataset) -> dict[str, Any]:
    if dataset.fields:
        # The page makes columns as wide as the maximum width of their texts.
        text = {"class": _STRING, "size": _CELL, "cset": _UTF8, "strPad": _NULLTERM, "vlen": False}
        members = [{"name": name, **text} for name in dataset.fields]
        kind: dict[str, Any] = {"class": _COMPOUND, "size": 0, "members": members}
    else:
        kind = _type_of(dataset.dtype)
    return {"shape": list(dataset.shape), "type": kind}


def _type_of(dtype: np.dtype[Any]) -> dict[str, Any]:
    size = dtype.itemsize
    if dtype == TEXT:
        return {"class": _STRING, "size": 8, "cset": _UTF8, "strPad": _NULLTERM, "vlen": True}
    if dtype.kind == "b":
        base = {"class": _INTEGER, "size": 1, "order": _LITTLE, "sign": _SIGNED}
        return {"class": _ENUM, "size": 1, "base": base, "members": {"FALSE": 0, "TRUE": 1}}
    if dtype.kind in "iu":
        sign = _SIGNED if dtype.kind == "i" else _UNSIGNED
        return {"class": _INTEGER, "size": size, "order": _LITTLE, "sign": sign}
    if dtype.kind == "c":
        part = {"class": _FLOAT, "size": size // 2, "order": _LITTLE}
        return {
            "class": _COMPOUND,
            "size": size,
            "members": [{"name": "r", **part}, {"name": "i", **part}],
        }
    return {"class": _FLOAT, "size": size, "order": _LITTLE}


def _attribute(value: Any) -> Dataset:
    found = entity_of(value)
    return in_memory(np.array(text_of(value), object)) if isinstance(found, Folder) else found


def attributes_of(entity: Entity) -> dict[str, Any]:
    """Return the values of all attributes, for JSON."""
    found = {}
    for name, value in entity.attributes.items():
        dataset = _attribute(value)
        found[name] = _plain(dataset.read((slice(None),) * len(dataset.shape)), nan=None)
    return found


def elements_in(dataset: Dataset, data: AnyArray, form: str, *, flatten: bool) -> tuple[bytes, str]:
    """Encode elements in one of `FORMATS`; return the result and its media type.

    Args:
        dataset: the dataset of the elements.
        data: the elements.
        form: the format.
        flatten: JSON without inner lists, in C order.

    Raises:
        InvalidOptionError: these elements do not have this format.
    """
    if form not in FORMATS:
        raise InvalidOptionError(f"there is no format {form!r}", hint=f"use one of {FORMATS}")
    if form == "json":
        if flatten and dataset.shape:
            data = data.reshape(-1, len(dataset.fields)) if dataset.fields else data.reshape(-1)
        return json_text(_plain(data, nan="NaN")), "application/json"
    if dataset.dtype == TEXT or (dataset.dtype.kind == "c" and form == "bin"):
        raise InvalidOptionError(f"such elements have no format {form!r}", hint="use json")
    if form == "bin":
        return _safe(data).tobytes(), "application/octet-stream"
    buffer = io.BytesIO()
    np.save(buffer, data, allow_pickle=False)
    return buffer.getvalue(), "application/octet-stream"


def _safe(data: AnyArray) -> AnyArray:
    """Convert elements to a type for which JavaScript has typed arrays."""
    if data.dtype.kind == "b":
        return data.astype("i1")
    if data.dtype.kind == "f" and data.dtype.itemsize == 2:
        return data.astype("<f4")
    return data.astype(data.dtype.newbyteorder("<"), copy=False)


def json_text(value: Any) -> bytes:
    """Encode a value as JSON that every browser can parse."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _plain(data: AnyArray, nan: str | None) -> Any:
    """Convert a value for JSON: complex numbers to pairs, numbers that are not finite to texts."""
    if data.dtype.kind == "c":
        if nan is not None and data.size and np.isnan(data.reshape(-1)[0]):
            raise InvalidOptionError(
                "the first of these complex numbers is NaN, which the page cannot show"
            )
        pairs = np.stack([data.real, data.imag], axis=-1)
        return _finite(pairs.tolist(), nan)
    if data.dtype.kind == "f":
        return _finite(data.tolist(), nan)
    return data.tolist()


def _finite(value: Any, nan: str | None) -> Any:
    if isinstance(value, list):
        return [_finite(item, nan) for item in value]
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return nan
    return "Infinity" if value > 0 else "-Infinity"
