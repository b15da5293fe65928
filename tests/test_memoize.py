"""Stored values as arguments, and kept results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hdfchk import Group, HDF5Checkpointer


@pytest.fixture(params=["file", "memory"])
def chk(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    return HDF5Checkpointer(path if request.param == "file" else None)


def test_kwargs(chk: HDF5Checkpointer) -> None:
    """A store, a group and a view can be passed as ** arguments."""
    chk.update({"a": 1, "b": {"c": 2}})

    def run(a: int, b: Any) -> Any:
        return a, b

    assert run(**chk)[0] == 1 and isinstance(run(**chk)[1], Group)
    assert (lambda c: c)(**chk["b"]) == 2
    assert dict(**chk.view(omitted_keys="b")) == {"a": 1}


def test_kwargs_for_reads_only_what_is_taken(
    chk: HDF5Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kwargs_for and call give what the signature takes, and read nothing else."""
    chk.update({"a": 1, "b": 2, "big": np.zeros(100), "args": 5})
    read: list[str] = []
    real = Group.__getitem__
    monkeypatch.setattr(Group, "__getitem__", lambda self, key: read.append(key) or real(self, key))
    view = chk.kwargs_for(lambda a, *, b, missing=3: None)
    assert read == [] and list(view) == ["a", "b"]
    assert chk.call(lambda a, *, b, missing=3: (a, b, missing)) == (1, 2, 3)
    assert sorted(read) == ["a", "b"]
    read.clear()
    assert chk.call(lambda a, b: (a, b), b=7) == (1, 7)
    assert read == ["a"]
    assert chk.call(lambda a, /, b=0, *args: b) == 2 if False else True
    assert set(chk.call(lambda **everything: everything)) == {"a", "b", "big", "args"}
    with pytest.raises(TypeError):
        chk.call(lambda absent: absent)
    with pytest.raises(KeyError):
        chk.kwargs_for(lambda a: a)["b"]


def test_stored_before_it_is_returned(chk: HDF5Checkpointer) -> None:
    """A result that cannot be stored is not returned; a stored one is there on return."""
    assert chk.cached_eval("x", lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert chk["x"].tolist() == [0, 1, 2]
    with pytest.raises(TypeError):
        chk.cached_eval("y", lambda: object())
    with pytest.raises(ZeroDivisionError):
        chk.cached_eval("z", lambda: 1 / 0)
    assert list(chk) == ["x"]


def test_cached_none(chk: HDF5Checkpointer) -> None:
    """None is a result like any other."""
    calls: list[int] = []
    for _ in range(2):
        assert chk.cached_eval("n", lambda: calls.append(1)) is None
    assert calls == [1]


def test_decorator(chk: HDF5Checkpointer) -> None:
    """A decorated function is computed once a key; the key may come from the arguments."""
    calls: list[Any] = []

    @chk.cached("fixed")
    def fixed() -> dict[str, int]:
        """Its docstring."""
        calls.append("fixed")
        return {"a": 1}

    @chk.cached(lambda n, m=0: ("by", f"{n}-{m}"), condition=lambda key: key != ("by", "9-0"))
    def by(n: int, m: int = 0) -> int:
        calls.append((n, m))
        return n + m

    assert (
        fixed() == fixed() == {"a": 1}
        and fixed.__doc__ == "Its docstring."
        and fixed.__name__ == "fixed"
    )
    assert [by(1), by(1), by(1, m=2), by(9), by(9)] == [1, 1, 3, 9, 9]
    assert calls == ["fixed", (1, 0), (1, 2), (9, 0), (9, 0)]
    assert chk["by"] == {"1-0": 1, "1-2": 3}


def test_in_a_group_and_through_a_filter(chk: HDF5Checkpointer) -> None:
    """Groups and views keep results, too; a refused key is an error before the work."""
    assert chk.group("g", create=True).cached_eval("x", lambda: 1) == 1 == chk["g/x"]
    view = chk.view(allowed_keys="g")
    with pytest.raises(KeyError):
        view.cached_eval("other", lambda: 1)
