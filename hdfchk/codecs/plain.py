"""Codecs of standard library objects: paths, dates, exact numbers, ranges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import CorruptFileError
from ..tree import Leaf, Mark, Node, Sequence, params_of
from . import pytz_zones
from .codec import Codec, Decoder, Encoder
from .scalars import is_plain_text

if TYPE_CHECKING:  # they are imported where such a value is met: few programs have all of them
    import pathlib
    import uuid
    from fractions import Fraction

__all__ = ["CODECS"]

_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")


def _encode_path(value: pathlib.PurePath, encoder: Encoder) -> Node:
    text = str(value)
    if not is_plain_text(text):
        encoder.refuse(value, f"that is not UTF-8, {text!r},", "store os.fsencode(path)")
    return Leaf(text, Mark("Path", 1, {"class": type(value).__name__}))


def _decode_path(node: Leaf, _: Decoder) -> pathlib.PurePath:
    import pathlib

    name = params_of(node)["class"]
    if name not in _PATHS:
        raise KeyError(name)
    try:
        made: pathlib.PurePath = getattr(pathlib, name)(str(node.data))
        return made
    except NotImplementedError as error:  # a WindowsPath on POSIX, or the other way round
        raise CorruptFileError(
            f"a {name} cannot be created on this system", hint="read the text with chk.array(key)"
        ) from error


def _zone(value: Any, zone: dt.tzinfo | None, encoder: Encoder) -> dict[str, Any]:
    """Return the parameters that define a time zone; only zones compared by value are supported."""
    if zone is None:
        return {}
    if zone is dt.UTC:
        return {"utc": True}
    if type(zone) is dt.timezone:
        offset = zone.utcoffset(None)
        spec: dict[str, Any] = {"offset": [offset.days, offset.seconds, offset.microseconds]}
        name = zone.tzname(None)
        return spec if name == dt.timezone(offset).tzname(None) else spec | {"name": name}
    library = type(zone).__module__.partition(".")[0]
    if library == "zoneinfo":
        import zoneinfo

        if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
            return {"zone": zone.key}
    if library == "pytz":
        found = pytz_zones.describe(zone, value)
        if found is not None:
            return found
    encoder.refuse(
        value, f"whose time zone is {zone!r}", "use datetime.timezone or zoneinfo.ZoneInfo"
    )


def _version(params: Mapping[str, Any]) -> int:
    """Return the version of the encodings of times that has these parameters."""
    return 2 if "pytz" in params else 1


def _rebuild_zone(params: Mapping[str, Any]) -> dt.tzinfo | None:
    if "pytz" in params:
        return pytz_zones.rebuild(params["pytz"])
    if params.get("utc"):
        return dt.UTC
    if "offset" in params:
        days, seconds, microseconds = params["offset"]
        offset = dt.timedelta(days, seconds, microseconds)
        return dt.timezone(offset, params["name"]) if "name" in params else dt.timezone(offset)
    if "zone" in params:
        import zoneinfo

        try:
            return zoneinfo.ZoneInfo(params["zone"])
        except zoneinfo.ZoneInfoNotFoundError as error:
            raise CorruptFileError(
                f"this system has no data for the time zone {params['zone']!r}",
                hint="install the package tzdata",
            ) from error
    return None


def _encode_time(value: dt.datetime | dt.time, encoder: Encoder) -> Node:
    params = _zone(value, value.tzinfo, encoder)
    if value.fold:
        params["fold"] = 1
    mark = Mark(type(value).__name__, _version(params), params)
    return Leaf(value.replace(tzinfo=None).isoformat(), mark)


def _decode_time(cls: Any) -> Any:
    def decode(node: Leaf, _: Decoder) -> Any:
        params = params_of(node)
        zone, fold = _rebuild_zone(params), params.get("fold", 0)
        moment = cls.fromisoformat(node.data)
        if "dst" in params:
            zone = pytz_zones.at(zone, moment, params["dst"])
        return moment.replace(tzinfo=zone, fold=fold)

    return decode


def _encode_delta(value: dt.timedelta, _: Encoder) -> Node:
    text = f"{value.days} {value.seconds} {value.microseconds}"
    return Leaf(text, Mark("timedelta"))


def _decode_delta(node: Leaf, _: Decoder) -> dt.timedelta:
    days, seconds, microseconds = str(node.data).split()
    return dt.timedelta(int(days), int(seconds), int(microseconds))


def _encode_zone(value: dt.tzinfo, encoder: Encoder) -> Node:
    params = _zone(value, value, encoder)
    return Leaf(str(value), Mark("tzinfo", _version(params), params))


def _encode_fraction(value: Fraction, _: Encoder) -> Node:
    # Hexadecimal: Python limits how many decimal digits it converts.
    return Leaf(f"{value.numerator:#x}/{value.denominator:#x}", Mark("Fraction"))


def _decode_fraction(node: Leaf, _: Decoder) -> Fraction:
    from fractions import Fraction

    numerator, denominator = str(node.data).split("/")
    return Fraction(int(numerator, 16), int(denominator, 16))


def _encode_uuid(value: uuid.UUID, _: Encoder) -> Node:
    import uuid

    safe = value.is_safe
    params = {} if safe is uuid.SafeUUID.unknown else {"safe": safe.name}
    return Leaf(str(value), Mark("UUID", 1, params))


def _decode_uuid(node: Leaf, _: Decoder) -> uuid.UUID:
    import uuid

    safe = uuid.SafeUUID[params_of(node).get("safe", "unknown")]
    return uuid.UUID(str(node.data), is_safe=safe)


def _encode_range(value: range | slice, encoder: Encoder) -> Node:
    parts = [value.start, value.stop, value.step]
    return encoder.sequence(value, parts, Mark(type(value).__name__))


def _decode_parts(cls: Any) -> Any:
    def decode(node: Sequence, decoder: Decoder) -> Any:
        return cls(*decoder.items(node))

    return decode


def _decode_decimal(node: Leaf, _: Decoder) -> Any:
    from decimal import Decimal

    return Decimal(str(node.data))


CODECS = (
    Codec("Path", tuple(f"pathlib.{name}" for name in _PATHS), _encode_path, _decode_path),
    Codec("datetime", (dt.datetime,), _encode_time, _decode_time(dt.datetime), version=2),
    Codec("time", (dt.time,), _encode_time, _decode_time(dt.time), version=2),
    Codec(
        "date",
        (dt.date,),
        lambda value, _: Leaf(value.isoformat(), Mark("date")),
        lambda node, _: dt.date.fromisoformat(node.data),
    ),
    Codec("timedelta", (dt.timedelta,), _encode_delta, _decode_delta),
    Codec(
        "tzinfo",
        (dt.timezone, "zoneinfo.ZoneInfo", "pytz.*"),
        _encode_zone,
        lambda node, _: _rebuild_zone(params_of(node)),
        version=2,
    ),
    Codec(
        "Decimal",
        ("decimal.Decimal",),
        lambda value, _: Leaf(str(value), Mark("Decimal")),
        _decode_decimal,
    ),
    Codec("Fraction", ("fractions.Fraction",), _encode_fraction, _decode_fraction),
    Codec("UUID", ("uuid.UUID",), _encode_uuid, _decode_uuid),
    Codec("range", (range,), _encode_range, _decode_parts(range)),
    Codec("slice", (slice,), _encode_range, _decode_parts(slice)),
)
