"""joblib: pickles whose arrays are stored contiguously in the file and can be mapped."""

from __future__ import annotations

from typing import Any

import numpy as np


class Adapter:
    """As its documentation shows it."""

    name = module = "joblib"
    about = '`joblib.dump`, `joblib.load`; rows and maps with `mmap_mode="r"`'
    compressed_with = "`compress=3`"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write an object to a new file."""
        import joblib

        joblib.dump(tree, path)

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write an object to a new file, compressed."""
        import joblib

        joblib.dump(tree, path, compress=3)

    def load(self, path: str) -> dict[str, Any]:
        """Read the object."""
        import joblib

        loaded: dict[str, Any] = joblib.load(path)
        return loaded

    def map(self, path: str, key: str) -> Any:
        """Open a file and map an array into memory."""
        import joblib

        return joblib.load(path, mmap_mode="r")[key]

    def rows(self, path: str, key: str, start: int, stop: int) -> Any:
        """Open a file and read some rows of an array."""
        return np.array(self.map(path, key)[start:stop])
