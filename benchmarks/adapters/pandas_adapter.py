"""pandas' HDFStore (PyTables), for DataFrames."""

from __future__ import annotations

from typing import Any

__all__ = ["Fixed", "Table"]


class Fixed:
    """A DataFrame as a whole, in the default format."""

    module = "tables"
    variant = True
    name = "HDFStore, fixed"
    about = '`HDFStore.put(key, frame)`, `store[key]`: pandas with `format="fixed"`'
    form: Any = "fixed"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write DataFrames to a new file."""
        import pandas as pd

        with pd.HDFStore(path, "w") as store:
            for key, frame in tree.items():
                store.put(key, frame, format=self.form, index=False)

    def frame(self, path: str, key: str) -> Any:
        """Open a file and read a DataFrame."""
        import pandas as pd

        with pd.HDFStore(path, "r") as store:
            return store[key]


class Table(Fixed):
    """A table: single columns can be read, and rows can be appended."""

    name = "HDFStore, table"
    about = '`HDFStore.append(key, frame, index=False)`, `select`: pandas with `format="table"`'
    form = "table"

    def columns(self, path: str, key: str, names: list[str]) -> Any:
        """Open a file and read some columns of a DataFrame."""
        import pandas as pd

        with pd.HDFStore(path, "r") as store:
            return store.select(key, columns=names)

    def append_frames(self, path: str, key: str, frame: Any, count: int) -> None:
        """Append the rows of a DataFrame repeatedly in one open file."""
        import pandas as pd

        with pd.HDFStore(path) as store:
            for _ in range(count):
                store.append(key, frame, index=False)
