"""Random generators go on where they were; a file cannot make one read outside of its state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedTypeError

BITS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


@pytest.fixture
def chk(tmp_path: Path) -> HDF5Checkpointer:
    return HDF5Checkpointer(tmp_path / "x.hdf5")


@pytest.mark.parametrize("name", BITS)
def test_the_same_numbers_follow(name: str, chk: HDF5Checkpointer) -> None:
    """What is drawn, and what is spawned, is what the stored generator would have made."""
    made = np.random.Generator(getattr(np.random, name)(np.random.SeedSequence(7, spawn_key=(1,))))
    made.integers(9, size=3, dtype=np.int32)
    made.spawn(2)
    chk["g"] = made
    found = chk["g"]
    assert (
        found.integers(9, size=5, dtype=np.int32).tolist()
        == made.integers(9, size=5, dtype=np.int32).tolist()
    )
    assert found.normal(size=700).tolist() == made.normal(size=700).tolist()
    assert [g.random() for g in found.spawn(2)] == [g.random() for g in made.spawn(2)]


def test_a_legacy_generator(chk: HDF5Checkpointer) -> None:
    """A RandomState keeps its spare normal number, and that it has no seed sequence."""
    made = np.random.RandomState(3)
    made.standard_normal()
    chk["g"] = made
    found = chk["g"]
    assert found.standard_normal(5).tolist() == made.standard_normal(5).tolist()
    assert found._bit_generator.seed_seq is None


def test_h5py_reads_the_state(chk: HDF5Checkpointer) -> None:
    """The state is groups and datasets with NumPy's names."""
    chk["g"] = np.random.Generator(np.random.MT19937(5))
    with h5py.File(chk.checkpoint_file) as file:
        assert file["g/bit_generator/state/key"].shape == (624,)
        assert file["g/bit_generator/state/pos"][()] == 623
        assert file["g/bit_generator/seed_seq/entropy"][()] == 5


class Seeds(np.random.SeedSequence):
    """Seeds of a class of one's own."""


class Mine(np.random.Generator):
    """A generator of a class of one's own."""


def test_refused(chk: HDF5Checkpointer) -> None:
    """Seed sequences of other classes, large pools and subclasses are refused."""
    for value in (
        np.random.PCG64(Seeds(3)),
        np.random.SeedSequence(3, pool_size=2000),
        Mine(np.random.PCG64(3)),
    ):
        with pytest.raises(UnsupportedTypeError) as caught:
            chk["g"] = value
        assert caught.value.hint
    assert not Path(chk.checkpoint_file).exists()


DAMAGE: dict[str, tuple[str, str, Any]] = {
    "position": ("MT19937", "state/pos", 10**6),
    "negative position": ("MT19937", "state/pos", -1),
    "buffer": ("Philox", "buffer_pos", -5),
    "long buffer": ("Philox", "buffer_pos", 5),
    "pool": ("PCG64", "seed_seq/pool_size", 2**40),
    "short key": ("MT19937", "state/key", np.zeros(3, np.uint32)),
    "text": ("PCG64", "state/state", "x"),
    "seeds": ("PCG64", "seed_seq", 5),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_states(name: str, chk: HDF5Checkpointer) -> None:
    """A state that NumPy would take, and then read outside of it, is an error."""
    bits, path, value = DAMAGE[name]
    chk["g"] = getattr(np.random, bits)(5)
    with h5py.File(chk.checkpoint_file, "r+") as file:
        del file["g"][path]
        file["g"][path] = value
    with pytest.raises(CorruptFileError):
        chk["g"]


@pytest.mark.parametrize("name", ["default_rng", "Generator", "os", ""])
def test_a_file_names_nothing_else(name: str, chk: HDF5Checkpointer) -> None:
    """A file names one of five classes."""
    chk["g"] = np.random.PCG64(5)
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["g"].attrs["hdfchk"] = np.bytes_(f'numpy.random.BitGenerator/1 {{"class":"{name}"}}')
    with pytest.raises(CorruptFileError):
        chk["g"]


def test_a_generator_of_something_else(chk: HDF5Checkpointer) -> None:
    """What stands in the place of a bit generator has to be one."""
    for value in (np.random.default_rng(5), np.random.RandomState(5)):
        chk["g"] = value
        with h5py.File(chk.checkpoint_file, "r+") as file:
            del file["g/bit_generator"]
            file["g/bit_generator"] = 5
        with pytest.raises(CorruptFileError, match="not a bit generator"):
            chk["g"]
