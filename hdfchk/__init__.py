"""hdfchk: a dict that lives in an HDF5 file.

>>> from hdfchk import HDF5Checkpointer
>>> chk = HDF5Checkpointer(None)              # in memory; give it a path to keep a file
>>> chk["params"] = {"steps": 500, "method": "euler"}
>>> chk["params/steps"]
500
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arrays.array import Array
    from .attributes import Attributes
    from .backends.resolve import UnknownTargetError
    from .backends.settings import trusting
    from .codecs.codec import Codec
    from .codecs.registry import CodecRegistry, default_registry
    from .convenience import load, save
    from .description import Description
    from .errors import (
        CheckpointerKeyError,
        CheckpointWarning,
        ClosedError,
        CorruptFileError,
        CycleError,
        FileReplacedError,
        HardLinksLeftWarning,
        HdfchkError,
        HdfchkWarning,
        InvalidKeyError,
        InvalidKeyTypeError,
        InvalidOptionError,
        JournalMismatchError,
        JournalMismatchWarning,
        LateSyncError,
        LeftOutWarning,
        LinksElsewhereWarning,
        LockedError,
        MissingExtraError,
        NestingError,
        NoLocksWarning,
        NotAFileError,
        NotAGroupError,
        NotDurableError,
        PendingJournalWarning,
        ReadOnlyError,
        ReferencedError,
        RegistrationError,
        ResultNotStoredWarning,
        SnapshotChangedWarning,
        SystemRefusalError,
        TransactionError,
        UnclosedWarning,
        UnknownTypeError,
        UnsafeFileError,
        UnsupportedStoredError,
        UnsupportedTypeError,
    )
    from .group import Group
    from .info import Info
    from .salvaging import Loss, SalvageReport, salvage
    from .store import HDF5Checkpointer
    from .tables.table import Table
    from .verification import Report
    from .views.key_filter import KeyFilter

    register = default_registry.register
    unregister = default_registry.unregister

__version__ = "0.1.0"

__all__ = [
    "Array",
    "Attributes",
    "CheckpointWarning",
    "CheckpointerKeyError",
    "ClosedError",
    "Codec",
    "CodecRegistry",
    "CorruptFileError",
    "CycleError",
    "Description",
    "FileReplacedError",
    "Group",
    "HDF5Checkpointer",
    "HardLinksLeftWarning",
    "HdfchkError",
    "HdfchkWarning",
    "Info",
    "InvalidKeyError",
    "InvalidKeyTypeError",
    "InvalidOptionError",
    "JournalMismatchError",
    "JournalMismatchWarning",
    "KeyFilter",
    "LateSyncError",
    "LeftOutWarning",
    "LinksElsewhereWarning",
    "LockedError",
    "Loss",
    "MissingExtraError",
    "NestingError",
    "NoLocksWarning",
    "NotAFileError",
    "NotAGroupError",
    "NotDurableError",
    "PendingJournalWarning",
    "ReadOnlyError",
    "ReferencedError",
    "RegistrationError",
    "Report",
    "ResultNotStoredWarning",
    "SalvageReport",
    "SnapshotChangedWarning",
    "SystemRefusalError",
    "Table",
    "TransactionError",
    "UnclosedWarning",
    "UnknownTargetError",
    "UnknownTypeError",
    "UnsafeFileError",
    "UnsupportedStoredError",
    "UnsupportedTypeError",
    "load",
    "register",
    "salvage",
    "save",
    "trusting",
    "unregister",
]

_MODULES = {
    "Array": "arrays.array",
    "Attributes": "attributes",
    "UnknownTargetError": "backends.resolve",
    "trusting": "backends.settings",
    "Codec": "codecs.codec",
    "CodecRegistry": "codecs.registry",
    "load": "convenience",
    "save": "convenience",
    "Description": "description",
    "Group": "group",
    "Info": "info",
    "Loss": "salvaging",
    "SalvageReport": "salvaging",
    "salvage": "salvaging",
    "HDF5Checkpointer": "store",
    "Table": "tables.table",
    "Report": "verification",
    "KeyFilter": "views.key_filter",
}
"""The module of each name that is not an error; it is imported when the name is first used."""
_OF_THE_REGISTRY = frozenset({"register", "unregister"})


if not TYPE_CHECKING:  # which know all names from above: an unknown name is an error

    def __getattr__(name: str) -> Any:
        """Import a name on first use: `import hdfchk` alone imports no other package."""
        if name.startswith("_") or name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in _OF_THE_REGISTRY:
            registry = importlib.import_module(".codecs.registry", __name__).default_registry
            found = getattr(registry, name)
        else:
            module = importlib.import_module(f".{_MODULES.get(name, 'errors')}", __name__)
            found = getattr(module, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """List all names, imported or not."""
    return sorted({*globals(), *__all__})
