"""The checkpointers of the McUtils toolbox under their names, for scripts that choose by them.

Replace ``from McUtils.Scaffolding import Checkpointer, …`` with ``from hdfchk.mcutils import
Checkpointer, …``. `HDF5Checkpointer` is `hdfchk.HDF5Checkpointer`; the others need only the
standard library and NumPy. None unpickles anything unless ``allow_pickle=True`` is given.

>>> from hdfchk.mcutils import Checkpointer
>>> results = {}
>>> chk = Checkpointer.build_canonical(results)   # used in place; a path makes a store of a file
>>> chk["energies", 0] = -76.4
>>> results
{('energies', 0): -76.4}
"""

from ..errors import CheckpointerKeyError
from ..store import HDF5Checkpointer
from .checkpointer import Checkpointer
from .dict_checkpointer import DictCheckpointer
from .dump_checkpointer import DumpCheckpointer
from .json_checkpointer import JSONCheckpointer
from .null_checkpointer import NullCheckpointer
from .numpy_checkpointer import NumPyCheckpointer

__all__ = [
    "Checkpointer",
    "CheckpointerKeyError",
    "DictCheckpointer",
    "DumpCheckpointer",
    "HDF5Checkpointer",
    "JSONCheckpointer",
    "NullCheckpointer",
    "NumPyCheckpointer",
]
