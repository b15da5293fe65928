"""Functions and stores: storing results, and passing stored values as keyword arguments."""

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
    """The part of a group that `cached_eval` uses to look results up."""

    def __contains__(self, key: object, /) -> bool:
        """Whether there is a result at a key."""

    def load(self, key: Key) -> Any:
        """Return the result at a key."""


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
    """Return the value at a key of `group`; compute and store it if there is none.

    Args:
        group: the group that holds the result.
        lacks: a function: whether a key is missing. If the value cannot be read, it is called
            again after the computation, before anything is written.
        location: the location of the group.
        keep: a function that stores a result completely or not at all.
        key: the key of the result.
        generator: the function that computes it.
        condition: a function of the key: whether to use the group at all; None for always.
        args: the positional arguments of `generator`.
        kwargs: its keyword arguments.
        strict: raise the error if the result cannot be read or stored, instead of a warning.
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
        # Warn before the computation: it may take long, and the user may want to stop it.
        warnings.warn(_not_read(location, key, error), ResultNotStoredWarning, stacklevel=4)
        unread = True
    value = generator(*args, **kwargs)
    try:
        if unread and not lacks(key):
            return value  # others may be able to read what is stored: keep it
        with location.handle.writing_alone():  # the one step that must be atomic
            if key in group:  # another call stored it first: all return the stored value
                stored: T = group.load(key)
                return stored
            keep(key, value)
    except Exception as error:
        if strict:
            raise
        text = _not_stored(location, key, error)
        # `stacklevel`: the caller of the group's method, or of the decorated function.
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
    """Return a decorator that calls `cached_eval` of a group at every call.

    Args:
        evaluate: `cached_eval` of the group, without its arguments `group` to `keep`.
        key: the key, or a function that makes it from the arguments.
        condition: as for `cached_eval`.
        strict: as for `cached_eval`.
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
    """Return the names that a function accepts as keywords; None if it accepts any."""
    parameters = inspect.signature(func).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return tuple(parameter.name for parameter in parameters if parameter.kind in _KEYWORD)
