"""Filters of keys: the rules for allowed and omitted keys, applied to every level of a path."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import attrs

from .. import keys
from ..errors import InvalidKeyTypeError
from ..keys import Path
from ..typing import KeyRule

__all__ = ["Filters", "KeyFilter", "Verdict"]

Rule = Path | Callable[[str], object]


class Verdict(enum.IntEnum):
    """The verdict of a filter on a path."""

    NONE = 0
    """The path is hidden."""
    PART = 1
    """A dict at the path is visible, with only the allowed keys below it."""
    FULL = 2
    """The path is visible, with everything below it that is not omitted."""


def _rules(given: Any, name: str) -> tuple[Rule, ...] | None:
    """Parse an argument: a key, an iterable of keys, or a callable."""
    if given is None:
        return None
    if isinstance(given, str):
        return (keys.parse(given),)  # one key, not a sequence of characters
    if callable(given):
        return (given,)
    if not isinstance(given, Iterable):
        raise InvalidKeyTypeError(
            f"{name} is a key, an iterable of keys or a callable, not {given!r}"
        )
    return tuple(keys.parse(key) for key in given)


def _advance(pattern: Path, states: set[int], name: str) -> set[int]:
    """Return the positions in `pattern` reached from `states` by one more level."""
    reached: set[int] = set()
    for state in states:
        if state == len(pattern):
            continue
        part = pattern[state]
        if part == "**":
            # At the end it matches at least one level, elsewhere any number.
            reached.add(state)
            if state == len(pattern) - 1:
                reached.add(state + 1)
        elif part == name or fnmatchcase(name, part):
            reached.add(state + 1)
    return _skip_stars(pattern, reached)


def _skip_stars(pattern: Path, states: set[int]) -> set[int]:
    for state in sorted(states):
        while state < len(pattern) - 1 and pattern[state] == "**":
            state += 1  # noqa: PLW2901  a run of ** is skipped as one
            states.add(state)
    return states


def _match(pattern: Path, path: Path) -> Verdict:
    """Return FULL if `path`, or a level above it, matches; PART if a path below it may match."""
    states = _skip_stars(pattern, {0})
    for name in path:
        states = _advance(pattern, states, name)
        if len(pattern) in states:
            return Verdict.FULL
    return Verdict.PART if states else Verdict.NONE


def _ask(rule: Callable[[str], object], names: Iterable[str]) -> bool:
    return any(rule(name) for name in names)


@attrs.frozen
class KeyFilter:
    """The rules for allowed and omitted keys. Omitted takes precedence over allowed.

    A key may be a path (``"wfn/energies"`` or a tuple) or a glob: ``*``, ``?`` and ``[…]`` match
    within one level, ``**`` across levels. If ``a/b`` is allowed, ``a`` is visible with only ``b``.
    A callable for allowed keys is called with the key of the first level; one for omitted keys with
    the path of every level (``"a"``, ``"a/b"``).

    Args:
        allowed: the rules of which one must match; None to allow every path.
        omitted: the rules of which none may match.

    Example:
        >>> rule = KeyFilter.make(allowed_keys=["step_*", "wfn/energies"], omitted_keys="step_0")
        >>> [rule.verdict((key,)).name for key in ("step_1", "step_0", "wfn", "x")]
        ['FULL', 'NONE', 'PART', 'NONE']
    """

    allowed: tuple[Rule, ...] | None = None
    omitted: tuple[Rule, ...] = ()

    @classmethod
    def make(
        cls, allowed_keys: KeyRule | None = None, omitted_keys: KeyRule | None = None
    ) -> KeyFilter:
        """Return the filter for two arguments: each a key, an iterable of keys, or a callable.

        Raises:
            InvalidKeyTypeError: an argument has another type (a `TypeError`).
            InvalidKeyError: a key is not valid (a `ValueError`).
        """
        return cls(_rules(allowed_keys, "allowed_keys"), _rules(omitted_keys, "omitted_keys") or ())

    @property
    def is_open(self) -> bool:
        """Whether every path is visible."""
        return self.allowed is None and not self.omitted

    def verdict(self, path: Path) -> Verdict:
        """Return the verdict on a path; the root is always visible."""
        if not path or self.is_open:
            return Verdict.FULL
        for rule in self.omitted:
            if callable(rule):
                if _ask(rule, (keys.join(path[:depth]) for depth in range(1, len(path) + 1))):
                    return Verdict.NONE
            elif _match(rule, path) is Verdict.FULL:
                return Verdict.NONE
        if self.allowed is None:
            return Verdict.FULL
        best = Verdict.NONE
        for rule in self.allowed:
            if callable(rule):
                found = Verdict.FULL if rule(path[0]) else Verdict.NONE
            else:
                found = _match(rule, path)
            best = max(best, found)
        return best

    def is_whole(self, path: Path) -> bool:
        """Whether every path below `path` is visible, whatever is stored there."""
        if self.is_open:
            return True
        if path and self.allowed is not None and self.verdict(path) is not Verdict.FULL:
            return False
        if not path and self.allowed is not None:
            return False
        return not any(
            callable(rule) or _match(rule, path) is not Verdict.NONE for rule in self.omitted
        )


@attrs.frozen(repr=False)
class Filters:
    """The filters of a view, each with its base path.

    Args:
        stack: pairs of a base path and a filter; a path must be visible through all of them.
    """

    stack: tuple[tuple[Path, KeyFilter], ...] = ()

    def add(self, base: Path, rule: KeyFilter) -> Filters:
        """Return these filters and an additional one."""
        return self if rule.is_open else Filters((*self.stack, (base, rule)))

    def verdict(self, path: Path) -> Verdict:
        """Return the joint verdict of all filters on an absolute path."""
        worst = Verdict.FULL
        for base, rule in self.stack:
            worst = min(worst, rule.verdict(path[len(base) :]))
        return worst

    def is_whole(self, path: Path) -> bool:
        """Whether every path below `path` is visible."""
        return all(rule.is_whole(path[len(base) :]) for base, rule in self.stack)

    def wants(self, path: Path, is_dict: bool) -> bool:
        """Whether `path` is visible; in part only if it holds a dict."""
        found = self.verdict(path)
        return found is Verdict.FULL or (found is Verdict.PART and is_dict)
