"""hdfchk: a dict that lives in an HDF5 file.

>>> from hdfchk import HDF5Checkpointer
>>> chk = HDF5Checkpointer(None)              # in memory; give it a path to keep a file
>>> chk["params"] = {"steps": 500, "method": "euler"}
>>> chk["params/steps"]
500
"""

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
from .salvage import Loss, SalvageReport, salvage
from .store import HDF5Checkpointer
from .tables.table import Table
from .verification import Report
from .views.key_filter import KeyFilter

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

register = default_registry.register
unregister = default_registry.unregister
