"""Registered classes: dataclasses, attrs classes, enums, namedtuples, ``to_state`` classes.

A file identifies a class only by its registered name: no class is imported because a file
names it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import attrs

from .. import keys
from ..errors import RegistrationError, UnknownTypeError
from ..tree import Leaf, Mark, Node, Sequence, params_of
from . import pydantic
from .codec import Codec, Decoder, Encoder, no_value

__all__ = ["CODECS", "Record", "describe", "is_redefinition"]

STATE = "state"
"""The only child of a record whose state is not a dict of fields."""

_OWN_STATE = (
    "pass register() to_state= and from_state=, or give the class to_state() and a class method "
    "from_state(state)"
)


@attrs.frozen
class Record:
    """A registered class.

    Args:
        cls: the class.
        name: its name in files.
        version: the version of its state.
        migrate: converts the state of an older version, or None.
        fields: the names of its fields, or None for classes with a state of their own.
        slots: the names of its other slots, which may be empty.
        to_state: returns the state of an instance: a method of the class, or a function given at
            registration; None for classes with fields.
        from_state: the inverse of `to_state`.
    """

    cls: type
    name: str
    version: int
    migrate: Callable[[Any, int], Any] | None
    fields: tuple[str, ...] | None
    slots: tuple[str, ...] = ()
    to_state: Callable[..., Any] | None = None
    from_state: Callable[..., Any] | None = None

    def encode(self, value: Any, encoder: Encoder) -> Node:
        """Return the tree of an instance: a branch of its fields, or a leaf with an enum's name."""
        mark = Mark("record", 1, {"class": self.name, "version": self.version})
        if isinstance(value, enum.Enum):
            return _encode_enum(value, mark, encoder)
        state = self._state(value, encoder)
        if type(state) is not dict or not all(_is_field(name) for name in state):
            state, mark = {STATE: state}, attrs.evolve(mark, params={**mark.params, "whole": True})
        return encoder.branch(value, state, mark)

    def rebuild(self, state: Any, version: int, decoder: Decoder) -> Any:
        """Return an instance from a decoded state.

        Raises:
            UnknownTypeError: the state has another version, or lacks fields.
        """
        make = self.from_state
        takes_version = make is not None and _takes(make, "version")
        if version != self.version:
            if self.migrate is not None and version < self.version:
                state = self.migrate(state, version)
            elif not (takes_version and version < self.version):
                raise UnknownTypeError(
                    f"a {self.name!r} of version {version}, but version {self.version} is "
                    "registered without migrate=",
                    hint="pass register() a migrate= that converts the old state",
                )
        if issubclass(self.cls, enum.Enum):
            return self._member(state)
        if make is None:
            return self._from_fields(state)
        options: dict[str, Any] = {"version": version} if takes_version else {}
        if _takes(make, "serializer"):
            options["serializer"] = decoder.registry
        return make(state, **options)

    def _state(self, value: Any, encoder: Encoder) -> Any:
        if self.to_state is not None:
            if _takes(self.to_state, "serializer"):
                return self.to_state(value, serializer=encoder.registry)
            return self.to_state(value)
        try:
            state = {name: getattr(value, name) for name in self.fields or ()}
        except AttributeError as error:
            encoder.refuse(value, f"lacks a field ({error})", "set all fields first")
        # Other attributes (for example, a cached property) are part of the state.
        slots = {name: getattr(value, name) for name in self.slots if hasattr(value, name)}
        return state | slots | getattr(value, "__dict__", {})

    def _member(self, state: Any) -> Any:
        try:
            return self.cls[state] if isinstance(state, str) else self.cls(state["value"])  # type: ignore[index]
        except (KeyError, ValueError) as error:
            raise UnknownTypeError(
                f"{self.name!r} has no member {state!r}",
                hint="register a newer version with a migrate= for the removed members",
            ) from error

    def _from_fields(self, state: dict[str, Any]) -> Any:
        missing = [name for name in self.fields or () if name not in state]
        if missing:
            raise UnknownTypeError(
                f"the stored {self.name!r} has no field {missing[0]!r}",
                hint="increase register(version=...) when fields change, and pass migrate=",
            )
        if issubclass(self.cls, tuple):
            value = self.cls._make(state[name] for name in self.fields or ())  # type: ignore[attr-defined]
            state = {name: item for name, item in state.items() if name not in (self.fields or ())}
            return self._with_attributes(value, state)
        # Bypass __init__, which may have side effects: the state is complete.
        return self._with_attributes(object.__new__(self.cls), state)

    def _with_attributes(self, value: Any, state: dict[str, Any]) -> Any:
        for name, item in state.items():
            try:
                object.__setattr__(value, name, item)
            except AttributeError as error:
                raise UnknownTypeError(
                    f"the class {self.name!r} does not have the stored field {name!r}",
                    hint="increase register(version=...) when fields change, and pass migrate=",
                ) from error
        return value


def describe(
    cls: type,
    *,
    name: str | None,
    version: int,
    migrate: Callable[[Any, int], Any] | None,
    to_state: Callable[[Any], Any] | None = None,
    from_state: Callable[..., Any] | None = None,
) -> Record:
    """Return the record for a class.

    Raises:
        RegistrationError: instances of the class cannot be stored and rebuilt.
    """
    text = name or f"{cls.__module__}:{cls.__qualname__}"
    if type(version) is not int or version < 1:
        raise RegistrationError(f"version {version!r} of {text!r} is not a positive int")
    if (to_state is None) != (from_state is None):
        raise RegistrationError(
            f"{text!r} has only one of to_state= and from_state=", hint="pass both, or neither"
        )
    if to_state is None and hasattr(cls, "to_state") and hasattr(cls, "from_state"):
        to_state, from_state = cls.to_state, cls.from_state
    if to_state is None and pydantic.is_model(cls):
        to_state, from_state = pydantic.to_state, pydantic.from_state_of(cls)
    if to_state is not None:
        return Record(cls, text, version, migrate, None, (), to_state, from_state)
    fields = _fields_of(cls, text)
    if fields and cls.__base__ not in {object, tuple} and _holds_more(cls):
        raise RegistrationError(
            f"{text!r} inherits from {cls.__base__!r}, whose contents are not fields",
            hint=_OWN_STATE,
        )
    return Record(cls, text, version, migrate, fields, _other_slots(cls, fields or ()))


def _other_slots(cls: type, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the slots of a class, and of its bases, that are not fields."""
    found: dict[str, None] = {}
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            is_private = name.startswith("__") and not name.endswith("__")
            found[f"_{base.__name__.lstrip('_')}{name}" if is_private else name] = None
    return tuple(name for name in found if name not in {*fields, "__dict__", "__weakref__"})


def _fields_of(cls: type, text: str) -> tuple[str, ...]:
    """Return the names of the fields of a class; an enum has none."""
    import dataclasses

    if dataclasses.is_dataclass(cls):
        return tuple(field.name for field in dataclasses.fields(cls))
    if attrs.has(cls):
        return tuple(field.name for field in attrs.fields(cls))
    if issubclass(cls, enum.Enum):
        return ()
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return tuple(cls._fields)
    raise RegistrationError(
        f"{text!r} is not a dataclass, attrs class, enum or namedtuple", hint=_OWN_STATE
    )


def is_redefinition(old: Any, new: Any) -> bool:
    """Whether `new` is `old`, or the same class or function defined again."""
    if old is new or isinstance(old, type) is not isinstance(new, type):
        return old is new
    return _place_of(old) == _place_of(new) is not None


def _place_of(target: Any) -> tuple[str, str] | None:
    """Return where a class or function is defined; None for other callables."""
    try:
        return target.__module__, target.__qualname__
    except AttributeError:
        return None


def _holds_more(cls: type) -> bool:
    """Whether a built-in base class has its own contents (items of a dict, value of an int)."""
    return any(
        base.__module__ == "builtins" and base not in {object, tuple} for base in cls.__mro__
    )


def _is_field(name: object) -> bool:
    return type(name) is str and keys.problem_of_name(name) is None


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter `name`."""
    import inspect

    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # a class or function in C, which does not tell: it takes the state alone
        return False


def _encode_enum(value: enum.Enum, mark: Mark, encoder: Encoder) -> Node:
    # A combination of flags is not a member with a single name.
    if isinstance(value, enum.Flag) and value.name not in type(value).__members__:
        return encoder.branch(value, {"value": value.value}, mark)
    return Leaf(value.name, mark)


def _decode(node: Node, decoder: Decoder) -> Any:
    params = params_of(node)
    record = decoder.registry.record_named(params["class"])
    if isinstance(node, Leaf):
        state: Any = node.data
    elif isinstance(node, Sequence):
        state = decoder.items(node)
    else:
        state = decoder.fields(node)
    if params.get("whole"):
        state = state[STATE]
    return record.rebuild(state, params["version"], decoder)


CODECS = (Codec("record", (), no_value, _decode),)
