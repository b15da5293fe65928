"""PyTorch: tensors, parameters, state dicts."""

from __future__ import annotations

import sys
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, UnknownTypeError, UnsupportedTypeError
from hdfchk.tree import Leaf, Mark
from tests.support import exact, roundtrip_optional
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

torch: Any = library("torch")

FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
CASES = {
    **{f"tensor {n}": value for n, value in enumerate(roundtrip_optional.tensors())},
    **{name: torch.tensor([[1.5], [-2.0]]).to(getattr(torch, name)) for name in FLOATS},
    "0-d bfloat16": torch.tensor(1.5, dtype=torch.bfloat16),
    "unsigned": torch.tensor([1, 65535], dtype=torch.uint16),
    "0-d of 64 bits": torch.from_numpy(np.array(2**64 - 1, "u8")),
    "0-d signalling NaN": torch.from_numpy(np.array([0x7F80DEAD], "u4").view("f4"))[0],
    "size": torch.Size([2, 3]),
    "no size": torch.Size([]),
    "dtype": torch.bfloat16,
    "device": torch.device("cuda:1"),
}


def differs(a: Any, b: Any) -> str | None:
    """How two values of torch differ."""
    if isinstance(a, torch.Tensor):
        if a.element_size() == 1 and a.is_floating_point():  # which torch does not compare
            why = exact.differs(a.view(torch.uint8), b.view(torch.uint8))
            return why or (None if a.dtype == b.dtype else "dtype")
        return exact.differs(a, b)
    return None if type(a) is type(b) and a == b else f"{a!r}, {b!r}"


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Tensors and parameters come back with dtype, shape, bits and requires_grad."""
    check_round_trip(path, CASES[name], differs)


def test_state_dicts(path: str) -> None:
    """The state of a model, and of its optimizer after a step, can be loaded into new ones."""

    def made() -> Any:
        layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1).bfloat16()
        model = torch.nn.ModuleList(layers)
        return model, torch.optim.Adam(model.parameters(), lr=0.125)

    model, optimizer = made()
    loss = model[2](model[1](model[0](torch.ones(5, 3))).bfloat16()).sum()
    loss.backward()
    optimizer.step()
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    HDF5Checkpointer(path)["run"] = states
    found = HDF5Checkpointer(path, mode="r").load("run")
    assert list(found["model"]) == list(states["model"])
    for name, value in states["model"].items():
        assert exact.differs(value, found["model"][name]) is None
    assert exact.differs(states["optimizer"], found["optimizer"]) is None
    new, new_optimizer = made()
    assert str(new.load_state_dict(found["model"])) == "<All keys matched successfully>"
    new_optimizer.load_state_dict(found["optimizer"])
    assert torch.equal(new[2].weight, model[2].weight)
    assert exact.differs(optimizer.state_dict(), new_optimizer.state_dict()) is None


def test_readable_without_torch(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor is a dataset of its elements, or, for types that NumPy lacks, of their bits."""
    value = {"f": torch.tensor([1.5, 2.0]), "b": torch.tensor([1.0], dtype=torch.bfloat16)}
    check_missing(path, value, monkeypatch, "torch")
    with h5py.File(path) as file:
        assert file["x/f"][:].tolist() == [1.5, 2.0]
        assert file["x/b"].dtype == np.int16 and file["x/b"][0] == 0x3F80


def test_names_are_of_dtypes() -> None:
    """A file cannot make its reader hand out anything else of torch."""
    before = set(sys.modules)
    for name in ("load", "_dynamo", "onnx", "__name__"):
        named = Leaf(name, Mark("torch.name", 1, {"class": "dtype"}))
        of_a_tensor = Leaf(np.zeros(2), Mark("torch.Tensor", 1, {"dtype": name, "class": "Tensor"}))
        for node in (named, of_a_tensor):
            with pytest.raises(UnknownTypeError, match=f"no dtype '{name}'"):
                CodecRegistry().decode(node)
    assert set(sys.modules) == before


class Mine(torch.Tensor):
    pass


def _with_attribute() -> Any:
    value = torch.ones(2)
    value.mine = 1
    return value


def _with_hook() -> Any:
    value = torch.ones(2, requires_grad=True)
    value.register_hook(lambda gradient: gradient)
    return value


REFUSED = {
    "sparse": (lambda: torch.ones(2).to_sparse(), "to_dense"),
    "graph": (lambda: torch.ones(2, requires_grad=True) * 2, "detach"),
    "subclass": (lambda: torch.ones(2).as_subclass(Mine), "register"),
    "attribute": (_with_attribute, "mine"),
    "hooks": (_with_hook, "detach"),
    "quantized": (
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.quint8),
        "int_repr",
    ),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]), "unbind"),
    "meta": (lambda: torch.ones(2, device="meta"), "shape and dtype"),
    "module": (lambda: torch.nn.Linear(1, 1), r"state_dict\(\)"),
    "optimizer": (lambda: torch.optim.SGD([torch.ones(1)]), r"state_dict\(\)"),
    "generator": (lambda: torch.Generator(), "get_state"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of what is new or old in it
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)
