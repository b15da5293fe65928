"""Time zones of pytz, the time zones of pandas 2: as parameters of marks, and back.

A zone of pytz is identified by its name. The zone of a date in it is one of several other objects,
one for each offset that the zone has had.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from .optional import need

__all__ = ["at", "describe", "rebuild"]


def describe(zone: Any, owner: Any) -> dict[str, Any] | None:
    """Return the parameters of a zone, or None if it cannot be rebuilt from them.

    Args:
        zone: the zone.
        owner: the datetime or time that has it, or the zone itself.
    """
    if not isinstance(zone, dt.tzinfo):
        return None
    name: str | None = getattr(zone, "zone", None)
    if name is None:  # a fixed offset, without a name
        offset = zone.utcoffset(None)
        if offset is None or offset % dt.timedelta(minutes=1):
            return None
        return {"pytz": offset // dt.timedelta(minutes=1)}
    whole = rebuild(name)
    if whole is zone:
        return {"pytz": name}
    if isinstance(owner, dt.datetime):
        moment = owner.replace(tzinfo=None)
        for dst in (False, True):
            if at(whole, moment, dst) is zone:
                return {"pytz": name, "dst": dst}
    return None


def rebuild(name: Any) -> dt.tzinfo:
    """Return the zone of a name, or of an offset in minutes.

    Raises:
        MissingExtraError: pytz is not installed.
        KeyError: it does not know the name.
    """
    pytz = need("pytz", "a time zone of pytz")
    zone: dt.tzinfo = pytz.timezone(name) if isinstance(name, str) else pytz.FixedOffset(name)
    return zone


def at(zone: Any, moment: dt.datetime, dst: bool) -> dt.tzinfo | None:
    """Return the zone object for a naive date in `zone`; in summer time if there are two."""
    localized: dt.datetime = zone.localize(moment, is_dst=dst)
    return localized.tzinfo
