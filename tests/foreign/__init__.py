"""Files in the manner of others, made by h5py alone, and a driver that edits them.

``python -m tests.foreign`` runs all edits on the corpus, ``python -m tests.foreign FOLDER`` on copies
of the HDF5 files in a folder. See `tests.foreign.driver`.
"""

from __future__ import annotations

from .reading import fingerprint, read_all

__all__ = ["fingerprint", "read_all"]
