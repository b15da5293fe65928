"""Functions and stores: keeping results, and passing stored values as keyword arguments."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

from .errors import (
    CheckpointerKeyError,
    HdfchkError,
    NotDurableError,
    ResultNotStoredWarning,
)
from .keys import Key, join, parse
from .location import Location
from .typing import Condition

__all__ = ["cached", "cached_eval", "keyword_names"]

T = TypeVar("T")
P = ParamSpec("P")
_KEYWORD = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class Results(Protocol):
    """What keeps results: a group."""

    def __contains__(self, key: object, /) -> bool:
        """Whether there is a result."""

    def load(self, key: Key) -> Any:
        """A result."""


def cached_eval(
    group: Results,
    lacks: Callable[[Key], bool],
    location: Location,
    keep: Callable[[Key, Any], None],
    key: Key,
    generator: Callable[..., T],
    condition: Condition,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    strict: bool,
) -> T:
    """The value at a key of `group`, computed and stored if it is not there.

    Args:
        group: keeps it.
        lacks: whether a key is missing now; it is asked again before anything is written.
        location: where the group is.
        keep: stores a result, whole.
        key: where it is kept.
        generator: computes it.
        condition: whether to use the group at all.
        args: of `generator`.
        kwargs: likewise.
        strict: raise what keeps it from being read or stored.
    """
    if condition is not None and not condition(key):
        return generator(*args, **kwargs)
    unread = False
    try:
        if not lacks(key):
            try:
                found: T = group.load(key)
                return found
            except CheckpointerKeyError:  # deleted just now
                if key in group:
                    raise
    except Exception as error:
        if strict:
            raise
        # Before the computation, which may take long: who reads it may want to end that.
        warnings.warn(_not_read(location, key, error), ResultNotStoredWarning, stacklevel=4)
        unread = True
    value = generator(*args, **kwargs)
    try:
        if unread and not lacks(key):
            return value  # what is there may be whole for others: it is not replaced
        with location.handle.writing_alone():  # the one step that must be atomic
            if key in group:  # another one was faster: all get the value that is stored
                stored: T = group.load(key)
                return stored
            keep(key, value)
    except Exception as error:
        if strict:
            raise
        text = _not_stored(location, key, error)
        # The caller of the group's method, or of the decorated function.
        warnings.warn(text, ResultNotStoredWarning, stacklevel=4)
    return value


def _not_read(location: Location, key: Key, error: Exception) -> str:
    name = _name(location, key)
    told = f"what is stored for key {name!r} in {location.file} cannot be read"
    return f"{told}, and is left as it is: the result is computed ({_cause(error)})"


def _not_stored(location: Location, key: Key, error: Exception) -> str:
    is_there = isinstance(error, NotDurableError)
    what = "is stored, but not yet on the disk" if is_there else "is returned, but was not stored"
    name = _name(location, key)
    return f"the result for key {name!r} in {location.file} {what} ({_cause(error)})"


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _name(location: Location, key: Key) -> str:
    try:
        return join(location.path + parse(key))
    except HdfchkError:
        return str(key)


def cached(
    evaluate: Callable[..., Any],
    key: Key | Callable[..., Key],
    condition: Condition,
    *,
    strict: bool,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: `cached_eval` of a group at every call.

    Args:
        evaluate: that of the group.
        key: the key, or what makes it of the arguments.
        condition: as for `cached_eval`.
        strict: likewise.
    """

    def decorate(func: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(func)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            where = key(*args, **kwargs) if callable(key) else key
            value: T = evaluate(where, func, condition, args, kwargs, strict=strict)
            return value

        return call

    return decorate


def keyword_names(func: Callable[..., Any]) -> tuple[str, ...] | None:
    """The names that a function takes as keywords; None if it takes any."""
    parameters = inspect.signature(func).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return tuple(parameter.name for parameter in parameters if parameter.kind in _KEYWORD)
