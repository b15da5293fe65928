"""Parts of a file that are converted when they are requested, and written back unchanged."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ..codecs.codec import Decoder

__all__ = ["Foreign", "decoded"]


class Foreign:
    """A part of a file that the older toolbox has written in its own form.

    Reading it may need a registered class, or a pickle, which the caller must allow. The rest of
    the file can be read, and the file rewritten, without that.
    """

    @abstractmethod
    def decode(self, decoder: Decoder) -> Any:
        """Return the value.

        Raises:
            UnsupportedStoredError: it is a pickle, and pickles are not allowed.
            UnknownTypeError: its class is not registered.
        """


def decoded(value: Any, decoder: Decoder) -> Any:
    """Convert the foreign parts of a value; return the same object if it has none."""
    if isinstance(value, Foreign):
        return value.decode(decoder)
    if type(value) is dict:
        items = {key: decoded(item, decoder) for key, item in value.items()}
        return items if any(items[key] is not value[key] for key in items) else value
    if type(value) is list:
        found = [decoded(item, decoder) for item in value]
        return found if any(map(_differs, found, value)) else value
    return value


def _differs(left: object, right: object) -> bool:
    return left is not right
