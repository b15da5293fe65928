"""Filters: one rule for reading, writing, deleting, on every level, and no way round."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfchk import (
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidKeyTypeError,
    KeyFilter,
)
from tests.support.exact import differs
from tests.support.records import Point

TREE = {
    "open": 1,
    "secret": 2,
    "wfn": {"energies": np.arange(3), "secret": {"deep": 4}, "more": 5},
    "step_1": {"x": 1, "tmp": 2},
    "step_2": {"x": 3, "tmp": 4},
}


@pytest.fixture(params=["file", "memory"])
def full(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    chk = HDF5Checkpointer(path if request.param == "file" else None)
    chk.update(TREE)
    return chk


def untouched(full: HDF5Checkpointer) -> bool:
    return differs(TREE, full.load()) is None


SPELLINGS = [
    "secret",
    ("secret",),
    "/secret",
    "secret/",
    "//secret",
    "./secret",
    "wfn/secret",
    ("wfn", "secret"),
    "wfn//secret",
    "wfn/./secret",
    "wfn/secret/deep",
    ("wfn/secret", "deep"),
    "wfn/../secret",
    ("", "secret"),
]


@pytest.mark.parametrize("key", SPELLINGS)
def test_no_way_round(full: HDF5Checkpointer, key: Any) -> None:
    """A hidden key is refused in every spelling: on read, write, delete, in, get, load, pop."""
    view = full.view(omitted_keys=["secret", "wfn/secret"])
    assert key not in view and view.get(key) is None
    for read in (
        view.__getitem__,
        view.load,
        view.load_parameter,
        view.pop,
        view.array,
        view.group,
        view.__delitem__,
    ):
        with pytest.raises(KeyError):
            read(key)
    for write in (
        lambda: view.__setitem__(key, 9),
        lambda: view.update({key: 9}),
        lambda: view.update([("open", 9), (key, 9)]),
        lambda: view.setdefault(key, 9),
        lambda: view.group(key, create=True),
        lambda: view.merge(key, {"deep": 9}),
        lambda: view.save_parameter(key, 9),
    ):
        with pytest.raises((KeyError, ValueError)):
            write()
    assert untouched(full)


def test_what_a_view_shows(full: HDF5Checkpointer) -> None:
    """Omitted keys are not in keys, len, values, items, load, ==, on any level."""
    view = full.view(omitted_keys=["secret", "wfn/secret", "step_*/tmp"])
    expected = {
        "open": 1,
        "wfn": {"energies": np.arange(3), "more": 5},
        "step_1": {"x": 1},
        "step_2": {"x": 3},
    }
    assert list(view) == list(expected) and len(view) == 4
    assert view == expected and differs(expected, view.load()) is None
    assert (
        differs(
            list(expected.values()), [getattr(v, "load", lambda v=v: v)() for v in view.values()]
        )
        is None
    )
    assert list(view["wfn"]) == ["energies", "more"] and len(view["wfn"]) == 2
    assert view["wfn"].load().keys() == {"energies", "more"}
    with pytest.raises(CheckpointerKeyError):
        view["wfn"]["secret"]
    with pytest.raises(CheckpointerKeyError):
        view["wfn"]["secret"] = 1
    assert (view | {}).keys() == expected.keys()


def test_allowed_paths(full: HDF5Checkpointer) -> None:
    """Allowing a/b lets a through, holding only b."""
    view = full.view(allowed_keys=["wfn/energies", ("step_1", "x"), "absent/deep"])
    assert view == {"wfn": {"energies": np.arange(3)}, "step_1": {"x": 1}}
    assert "wfn" in view and "wfn/more" not in view and "absent" not in view
    view["absent"] = {"deep": {"anything": 1}}
    view["wfn/energies"] = [1]
    for write in (
        lambda: view.__setitem__("wfn", 3),
        lambda: view.__setitem__("wfn", {"energies": 1, "more": 2}),
        lambda: view.__setitem__("other", 3),
        lambda: view.__setitem__("absent", {"shallow": 1}),
        lambda: view.__setitem__("absent", [1, {"deep": 2}]),
    ):
        with pytest.raises(CheckpointerKeyError):
            write()
    assert (
        full["wfn/more"] == 5 and full["wfn/energies"] == [1] and full["absent/deep/anything"] == 1
    )


def test_partial_refusal_writes_nothing(full: HDF5Checkpointer) -> None:
    """A nested dict of which a part is refused is not written at all."""
    view = full.view(omitted_keys=["**/tmp"])
    with pytest.raises(CheckpointerKeyError) as caught:
        view["new"] = {"ok": 1, "deep": {"er": {"tmp": 2}}}
    assert caught.value.key == "new/deep/er/tmp"
    with pytest.raises(CheckpointerKeyError):
        view.update({"ok": 1, "new": {"tmp": 1}})
    assert untouched(full)


def test_replacing_keeps_what_is_hidden(full: HDF5Checkpointer) -> None:
    """Assigning a dict through a view keeps the hidden keys below; nothing else may replace it."""
    view = full.view(omitted_keys=["wfn/secret", "step_*/tmp"])
    view["wfn"] = {"fresh": 1}
    assert view["wfn"] == {"fresh": 1}
    assert full["wfn"] == {"secret": {"deep": 4}, "fresh": 1}
    with pytest.raises(CheckpointerKeyError):
        view["wfn"] = 5
    with pytest.raises(CheckpointerKeyError):
        view["wfn"] = collections.OrderedDict(a=1)
    with pytest.raises(CheckpointerKeyError):
        del view["wfn"]
    with pytest.raises(CheckpointerKeyError):
        view.pop("wfn")
    assert full["wfn"] == {"secret": {"deep": 4}, "fresh": 1}


def test_clear(full: HDF5Checkpointer) -> None:
    """clear deletes what a view shows, and nothing that it hides."""
    full.view(omitted_keys=["secret", "wfn/secret", "step_*"]).clear()
    assert full == {
        "secret": 2,
        "wfn": {"secret": {"deep": 4}},
        "step_1": TREE["step_1"],
        "step_2": TREE["step_2"],
    }
    full.view(allowed_keys="step_1/x").clear()
    assert full["step_1"] == {"tmp": 2}


def test_attrs(full: HDF5Checkpointer) -> None:
    """Attributes of what is hidden are out of reach."""
    is_hidden = False
    view = full.view(omitted_keys=lambda key: is_hidden and key == "wfn")
    group = full["wfn"]
    group.attrs["units"] = "eV"
    hidden = view["wfn"]
    assert hidden.attrs["units"] == "eV" and hidden["more"] == 5
    is_hidden = True
    for use in (
        lambda: hidden.attrs["units"],
        lambda: hidden.attrs.update(units=1),
        lambda: list(hidden.attrs),
        lambda: list(hidden),
        lambda: hidden["more"],
        lambda: hidden.load(),
    ):
        with pytest.raises(CheckpointerKeyError):
            use()


def test_values_with_hidden_parts(full: HDF5Checkpointer) -> None:
    """A record or OrderedDict of which a part is hidden is refused, never shown or cut."""
    full["rec"] = Point(1.0, "y")
    full["od"] = collections.OrderedDict(a=1, tmp=2)
    view = full.view(omitted_keys=["rec/y", "**/tmp"])
    for key in ("rec", "od"):
        with pytest.raises(CheckpointerKeyError):
            view[key]
        with pytest.raises(CheckpointerKeyError):
            view.load()
        with pytest.raises(CheckpointerKeyError):
            view[key] = full[key]
        with pytest.raises(CheckpointerKeyError):
            del view[key]
    assert full.view(allowed_keys="od/a").load() == {}
    with pytest.raises(CheckpointerKeyError):
        full.view(allowed_keys="od/a")["od"]
    assert type(full["od"]) is collections.OrderedDict


def test_stacked(full: HDF5Checkpointer) -> None:
    """Views stack: each one narrows; groups reached from a view stay inside it."""
    view = full.view(allowed_keys=["wfn", "step_*"]).view(omitted_keys="step_2")
    assert list(view) == ["wfn", "step_1"]
    inner = view["wfn"].view(allowed_keys="secret")["secret"]
    assert inner == {"deep": 4}
    inner["deep"] = 7
    assert full["wfn/secret/deep"] == 7
    assert list(full["wfn"].view(omitted_keys="wfn")) == ["energies", "secret", "more"]


def test_views_are_live(full: HDF5Checkpointer) -> None:
    """A view holds a rule and no keys: it sees what comes later."""
    view = full.view(allowed_keys=lambda key: key.startswith("new"))
    assert list(view) == []
    full["newer"] = {"a": 1}
    full["old"] = 1
    assert view == {"newer": {"a": 1}} and view["newer/a"] == 1


def test_single_string(full: HDF5Checkpointer) -> None:
    """A single string is one key, never a set of characters."""
    full["s"] = 1
    assert list(full.view(allowed_keys="secret")) == ["secret"]
    assert "s" in full.view(omitted_keys="secret")
    assert "open" not in full.view(allowed_keys="opening") and "open" in full.view(
        omitted_keys="opening"
    )


def test_omitted_wins(full: HDF5Checkpointer) -> None:
    """Omitted wins over allowed."""
    view = full.view(allowed_keys=["open", "secret"], omitted_keys="secret")
    assert list(view) == ["open"]
    assert list(full.view(allowed_keys=[])) == []
    assert list(full.view(allowed_keys=["wfn/**"])["wfn"]) == ["energies", "secret", "more"]
    assert full.view(omitted_keys=["wfn/**"])["wfn"] == {}


def test_callables(full: HDF5Checkpointer) -> None:
    """A callable that allows is asked for the first level, one that omits for every level."""
    asked: list[str] = []
    view = full.view(omitted_keys=lambda key: asked.append(key) or key.endswith("tmp"))
    assert view["step_1"] == {"x": 1}
    assert {"step_1", "step_1/x", "step_1/tmp"} <= set(asked)
    with pytest.raises(TypeError):
        full.view(allowed_keys=5)
    with pytest.raises(InvalidKeyTypeError):
        full.view(allowed_keys=[5])
    with pytest.raises(ValueError):
        full.view(allowed_keys="/x")


def test_old_arguments(path: str) -> None:
    """The arguments of the store are the filters of the root."""
    HDF5Checkpointer(path).update(TREE)
    chk = HDF5Checkpointer(path, allowed_keys=("open", "wfn"), omitted_keys=["wfn/secret"])
    assert list(chk) == ["open", "wfn"] and "secret" not in chk["wfn"]
    chk.check_allowed_key("open")
    chk.check_allowed_key(("wfn", "more"))
    for key in ("secret", ("wfn", "secret"), "wfn/secret/deep"):
        with pytest.raises(CheckpointerKeyError):
            chk.check_allowed_key(key)


def test_literal_names() -> None:
    """A key that looks like a glob is found by its own name, too."""
    chk = HDF5Checkpointer(None)
    chk.update({"a[1]": 1, "a1": 2, "x*": 3})
    assert set(chk.view(allowed_keys="a[1]")) == {"a[1]", "a1"}
    assert list(chk.view(allowed_keys="x*")) == ["x*"]


NAMES = st.sampled_from("abc")
TREES = st.recursive(
    st.integers(0, 3),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "c", "*", "**", "[ab]"]), min_size=1, max_size=3
).map("/".join)


def matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether a pattern matches a path whole: the rule, written as simply as can be."""
    if not pattern:
        return not path
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        if not rest:
            return len(path) >= 1
        return any(matches(rest, path[i:]) for i in range(len(path) + 1))
    fits = bool(path) and (head == "*" or path[0] == head or (head == "[ab]" and path[0] in "ab"))
    return fits and matches(rest, path[1:])


def prune(tree: Any, path: tuple[str, ...], allowed: Any, omitted: Any) -> Any:
    """What a view shows of a tree; "nothing" where it shows nothing."""
    prefixes = [path[: i + 1] for i in range(len(path))]
    if any(matches(o, p) for o in omitted for p in prefixes):
        return "nothing"
    whole = allowed is None or any(matches(a, p) for a in allowed for p in prefixes)
    if not isinstance(tree, dict):
        return tree if whole else "nothing"
    possible = whole or any(_may(a, path) for a in allowed)
    if path and not possible:
        return "nothing"
    parts = {k: prune(v, (*path, k), allowed, omitted) for k, v in tree.items()}
    return {k: v for k, v in parts.items() if v != "nothing"}


def _may(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether a pattern can match something below a path."""
    tails = [t for n in (1, 2, 3) for t in _tails(n)]
    return any(matches(pattern, (*path, *tail)) for tail in tails)


def _tails(n: int) -> list[tuple[str, ...]]:
    return [()] if n == 0 else [(c, *rest) for c in "abc" for rest in _tails(n - 1)]


@given(
    tree=st.dictionaries(NAMES, TREES, max_size=3),
    allowed=st.none() | st.lists(PATTERNS, max_size=2),
    omitted=st.lists(PATTERNS, max_size=2),
)
def test_against_a_model(tree: Any, allowed: Any, omitted: Any) -> None:
    """Any filter shows of any tree what the rule, written out simply, says."""
    chk = HDF5Checkpointer(None)
    chk.update(tree)
    view = chk.view(allowed_keys=allowed, omitted_keys=omitted)
    split = lambda patterns: [tuple(p.split("/")) for p in patterns]
    expected = prune(tree, (), None if allowed is None else split(allowed), split(omitted))
    assert view.load() == expected
    assert list(view) == list(expected) and view == expected
    view.clear()
    hidden = chk.load()
    rest = prune(hidden, (), None if allowed is None else split(allowed), split(omitted))
    assert not any(not isinstance(v, dict) for v in _leaves(rest))
    assert count(hidden) == count(tree) - count(expected)


def _leaves(tree: Any) -> list[Any]:
    return [x for v in tree.values() for x in (_leaves(v) if isinstance(v, dict) else [v])]


def count(tree: Any) -> int:
    return len(_leaves(tree))


def test_filter_values() -> None:
    """A KeyFilter is a value: equal ones are equal, and it pickles."""
    import pickle

    rule = KeyFilter.make(["a", ("b", "c")], "d")
    assert rule == KeyFilter.make(["a", "b/c"], ["d"]) == pickle.loads(pickle.dumps(rule))
    assert KeyFilter.make().is_open
