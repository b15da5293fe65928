"""The types of arguments: they say what the code takes."""

from __future__ import annotations

import inspect
import io
import typing
from pathlib import Path

import h5py
import pytest

from hdfchk import HDF5Checkpointer, InvalidOptionError
from hdfchk import typing as types
from hdfchk.backends.layout import COMPRESSIONS
from hdfchk.connection.modes import MODES


def test_literals_are_what_the_code_takes() -> None:
    """Modes and filters are named twice, for checkers and for the code: alike."""
    assert set(typing.get_args(types.Mode)) == MODES
    assert set(typing.get_args(types.CompressionName)) == set(COMPRESSIONS)


@pytest.mark.parametrize("choice", typing.get_args(types.OnUnsupported))
def test_on_unsupported(choice: types.OnUnsupported) -> None:
    """Each choice is taken, and no other."""
    HDF5Checkpointer(None, on_unsupported=choice)
    with pytest.raises(InvalidOptionError):
        HDF5Checkpointer(None, on_unsupported=choice + "!")


def test_options_of_a_store() -> None:
    """`StoreOptions` has all options of a store but its mode, with their types."""
    own = inspect.signature(HDF5Checkpointer).parameters
    names = [name for name in own if name not in {"checkpoint_file", "mode"}]
    assert list(types.StoreOptions.__annotations__) == names
    for name in set(names) - {"serializer"}:
        told = types.StoreOptions.__annotations__[name].__forward_arg__
        assert told == own[name].annotation, name


def test_names_that_are_listed_are_there() -> None:
    """Each alias is public, and has a text that says what it is."""
    assert all(hasattr(types, name) for name in types.__all__)


def test_protocols_fit_the_objects(tmp_path: Path) -> None:
    """Files and objects of h5py have what the protocols ask for; a text file reads no bytes."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in ("require_group",):
            assert callable(getattr(file, name)) and callable(getattr(file.create_group("g"), name))
    for name in ("read", "seek"):
        assert callable(getattr(io.BytesIO(), name))
