"""The tool for tables of cells: anndata, where it is installed (it is behind with pandas' versions)."""

from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from hdfchk import HDF5Checkpointer

from .tool import Changes, Tool


def make_anndata(path: str) -> None:
    """Cells with annotations of all kinds."""
    data = anndata.AnnData(
        np.arange(6.0, dtype="f4").reshape(3, 2),
        obs=pd.DataFrame(
            {
                "kind": pd.Categorical(["u", "v", "u"]),
                "score": [0.5, 1.5, 2.5],
                "label": ["a", "bé", "c"],
            },
            index=["c0", "c1", "c2"],
        ),
        var=pd.DataFrame({"length": [3, 4]}, index=["g0", "g1"]),
        uns={"text": "hé", "list": np.array([1, 2]), "inner": {"a": 1.5}},
        obsm={"pca": np.arange(6.0).reshape(3, 2)},
        layers={"counts": scipy.sparse.csr_matrix(np.array([[0, 1], [2, 0], [0, 3]]))},
    )
    data.write_h5ad(path)


def read_anndata(path: str) -> dict[str, Any]:
    """All of it."""
    data = anndata.read_h5ad(path)
    return {
        "X": data.X,
        "names": [data.obs_names.tolist(), data.var_names.tolist()],
        "kind": data.obs["kind"].tolist(),
        "score": data.obs["score"].tolist(),
        "label": data.obs["label"].tolist(),
        "length": data.var["length"].tolist(),
        "uns": [data.uns["text"], data.uns["list"].tolist(), data.uns["inner"]],
        "pca": data.obsm["pca"],
        "counts": data.layers["counts"].toarray(),
    }


def _column_of(key: str, name: str, value: Any) -> Any:
    def run(chk: HDF5Checkpointer) -> Changes:
        chk[key] = value
        return {name: value}

    return run


TOOLS = [
    Tool(
        "anndata",
        make_anndata,
        read_anndata,
        ("obsm/pca", "pca"),
        "uns",
        None,
        ("obs/label", "label"),
        {
            "a column of numbers": _column_of("obs/score", "score", np.array([3.5, 4.5, 5.5])),
            "X in another dtype": _column_of("X", "X", np.arange(6.0).reshape(3, 2)),
        },
        ".h5ad",
        (
            *(f"{kind} in the root" for kind in ("new keys", "None", "frames")),
            "another length",
            "another kind of value",
        ),
    ),
]
