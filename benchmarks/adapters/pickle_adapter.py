"""pickle, of the standard library."""

from __future__ import annotations

import pickle
from typing import Any


class Adapter:
    """As its documentation shows it."""

    name = module = "pickle"
    about = "`pickle.dump`, `pickle.load`"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write an object to a new file."""
        with open(path, "wb") as file:
            pickle.dump(tree, file)

    def load(self, path: str) -> dict[str, Any]:
        """Read the object."""
        with open(path, "rb") as file:
            loaded: dict[str, Any] = pickle.load(file)
        return loaded
