"""safetensors: a flat dict of arrays in one file; nested keys are joined by a dot."""

from __future__ import annotations

from typing import Any

import numpy as np

from .trees import CannotError, flatten, nest


class Adapter:
    """As the documentation of ``safetensors.numpy`` shows it."""

    name = module = "safetensors"
    about = "`save_file`, `load_file`; one array by `safe_open`; nested keys are joined by a dot"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict of arrays to a new file."""
        from safetensors.numpy import save_file

        flat = flatten(tree)
        if not all(isinstance(value, np.ndarray) for value in flat.values()):
            raise CannotError("stores arrays only")
        save_file(flat, path)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        from safetensors.numpy import load_file

        return nest(load_file(path))

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the array at one key."""
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            return file.get_tensor(key)

    def rows(self, path: str, key: str, start: int, stop: int) -> Any:
        """Open a file and read some rows of an array."""
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            return file.get_slice(key)[start:stop]
