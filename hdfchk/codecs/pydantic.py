"""The state of instances of pydantic models, which are registered by their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UnknownTypeError, UnsupportedTypeError

__all__ = ["from_state_of", "is_model", "to_state"]

_FIELDS = "__dict__"
_SET = "__pydantic_fields_set__"
_MORE = ("__pydantic_extra__", "__pydantic_private__")


def is_model(cls: type) -> bool:
    """Whether a class is a pydantic model."""
    return hasattr(cls, "model_fields") and any(
        base.__module__.partition(".")[0] == "pydantic" and base.__name__ == "BaseModel"
        for base in cls.__mro__
    )


def to_state(value: Any) -> dict[str, Any]:
    """Return the fields of an instance, and additional state of pydantic, if any."""
    inside = value.__getstate__()
    state = dict(inside[_FIELDS])
    missing = [name for name in type(value).model_fields if name not in state]
    if missing:  # as of model_construct(), which checks nothing
        raise UnsupportedTypeError(
            f"a {type(value).__qualname__} without its field {missing[0]!r}",
            hint="set all fields first",
        )
    if inside[_SET] != set(type(value).model_fields):
        state[_SET] = set(inside[_SET])
    return state | {name: inside[name] for name in _MORE if inside.get(name) is not None}


def from_state_of(cls: Any) -> Callable[[dict[str, Any]], Any]:
    """Return the inverse of `to_state` for a class. As in unpickling, nothing is validated."""

    def from_state(state: dict[str, Any]) -> Any:
        fields = {name: item for name, item in state.items() if name not in {_SET, *_MORE}}
        missing = [name for name in cls.model_fields if name not in fields]
        if missing:
            raise UnknownTypeError(
                f"the stored {cls.__qualname__!r} has no field {missing[0]!r}",
                hint="increase register(version=...) when fields change, and pass migrate=",
            )
        known = set(cls.model_fields)
        inside = {_FIELDS: fields, _SET: set(state.get(_SET, known))}
        value = cls.__new__(cls)
        value.__setstate__({**inside, **{name: state.get(name) for name in _MORE}})
        return value

    return from_state
