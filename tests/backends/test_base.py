"""What both backends do, asked of the session itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer, NotAGroupError, TransactionError
from hdfchk.backends.base import ArrayForm, Delete, Put, Session
from hdfchk.backends.hdf5.session import Hdf5Session
from hdfchk.backends.layout import Layout
from hdfchk.backends.memory import MemoryBackend
from hdfchk.tree import Branch, Leaf, Mark


@pytest.fixture(params=["log", "direct", "memory"])
def session(request: pytest.FixtureRequest, path: str) -> Iterator[Session]:
    if request.param == "memory":
        backend = MemoryBackend()
        yield backend.session(backend.open_storage("a"))
        return
    from hdfchk.backends.hdf5 import FileBackend

    opened = FileBackend(path, journal=request.param == "log").open(writable=True)
    yield opened
    opened.close()


def tree(**children: Any) -> Branch:
    return Branch({name: Leaf(value) for name, value in children.items()})


def test_one_commit(session: Session) -> None:
    """Changes of a commit see the earlier ones, and are all done."""
    session.apply(
        [Put(("a",), tree(x=1)), Put(("a", "y"), Leaf(2)), Put(("b", "c"), Leaf(3)), Delete(("b",))]
    )
    assert session.names(()) == ["a"] and session.names(("a",)) == ["x", "y"]
    session.apply([Delete(("a", "x")), Delete(("absent",)), Delete(("absent", "deep"))])
    assert session.names(("a",)) == ["y"]


def test_refused_commit(session: Session) -> None:
    """A commit of which one change is refused does nothing."""
    session.apply(
        [
            Put(("v",), Leaf(1)),
            Put(("m",), Branch({"f": Leaf(1)}, Mark("record", 1, {"class": "x", "version": 1}))),
        ]
    )
    tree = Branch({"x": Leaf(1)})
    for changes, value in (
        ([Put(("n",), Leaf(1)), Put(("v", "x"), Leaf(2))], "v"),
        ([Put(("n",), Leaf(1)), Put(("n", "x", "y"), Leaf(2))], "n"),
        ([Put(("n",), tree), Put(("n", "x", "y", "z"), Leaf(2))], "n/x"),
        ([Put(("m", "f"), Leaf(2))], "m"),
    ):
        with pytest.raises(NotAGroupError, match=f"{value!r} holds a value") as caught:
            session.apply(changes)
        assert "this commit" not in str(caught.value)
    assert session.names(()) == ["v", "m"]


def test_failing_commit(session: Session) -> None:
    """A commit that fails half-way is undone, or rolled back: values, order and attributes."""
    session.apply(
        [Put(("a",), Leaf(np.zeros(20000))), Put(("b",), tree(x=1)), Put(("c",), Leaf(1))]
    )
    session.write_attributes(("a",), {"units": Leaf("eV")})
    session.apply([Put(("c",), Leaf("replaced"))])
    bad = Leaf(np.array([1, object()], object))
    for changes in (
        [
            Put(("new",), Leaf(1)),
            Put(("a",), Leaf(np.zeros(20001))),
            Delete(("b",)),
            Put(("g", "h"), Leaf(2)),
            Put(("z",), bad),
        ],
        [Put(("a",), Branch({})), Put(("b",), Leaf(None)), Put(("c",), Branch({"bad": bad}))],
    ):
        if not isinstance(session, Hdf5Session):
            break
        transactions = session.file.transactions
        if transactions is not None:
            transactions.commit()
        session.refresh()
        with pytest.raises((TypeError, ValueError)):
            session.apply(changes)
        if transactions is not None:
            transactions.rollback()
            session.refresh()
        assert session.names(()) == ["a", "b", "c"]
        assert session.read(("a",)).data.shape == (20000,) and session.read(("b", "x")).data == 1
        assert (
            session.read(("c",)).data == "replaced"
            and session.read_attribute(("a",), "units").data == "eV"
        )


def test_draft_that_is_gone(session: Session) -> None:
    """An array that was given up with what was not committed is refused, as often as it is used."""
    if not isinstance(session, Hdf5Session) or session.file.transactions is None:
        return
    session.apply([Put(("a",), Leaf(1))])
    session.file.transactions.commit()
    session.refresh()
    draft = session.draft(ArrayForm((0, 3), np.dtype("f8")), Layout())
    session.file.transactions.rollback()
    session.refresh()
    for _ in range(2):
        with pytest.raises(TransactionError, match="was discarded"):
            draft.append(np.ones((1, 3)))


def test_read(session: Session) -> None:
    """Reading gives trees; a dict is not read where only a value is wanted."""
    session.apply([Put(("g",), tree(a=1.5, b="x", c=None, d=True, e=1j))])
    assert session.read_value(("g",)) is None
    assert {name: leaf.data for name, leaf in session.read(("g",)).children.items()} == {
        "a": 1.5,
        "b": "x",
        "c": None,
        "d": True,
        "e": 1j,
    }
    assert list(
        session.read((), lambda path, is_dict: is_dict or path[-1] == "a").children["g"].children
    ) == ["a"]
    for missing in (("x",), ("g", "x"), ("g", "a", "deep")):
        assert session.stat(missing) is None
        with pytest.raises(CheckpointerKeyError):
            session.read(missing)


def test_array_is_a_copy(session: Session) -> None:
    """What is stored does not change with the caller's array, nor the other way round."""
    data = np.arange(3)
    session.apply([Put(("x",), Leaf(data))])
    data[0] = 9
    session.read(("x",)).data[1] = 9
    assert session.read(("x",)).data.tolist() == [0, 1, 2]


def test_many_replacements_keep_order(session: Session) -> None:
    """The order of keys holds through many replacements, of all of them."""
    names = [f"k{i}" for i in range(200)]
    session.apply([Put((name,), Leaf(1)) for name in names])
    for value in ("text", 2.5, np.zeros(3), None):
        session.apply([Put((name,), Leaf(value)) for name in reversed(names)])
        assert session.names(()) == names
    session.apply([Delete(("k0",)), Put(("k0x",), Leaf(1))])
    assert session.names(()) == [*names[1:], "k0x"]


def test_order_after_the_only_key_was_replaced(session: Session) -> None:
    """HDF5 counts links anew when the last one goes; a key that is set later still comes later."""
    session.apply([Put((name,), Leaf(1)) for name in "abc"])
    session.apply([Put(("d",), Leaf(1))])
    session.apply([Delete((name,)) for name in "abc"])
    session.apply([Put(("d",), Leaf("another type"))])
    session.apply([Put(("e",), Leaf(1))])
    session.apply([Put(("d",), Leaf(2.5))])
    assert session.names(()) == ["d", "e"]


def test_each_object_is_opened_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a tree opens each group and each array in it once."""
    from hdfchk.backends.hdf5.h5 import links

    tree = {f"layer{n}": {"weight": np.ones((n + 1, 3)), "bias": np.ones(3000)} for n in range(20)}
    HDF5Checkpointer(path).update(tree)
    opened: list[bytes] = []
    real = links.open_object
    monkeypatch.setattr(
        links, "open_object", lambda root, name, at: (opened.append(name), real(root, name, at))[1]
    )
    assert HDF5Checkpointer(path) == tree
    assert len(opened) == 3 * len(tree)
