"""anndata has a module of its own, which is left out where it is not installed."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("anndata") else ["cells.py"]
