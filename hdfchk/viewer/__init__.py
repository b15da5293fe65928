"""The viewer: a page in the browser that shows one file, also while it is written.

``hdfchk view FILE`` and ``python -m hdfchk.viewer FILE`` start it; it needs the extra ``view``.
`view` does so from Python. ``import hdfchk`` does not import it.
"""

from .server import view

__all__ = ["view"]
