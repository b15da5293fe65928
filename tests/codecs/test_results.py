"""Results of NumPy and SciPy: named children in the file; what has private state is refused."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    MissingExtraError,
    UnknownTypeError,
    UnsupportedTypeError,
)
from hdfchk.codecs import results
from tests.support.exact import differs

X = np.array([1.0, 2, 3, 4, 6, 5, 9])
Y = X**2


@pytest.fixture
def chk(tmp_path: Path) -> HDF5Checkpointer:
    return HDF5Checkpointer(tmp_path / "x.hdf5")


def square(x: np.ndarray) -> float:
    return (x**2).sum()


def test_fields_are_children(chk: HDF5Checkpointer) -> None:
    """h5py finds each field under its name."""
    import scipy.optimize as optimize
    import scipy.stats as stats

    found = optimize.minimize(square, [1.0, 2.0])
    chk["eigh"] = np.linalg.eigh(np.diag([1.0, 2.0]))
    chk["minimum"] = found
    chk["fit"] = stats.linregress(X, Y)
    assert chk["eigh"].eigenvalues.tolist() == [1, 2] and chk["minimum"].x.shape == (2,)
    assert chk["fit"].intercept_stderr == stats.linregress(X, Y).intercept_stderr
    assert chk["eigh", "eigenvalues"].tolist() == [1, 2]
    with h5py.File(chk.checkpoint_file) as file:
        assert list(file["eigh"]) == ["eigenvalues", "eigenvectors"]
        assert list(file["minimum"]) == list(found) and file["minimum/x"].shape == (2,)
        assert file["minimum/success"][()] and file["minimum/hess_inv"].shape == (2, 2)
        assert {"slope", "rvalue", "intercept_stderr"} < set(file["fit"])


PRIVATE = {
    "ttest_ind": ("_alternative", "statistic=r.statistic, pvalue=r.pvalue, df=r.df"),
    "pearsonr": ("_n", "statistic=r.statistic, pvalue=r.pvalue"),
    "tukey_hsd": ("_ntreatments", "statistic=r.statistic, pvalue=r.pvalue"),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_private_state(name: str, chk: HDF5Checkpointer) -> None:
    """A result with private state is refused, and the hint has the fields that it shows."""
    import scipy.stats as stats

    private, fields = PRIVATE[name]
    with pytest.raises(UnsupportedTypeError, match=f"private state.*{private}") as caught:
        chk["r"] = {"deep": [getattr(stats, name)(X, Y)]}
    assert fields in caught.value.hint and caught.value.key == "r/deep/[0]"
    assert not Path(chk.checkpoint_file).exists()


def test_what_a_result_holds(chk: HDF5Checkpointer) -> None:
    """What no file can hold is refused by the name of its field; the hint fits and works."""
    import scipy.optimize as optimize

    found = optimize.minimize(square, [1.0, 2.0], method="L-BFGS-B")
    with pytest.raises(UnsupportedTypeError, match="LbfgsInvHessProduct") as caught:
        chk["r"] = found
    assert caught.value.key == "r/hess_inv" and "numpy.eye" in caught.value.hint
    found.hess_inv = found.hess_inv @ np.eye(2)
    chk["r"] = found
    assert differs(found, chk["r"]) is None
    found["a/b"] = 1
    with pytest.raises(UnsupportedTypeError, match="'a/b'"):
        chk["r"] = found


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of the table leads to one class, and back, as far as this SciPy has it."""
    here = 0
    for name in results._NAMES:
        try:
            cls = results.class_of(name)
        except UnknownTypeError:
            continue
        here += 1
        assert results.name_of(cls) == name
    assert here > 70
    other = type("EighResult", (tuple,), {})
    assert results.name_of(other) is None
    old = types.ModuleType("numpy.linalg.linalg")
    old.__dict__["__getattr__"] = warnings.warn  # as that of NumPy 2.0
    monkeypatch.setitem(sys.modules, old.__name__, old)
    assert results.name_of(other) is None


@pytest.mark.parametrize(
    "name", ["os.system", "scipy.stats.norm", "scipy.stats._fit.x", "", 5, None]
)
def test_a_file_names_nothing_else(name: object, chk: HDF5Checkpointer) -> None:
    """A name that is not in the table is an error; nothing is imported for it."""
    chk["r"] = np.linalg.slogdet(np.eye(2))
    _mark(chk, f'result/1 {{"class":{name!r}}}'.replace("'", '"').replace("None", "null"))
    with pytest.raises(UnknownTypeError, match="unknown result"):
        chk["r"]


def _mark(chk: HDF5Checkpointer, text: str) -> None:
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["r"].attrs["hdfchk"] = np.bytes_(text)


def test_other_fields(chk: HDF5Checkpointer) -> None:
    """Fields of another version of the class, or private ones, are errors."""
    chk["r"] = np.linalg.slogdet(np.eye(2))
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["r/more"] = 1
    with pytest.raises(UnknownTypeError, match="other fields"):
        chk["r"]
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file.move("r/more", "r/_hidden")
    with pytest.raises(CorruptFileError, match="private"):
        chk["r"]
    with h5py.File(chk.checkpoint_file, "r+") as file:
        del file["r/_hidden"], file["r/sign"]
    with pytest.raises(UnknownTypeError, match="other fields"):
        chk["r"]


def test_without_scipy(chk: HDF5Checkpointer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SciPy the error names it, and the fields are read all the same."""
    import scipy.stats as stats

    chk["r"] = stats.linregress(X, Y)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"hdfchk\[scipy\]"):
        chk["r"]
    assert chk["r/slope"] == chk.group("r")["slope"]


def test_scipy_is_imported_only_for_its_results(chk: HDF5Checkpointer) -> None:
    """Results of NumPy are stored and read without SciPy."""
    code = (
        "import sys, numpy as np, hdfchk\n"
        "chk = hdfchk.HDF5Checkpointer(sys.argv[1])\n"
        "chk['r'] = np.linalg.qr(np.eye(2))\n"
        "assert type(chk['r']).__name__ == 'QRResult'\n"
        "assert 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, chk.checkpoint_file], check=True)


def test_masked_results(chk: HDF5Checkpointer) -> None:
    """Classes of one name in two modules are told apart."""
    import scipy.stats as stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = stats.kruskal(X, Y), stats.mstats.kruskal(X, Y)
    chk["a"], chk["b"] = first, second
    assert type(chk["a"]) is type(first) is not type(second) is type(chk["b"])
