"""Plain values in pickles, as pandas leaves them in attributes: nothing is unpickled."""

from __future__ import annotations

import datetime as dt
import pickletools
from typing import Any

__all__ = ["OTHER", "is_name", "plain_of"]


class _Other:
    """Stands for an instance of a class, which is not a plain value."""

    def __repr__(self) -> str:
        return "OTHER"


OTHER = _Other()
"""Replaces each object in a pickle that is not of a plain Python type."""

_ZONE = _Other()


def _attribute(owner: Any, name: Any) -> Any:
    return _name_of_zone if owner is _ZONE and name == "_unpickle" else OTHER


def _name_of_zone(name: Any, *_: Any) -> Any:
    return name


_CALLED: dict[str, Any] = {
    "datetime timezone": dt.timezone,
    "datetime timedelta": dt.timedelta,
    "builtins getattr": _attribute,
    "__builtin__ getattr": _attribute,
    "zoneinfo ZoneInfo": _ZONE,
    "pytz _p": _name_of_zone,
    "pytz _UTC": lambda: "UTC",
}
"""The only callables that a pickle may use, by name; time zones are returned as their names."""
_SAME = {"PROTO", "FRAME", "STOP"}
_TEXT = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_NUMBER = {"INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "FLOAT", "BINFLOAT"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


def plain_of(pickled: str) -> Any:
    """Return the value in a pickle of texts, numbers, None, lists, tuples, dicts and time zones.

    Args:
        pickled: the pickle, with one character per byte.

    Returns:
        The value, with time zones as names, and `OTHER` in place of each other object; `OTHER` if
        it is not a pickle.

    Example:
        >>> import pickle
        >>> plain_of(pickle.dumps({"a": [5, None]}, 0).decode())
        {'a': [5, None]}
        >>> plain_of(pickle.dumps([len], 0).decode())
        [OTHER]
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for operation, argument, _ in pickletools.genops(pickled.encode("latin-1")):
            _step(operation.name, argument, stack, memo)
        return stack.pop()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return OTHER


def is_name(value: Any) -> bool:
    """Whether a value can be the name of a column: a text, a number, or a tuple of such.

    The hash of a deeper tuple may take extremely long, since its items may refer to the same object
    repeatedly.
    """
    plain = (str, int, float, type(None))
    if isinstance(value, tuple):
        return all(isinstance(item, plain) for item in value)
    return isinstance(value, plain)


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """Apply an operation to the stack."""
    if name in _TEXT | _NUMBER:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name == "MARK":
        stack.append(_MARK)
    elif name in {"PUT", "BINPUT", "LONG_BINPUT"}:
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in {"GET", "BINGET", "LONG_BINGET"}:
        stack.append(memo[argument])
    elif name == "GLOBAL":
        stack.append(_CALLED.get(argument, OTHER))
    elif name == "STACK_GLOBAL":
        attribute, module = stack.pop(), stack.pop()
        stack.append(_CALLED.get(f"{module} {attribute}", OTHER))
    elif name == "REDUCE":
        arguments, made = stack.pop(), stack.pop()
        stack.append(OTHER if isinstance(made, _Other) else made(*arguments))
    elif name == "BUILD":
        stack.pop()
    elif name not in _SAME:
        _gather(name, stack)


def _gather(name: str, stack: list[Any]) -> None:
    """Create a container from the items on the stack, or add them to the one below."""
    if name in _TUPLES:
        count = _TUPLES[name]
        stack[-count:] = [tuple(stack[-count:])]
        return
    if name in {"APPEND", "SETITEM"}:
        count = len(stack) - (1 if name == "APPEND" else 2)
        items = stack[count:]
        del stack[count:]
    elif name in {"LIST", "TUPLE", "DICT", "APPENDS", "SETITEMS"}:
        mark = len(stack) - 1 - stack[::-1].index(_MARK)
        items = stack[mark + 1 :]
        del stack[mark:]
    else:
        raise ValueError(name)
    pairs = {}
    if name in {"DICT", "SETITEM", "SETITEMS"}:
        if not all(map(is_name, items[::2])):
            raise ValueError(name)
        pairs = dict(zip(items[::2], items[1::2], strict=True))
    if name == "LIST":
        stack.append(items)
    elif name == "TUPLE":
        stack.append(tuple(items))
    elif name == "DICT":
        stack.append(pairs)
    elif stack[-1] is OTHER:
        pass
    elif name in {"APPEND", "APPENDS"}:
        stack[-1].extend(items)
    else:
        stack[-1].update(pairs)
