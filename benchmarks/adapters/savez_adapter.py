"""NumPy's archive of arrays; nested keys are joined by a dot."""

from __future__ import annotations

from typing import Any

import numpy as np

from .trees import flatten, nest


class Adapter:
    """As the documentation of ``numpy.savez`` shows it."""

    name = "np.savez"
    module = "numpy"
    about = "`np.savez(path, **arrays)`, `np.load`; nested keys are joined by a dot"
    compressed_with = "`np.savez_compressed`"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file; other values are converted to arrays."""
        with open(path, "wb") as file:
            np.savez(file, **flatten(tree))

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed."""
        with open(path, "wb") as file:
            np.savez_compressed(file, **flatten(tree))

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        with np.load(path) as archive:
            return nest({key: archive[key] for key in archive})

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the array at one key."""
        with np.load(path) as archive:
            return archive[key]
