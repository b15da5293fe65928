"""ASE: atoms, with cell, constraints, info and arrays."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support import exact
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

ase: Any = library("ase")
import ase.constraints as constraints  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402


def differs(a: Any, b: Any) -> str | None:
    """How two sets of atoms differ: arrays and their order, cell, constraints, info."""
    state = lambda x: {
        "arrays": x.arrays,
        "cell": x.cell.array,
        "pbc": x.pbc,
        "celldisp": x.get_celldisp(),
        "info": x.info,
        "constraints": [(type(c).__name__, exact_state(c)) for c in x.constraints],
        "calc": x.calc,
    }
    return exact.differs(state(a), state(b))


def exact_state(value: Any) -> Any:
    """The parts of a constraint, and of what is in it."""
    if type(value).__module__.partition(".")[0] == "ase":
        return {name: exact_state(item) for name, item in vars(value).items()}
    return [exact_state(item) for item in value] if isinstance(value, list) else value


def _atoms() -> Any:
    atoms = Atoms("H2O", positions=np.arange(9.0).reshape(3, 3), cell=[1, 2, 3, 90, 90, 60])
    atoms.pbc = [True, False, True]
    atoms.set_initial_charges([0.5, 0.5, -1.0])
    atoms.set_tags([1, 2, 3])
    atoms.arrays["labels"] = np.array(["a", "b", "é"])
    atoms.info.update({"energy": -1.5, 3: [1, (2,)], "name": "é"})
    atoms.set_momenta(np.ones((3, 3)))
    return atoms


def _constrained() -> Any:
    atoms = _atoms()
    atoms.set_constraint(
        [
            constraints.FixAtoms([0, 2]),
            constraints.FixBondLength(0, 1),
            constraints.FixCartesian([1], (True, False, True)),
            constraints.FixedPlane(1, (1, 0, 0)),
            constraints.FixCom(),
        ]
    )
    return atoms


CASES = {
    "all": _atoms(),
    "constraints": _constrained(),
    "none": Atoms(),
    "not displaced": Atoms("Au", celldisp=[0, 0, 0]),
    "displaced": Atoms("Au", cell=[4, 4, 4], celldisp=[1, 0, 0.5], pbc=True),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Atoms come back with all arrays, cell, constraints and info."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_ase(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, positions and cell are plain datasets."""
    chk = check_missing(path, CASES["constraints"], monkeypatch, "ase")
    assert chk.array("x/arrays/positions").shape == (3, 3)
    with h5py.File(path) as file:
        assert file["x/arrays/numbers"][:].tolist() == [1, 1, 8]
        assert file["x/pbc"][:].tolist() == [True, False, True]


def _with_calculator() -> Any:
    atoms = Atoms("H")
    atoms.calc = SinglePointCalculator(atoms, energy=1.0)
    return atoms


def _with_own_constraint() -> Any:
    class Mine:
        index = 0

        def todict(self) -> Any:
            return {"name": "Mine", "kwargs": {}}

        def adjust_positions(self, atoms: Any, new: Any) -> None:
            pass

    atoms = Atoms("H")
    atoms.set_constraint(Mine())
    return atoms


def _with_attribute() -> Any:
    atoms = Atoms("H")
    atoms.mine = 1
    return atoms


@pytest.mark.parametrize("name", ["constrained_indices", "dict2constraint", "FixSymmetry"])
def test_a_file_names_constraints_alone(name: str) -> None:
    """A file cannot make its reader call anything else of ASE."""
    registry = CodecRegistry()
    atoms = Atoms("H")
    atoms.set_constraint(constraints.FixAtoms([0]))
    node: Any = registry.encode(atoms)
    kept = registry.decode(node.children["constraints"])
    node.children["constraints"] = registry.encode([{**kept[0], "name": name}])
    with pytest.raises(CorruptFileError, match="not a constraint that a file can name"):
        registry.decode(node)


REFUSED = {
    "calculator": (_with_calculator, "calc.results"),
    "constraint": (_with_own_constraint, "Mine"),
    "attribute": (_with_attribute, "'mine'.*info"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)
