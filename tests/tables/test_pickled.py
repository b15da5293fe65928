"""Plain values in pickles, without unpickling."""

from __future__ import annotations

import collections
import datetime as dt
import pickle
import zoneinfo
from pathlib import Path
from typing import Any

import pytest

from hdfchk.tables.pickled import OTHER, is_name, plain_of

PLAIN: list[Any] = [
    None,
    True,
    0,
    -7,
    2**70,
    1.5,
    "é",
    ["a", 5, [None, []]],
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, 2, 3, 4),
    {},
    {"a": {"b": (False, ["x"])}, 1: 2, ("p", 3): None},
    dt.timezone.utc,
    {"tz": dt.timezone(dt.timedelta(hours=-5, seconds=30))},
]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def _told(value: Any, protocol: int) -> Any:
    return plain_of(pickle.dumps(value, protocol).decode("latin-1"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("number", range(len(PLAIN)))
def test_plain_values(number: int, protocol: int) -> None:
    """Texts, numbers, containers and fixed zones come back; those that are there twice, too."""
    for value in (PLAIN[number], ["k", PLAIN[number], "k", PLAIN[number]]):
        found = _told(value, protocol)
        assert found == value and type(found) is type(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_zones(protocol: int) -> None:
    """Time zones are told by their names."""
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    assert _told([zone, {"tz": zone}], protocol) == ["Europe/Berlin", {"tz": "Europe/Berlin"}]
    for text in (b"cpytz\n_p\n(VEurope/Berlin\nI3600\ntR.", b"cpytz\n_UTC\n(tR."):
        assert plain_of(text.decode()) in {"Europe/Berlin", "UTC"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_objects(protocol: int) -> None:
    """Other objects are told, and not made; what is beside them is read."""
    value = {"a": [collections.OrderedDict(x=1), 3], "f": len, "p": Path("x"), "last": "é"}
    found = _told(value, protocol)
    assert list(found) == ["a", "f", "p", "last"] and found["last"] == "é"
    assert found["a"] == [OTHER, 3] and found["f"] is OTHER and found["p"] is OTHER


def test_nothing_is_called(tmp_path: Path) -> None:
    """A pickle that runs code does nothing, and what is no pickle is told."""
    for text in (f"cos\nsystem\n(S'touch {tmp_path}/made'\ntR.", "", "x", "(lp0\n", "cos\n", "."):
        assert plain_of(text) is OTHER
    assert not (tmp_path / "made").exists()


def test_hashes_end() -> None:
    """Tuples of tuples are no keys: their hash would take for ever."""
    nested: Any = ()
    for _ in range(60):
        nested = (nested, nested)
    assert not is_name(nested) and is_name(("a", 1)) and not is_name([1])
    dumped = pickle.dumps(nested, 2)[:-1] + b"q\xff}h\xffK\x01s."
    assert plain_of(dumped.decode("latin-1")) is OTHER
