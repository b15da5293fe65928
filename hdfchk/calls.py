"""Functions and stores: keeping results, and passing stored values as keyword arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import CheckpointerKeyError

if TYPE_CHECKING:
    from .group import Group
    from .keys import Key

__all__ = ["cached", "cached_eval", "keyword_names"]

T = TypeVar("T")
_KEYWORD = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


def cached_eval(
    group: Group,
    key: Key,
    generator: Callable[..., T],
    condition: Callable[[Key], object] | None,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> T:
    """The value at a key of `group`, computed and stored if it is not there."""
    if condition is not None and not condition(key):
        return generator(*args, **kwargs)
    if not group._lacks(key):  # noqa: SLF001
        try:
            found: T = group.load(key)
            return found
        except CheckpointerKeyError:
            if key in group:
                raise
    value = generator(*args, **kwargs)
    with group._context.handle.writing_alone():  # noqa: SLF001  the one step that must be atomic
        if key in group:  # another one was faster: all get the value that is stored
            stored: T = group.load(key)
            return stored
        group[key] = value
    return value


def cached(
    group: Group, key: Key | Callable[..., Key], condition: Callable[[Key], object] | None
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """A decorator: `cached_eval` at every call."""

    def decorate(func: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> T:
            where = key(*args, **kwargs) if callable(key) else key
            return cached_eval(group, where, func, condition, args, kwargs)

        return call

    return decorate


def keyword_names(func: Callable[..., Any]) -> tuple[str, ...] | None:
    """The names that a function takes as keywords; None if it takes any."""
    parameters = inspect.signature(func).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return tuple(parameter.name for parameter in parameters if parameter.kind in _KEYWORD)
