"""Codecs of astropy quantities, units, times, columns and tables."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..tree import UNITS, Branch, Leaf, Mark, Node, Sequence, params_of
from .arrays import decode_array, encode_as
from .codec import Codec, Decoder, Encoder
from .json_values import is_json
from .optional import need
from .scalars import is_plain_text

__all__ = ["CODECS"]

_WHAT = "an astropy object"
_INSTEAD = "its data by chk.array(key), chk.group(key) or h5py"
_INFO = ("name", "description", "format")
"""The attributes of ``info`` of a value, besides its ``meta``."""
_TIMES = ("delta_ut1_utc", "delta_tdb_tt")
"""Private attributes of a time that hold corrections."""
_OF_TIMES = {
    *("_time", "_format", "_location", "SCALES", "cache", "_id_cache", "info"),
    *(f"_{name}" for name in _TIMES),
}
"""Attributes that every time has."""


def _astropy(module: str) -> Any:
    return need(f"astropy.{module}", _WHAT, _INSTEAD)


# -- units and quantities --------------------------------------------------------------------------


def _text_of(unit: Any, value: Any, encoder: Encoder) -> str:
    """Return the text from which astropy creates the same unit."""
    text = str(unit.to_string())
    try:
        same = is_plain_text(text) and _same_unit(_unit(text), unit)
    except (ValueError, TypeError):
        same = False
    if not same:
        encoder.refuse(
            value,
            f"whose unit {text!r} astropy cannot read from text",
            "convert it with .to(unit) to units that astropy.units.Unit(text) knows",
        )
    return text


def _same_unit(made: Any, unit: Any) -> bool:
    """Whether two units are the same: to astropy, scales are equal that differ by rounding."""
    if made.to_string() != unit.to_string() or made != unit:
        return False
    if not hasattr(unit, "bases"):  # as structured units, which consist of others
        return bool(made == unit)
    left, right = (
        (one.scale, [(base.name, power) for base, power in zip(one.bases, one.powers, strict=True)])
        for one in (made, unit)
    )
    return bool(left == right)


def _unit(text: str) -> Any:
    with warnings.catch_warnings():  # that a unit is deprecated: the value has it all the same
        warnings.simplefilter("ignore")
        return _astropy("units").Unit(text)


def _encode_unit(value: Any, encoder: Encoder) -> Node:
    return Leaf(_text_of(value, value, encoder), Mark("astropy.Unit"))


def _decode_unit(node: Leaf, _: Decoder) -> Any:
    return _unit(str(node.data))


def _info_of(value: Any, encoder: Encoder) -> dict[str, Any]:
    """Return the name, description, format and meta of a value, as parameters of its mark."""
    info = value.__dict__.get("info")
    if info is None:
        return {}
    said = {name: getattr(info, name) for name in _INFO}
    said["meta"] = info.meta
    params = {name: item for name, item in said.items() if item is not None}
    for name, item in params.items():
        if not is_json(item):
            encoder.refuse(
                value,
                f"whose info.{name} JSON does not keep, {item!r},",
                f"store info.{name} under a key of its own, and set it to None",
            )
    return params


def _give_info(value: Any, params: Any) -> Any:
    for name in (*_INFO, "meta"):
        if name in params:
            setattr(value.info, name, params[name])
    return value


def _require_known(value: Any, known: set[str], encoder: Encoder) -> None:
    """Reject attributes that users have set, and that are not part of the type."""
    more = sorted(set(vars(value)) - known)
    if more:
        encoder.refuse(
            value, f"with the attribute {more[0]!r}", "store the attribute under a key of its own"
        )


def _encode_quantity(value: Any, encoder: Encoder) -> Node:
    _require_known(value, {"_unit", "info"}, encoder)
    params = {UNITS: _text_of(value.unit, value, encoder), **_info_of(value, encoder)}
    leaf = encode_as("astropy.Quantity", value.view(np.ndarray), encoder, **params)
    if leaf is None:
        encoder.refuse(value, f"of {value.dtype}", "convert its values to numbers with .astype()")
    return leaf


def _decode_quantity(node: Leaf, decoder: Decoder) -> Any:
    array, params = decode_array(node, decoder), params_of(node)
    quantity = _astropy("units").Quantity
    value = quantity(array, _unit(params[UNITS]), dtype=array.dtype, copy=False)
    return _give_info(value, params)


def _encode_masked(value: Any, encoder: Encoder) -> Node:
    _require_known(value, {"_unit", "_mask", "info"}, encoder)
    parts = {"data": value.unmasked, "mask": np.asarray(value.mask)}
    mark = Mark("astropy.MaskedQuantity", 1, _info_of(value, encoder))
    parts["data"].__dict__.pop("info", None)
    return encoder.branch(value, parts, mark)


def _decode_masked(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    value = _astropy("utils.masked").Masked(parts["data"], mask=parts["mask"])
    return _give_info(value, params_of(node))


# -- times -----------------------------------------------------------------------------------------


def _encode_time(value: Any, encoder: Encoder) -> Node:
    _require_known(value, _OF_TIMES, encoder)
    if getattr(value, "location", None) is not None:
        encoder.refuse(
            value,
            "with a location",
            "store value.location.to_geocentric() beside it, and set location to None",
        )
    params: dict[str, Any] = {"format": value.format, "scale": value.scale}
    own = value._time  # noqa: SLF001  the two numbers that are the time
    params |= {"precision": own.precision, "in": own.in_subfmt, "out": own.out_subfmt}
    parts: dict[str, Any] = {}
    for name in ("jd1", "jd2"):
        number = getattr(own, name)
        masked = getattr(number, "mask", None) is not None
        parts[name] = np.asarray(number.unmasked if masked else number)
        if masked:
            parts["mask"] = np.asarray(number.mask)
    for name in _TIMES:
        number = value.__dict__.get(f"_{name}")
        if number is not None:
            parts[name] = np.asarray(number)
    params |= {"info": _info_of(value, encoder)} if "info" in value.__dict__ else {}
    kind = type(value).__name__
    return encoder.branch(value, parts, Mark(f"astropy.{kind}", 1, params))


def _decode_time(node: Branch, decoder: Decoder) -> Any:
    parts, params = decoder.fields(node), params_of(node)
    cls = getattr(_astropy("time"), str(node.mark and node.mark.name).partition(".")[2])
    jd = [parts["jd1"], parts["jd2"]]
    if "mask" in parts:
        masked = _astropy("utils.masked").Masked
        jd = [masked(number, mask=parts["mask"]) for number in jd]
    value = cls(*jd, format="jd", scale=params["scale"], precision=params["precision"])
    value.format = params["format"]
    own = value._time
    own.jd1, own.jd2 = jd
    value.in_subfmt, value.out_subfmt = params["in"], params["out"]
    for name in _TIMES:
        if name in parts:
            setattr(value, f"_{name}", parts[name])
    return _give_info(value, params.get("info", {}))


# -- tables ----------------------------------------------------------------------------------------


def _encode_column(value: Any, encoder: Encoder) -> Node:
    _require_known(value, {*vars(type(value)([0])), "info"}, encoder)
    params: dict[str, Any] = {name: getattr(value, name) for name in _INFO}
    params["meta"] = value.meta or None
    params = {name: item for name, item in params.items() if item is not None}
    if not is_json(params):
        odd = next(name for name, item in params.items() if not is_json(item))
        instead = "set it to {}" if odd == "meta" else "set another one"
        encoder.refuse(
            value,
            f"whose {odd} JSON does not keep, {params[odd]!r},",
            f"store the {odd} under a key of its own, and {instead}",
        )
    if value.unit is not None:
        params[UNITS] = _text_of(value.unit, value, encoder)
    masked = isinstance(value, np.ma.MaskedArray)
    if not masked:
        leaf = encode_as("astropy.Column", value.view(np.ndarray), encoder, **params)
        if leaf is not None:
            return leaf
    data: Any = value.view(np.ndarray)
    if masked:
        data = np.ma.MaskedArray(data, mask=value.mask, hard_mask=value.hardmask)
        data._fill_value = value._fill_value  # noqa: SLF001  the public one sets a default
    mark = Mark("astropy.MaskedColumn" if masked else "astropy.Column", 1, params)
    node = encoder.branch(value, {"values": data}, mark)
    if masked and UNITS in params:
        inner = node.children["values"]
        part = inner.children.get("data") if isinstance(inner, Branch) else None
        if isinstance(part, Leaf) and (part.mark is None or part.mark.name == "ndarray"):
            part.mark = Mark("ndarray", 1, {**params_of(part), UNITS: params[UNITS]})
    return node


def _decode_column(node: Leaf | Branch | Sequence, decoder: Decoder) -> Any:
    params = params_of(node)
    if isinstance(node, Branch):
        array = decoder.fields(node)["values"]
    else:
        array = decode_array(node, decoder)
    name = "MaskedColumn" if isinstance(array, np.ma.MaskedArray) else "Column"
    said = {key: params.get(key) for key in (*_INFO, "meta")}
    unit = _unit(params[UNITS]) if UNITS in params else None
    cls = getattr(_astropy("table"), name)
    value = cls(array, unit=unit, copy=False, **said)
    if name == "MaskedColumn":
        value._fill_value = array._fill_value  # noqa: SLF001  the public one sets a default
        if array.hardmask:
            value.harden_mask()
    return value


_OF_TABLES = {"_groups", "_first_colname", "_meta", "meta"}
"""Attributes that a table may have besides those of an empty one."""


def _encode_table(value: Any, encoder: Encoder) -> Node:
    if value.indices:
        encoder.refuse(value, "with indices", "call remove_indices() for each of its columns first")
    _require_known(value, {*vars(type(value)()), *_OF_TABLES}, encoder)
    if getattr(vars(value).get("_groups"), "keys", None) is not None:
        encoder.refuse(
            value,
            "that is grouped",
            "store type(table)(table.columns, meta=table.meta), and group it again after reading",
        )
    for name, column in value.columns.items():
        made = type(value)({name: column[:0]}, masked=value.masked).columns[name]
        if type(made) is not type(column):
            encoder.refuse(
                value,
                f"whose column {name!r}, a {type(column).__name__}, is made a "
                f"{type(made).__name__} where it is added to such a table",
                f"convert the column: table[{name!r}] = {type(made).__name__}(table[{name!r}])",
            )
    parts = {"columns": dict(value.columns), "meta": value.meta}
    params = {"masked": bool(value.masked)}
    return encoder.branch(value, parts, Mark(f"astropy.{type(value).__name__}", 1, params))


def _decode_table(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    name = str(node.mark and node.mark.name).partition(".")[2]
    table = getattr(_astropy("table"), name)(masked=params_of(node)["masked"])
    for column, data in parts["columns"].items():
        table.add_column(data, name=column, copy=False)
    table.meta = parts["meta"]
    return table


def _codec(name: str, encode: Any, decode: Any) -> Codec:
    return Codec(f"astropy.{name}", (f"astropy.{name}",), encode, decode)


_UNITS = ("IrreducibleUnit", "Unit", "PrefixUnit", "CompositeUnit")

CODECS = (
    Codec("astropy.Unit", tuple(f"astropy.{name}" for name in _UNITS), _encode_unit, _decode_unit),
    _codec("Quantity", _encode_quantity, _decode_quantity),
    _codec("MaskedQuantity", _encode_masked, _decode_masked),
    _codec("Time", _encode_time, _decode_time),
    _codec("TimeDelta", _encode_time, _decode_time),
    _codec("Column", _encode_column, _decode_column),
    _codec("MaskedColumn", _encode_column, _decode_column),
    _codec("Table", _encode_table, _decode_table),
    _codec("QTable", _encode_table, _decode_table),
)
