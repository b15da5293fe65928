"""Codec of the Atoms of ASE: arrays, cell, periodicity, constraints and info; no calculator."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]

_OWN = frozenset(
    {"_cellobj", "_pbc", "arrays", "_celldisp", "_constraints", "info", "_calc", "constraints"}
)


_CONSTRAINTS = frozenset(
    {
        *("FixAtoms", "FixBondLength", "FixBondLengths", "FixCartesian", "FixCom", "FixInternals"),
        *("FixLinearTriatomic", "FixScaled", "FixSubsetCom", "FixedLine", "FixedMode"),
        *("FixedPlane", "ExternalForce", "Hookean", "MirrorForce", "MirrorTorque"),
        *("FixParametricRelations", "FixScaledParametricRelations"),
        "FixCartesianParametricRelations",
    }
)
"""The constraints that a file can name: ASE itself calls any entry of its table, even functions."""


def _ase(module: str) -> Any:
    return need(module, "an ase.Atoms", "its arrays by chk.group(key) or h5py")


def _same(a: Any, b: Any) -> bool:
    """Whether two constraints, or parts of them, are the same."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if hasattr(a, "__dict__") and not isinstance(a, type):
        return _same(vars(a), vars(b))
    return bool(a == b)


def _made(said: Any) -> Any:
    """Create a constraint from its dict.

    Raises:
        ValueError: it is not a constraint that a file can name.
    """
    if said["name"] not in _CONSTRAINTS:
        raise ValueError(f"{said['name']!r} is not a constraint that a file can name")
    return _ase("ase.constraints").dict2constraint(said)


def _constraint(value: Any, owner: Any, encoder: Encoder) -> dict[str, Any]:
    """Return a constraint as the dict from which ASE creates the same one."""
    try:
        said: dict[str, Any] = value.todict()
        same = _same(_made(said), value)
    except Exception:  # whatever a constraint of the user's raises: it has no dict
        same = False
    if not same:
        encoder.refuse(
            owner,
            f"with the constraint {type(value).__name__}, which ASE cannot make again from a dict",
            "store what defines the constraint beside it, and take it out with set_constraint()",
        )
    return said


def _encode(value: Any, encoder: Encoder) -> Node:
    if value.calc is not None:
        encoder.refuse(
            value,
            "with a calculator",
            "store value.calc.results beside it, and set value.calc to None (or use value.copy())",
        )
    more = sorted(set(vars(value)) - _OWN)
    if more:
        encoder.refuse(value, f"with the attribute {more[0]!r}", "store it in value.info")
    parts: dict[str, Any] = {"arrays": value.arrays, "cell": value.cell.array, "pbc": value.pbc}
    displaced = value.get_celldisp()
    if displaced.any() or displaced.shape != (3, 1):  # the default
        parts["celldisp"] = displaced
    if value.info:
        parts["info"] = value.info
    if value.constraints:
        parts["constraints"] = [_constraint(one, value, encoder) for one in value.constraints]
    return encoder.branch(value, parts, Mark("ase.Atoms"))


def _decode(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    atoms = _ase("ase").Atoms(
        cell=parts["cell"],
        pbc=parts["pbc"],
        celldisp=parts.get("celldisp"),
        info=parts.get("info"),
    )
    atoms.arrays = parts["arrays"]
    if "constraints" in parts:
        atoms.set_constraint([_made(one) for one in parts["constraints"]])
    return atoms


CODECS = (Codec("ase.Atoms", ("ase.Atoms",), _encode, _decode),)
