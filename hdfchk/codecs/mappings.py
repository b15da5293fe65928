"""Codecs of dict, OrderedDict, defaultdict and Counter.

If all keys are `str` and valid link names, they are stored as groups; otherwise as packed pairs,
so that each key keeps its type. An `OrderedDict` or `Counter` with attributes (the ``_metadata`` of
the state of a torch module) has them, as a dict, beside its items.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from itertools import chain
from typing import Any

import attrs

from .. import keys
from ..errors import UnknownTypeError
from ..tree import RESERVED_CHILDREN, Branch, Mark, Node, Sequence, params_of
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]

_FACTORIES: dict[str, Any] = {
    cls.__name__: cls for cls in (list, dict, set, tuple, int, float, str, bool, complex, bytes)
}
DICT = Mark("dict")
ATTRIBUTES = "attributes"
"""The name of the child with the attributes; with underscores where that is a key."""


def _is_group(value: dict[Any, Any]) -> bool:
    # Nearly all keys are identifiers, which C code checks quickly.
    return all(
        type(key) is str and (key.isidentifier() or keys.problem_of_name(key) is None)
        for key in value
    )


def _encode(mark: Mark | None, value: dict[Any, Any], encoder: Encoder) -> Node:
    if not _is_group(value):
        pairs = chain.from_iterable(value.items())
        return encoder.sequence(value, pairs, mark or DICT)
    if mark is None and not RESERVED_CHILDREN.isdisjoint(value):
        mark = DICT  # otherwise it would be read as a McUtils form
    return encoder.branch(value, value, mark)


def _fields(node: Branch | Sequence, decoder: Decoder) -> dict[Any, Any]:
    if isinstance(node, Branch):
        return decoder.fields(node)
    return _paired(decoder.items(node))


def _paired(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _encode_with_attributes(value: dict[Any, Any], encoder: Encoder) -> Node:
    mark = Mark(type(value).__name__)
    attributes = dict(vars(value))
    if not attributes:
        return _encode(mark, value, encoder)
    if not _is_group(value):
        mark = attrs.evolve(mark, version=2)
        return encoder.sequence(value, [*chain.from_iterable(value.items()), attributes], mark)
    name = ATTRIBUTES
    while name in value:
        name += "_"
    mark = Mark(mark.name, 2, {"attributes": name})
    return encoder.branch(value, {**value, name: attributes}, mark)


def _decode_with_attributes(cls: Any) -> Any:
    def decode(node: Branch | Sequence, decoder: Decoder) -> Any:
        attributes: dict[str, Any] = {}
        if node.mark is None or node.mark.version == 1:
            fields = _fields(node, decoder)
        elif isinstance(node, Branch):
            fields = decoder.fields(node)
            attributes = fields.pop(params_of(node)["attributes"])
        else:
            *items, attributes = decoder.items(node)
            fields = _paired(items)
        value = cls()
        # Counter.update would add, and lose the order; dict.update would pass by an OrderedDict.
        (dict.update if cls is Counter else cls.update)(value, fields)
        vars(value).update(attributes)
        return value

    return decode


def _encode_default(value: defaultdict[Any, Any], encoder: Encoder) -> Node:
    factory = value.default_factory
    name: str | None = None
    if factory is not None:
        builtin = getattr(factory, "__name__", "")
        known = _FACTORIES.get(builtin) is factory
        name = builtin if known else encoder.registry.name_of(factory)
        if name is None:
            encoder.refuse(
                value,
                f"whose default_factory is {factory!r}",
                "pass the factory to hdfchk.register(), with a name",
            )
    return _encode(Mark("defaultdict", 1, {"factory": name}), value, encoder)


def _decode_default(node: Branch | Sequence, decoder: Decoder) -> defaultdict[Any, Any]:
    name = params_of(node).get("factory")
    factory = None
    if name is not None:
        factory = _FACTORIES.get(name) or decoder.registry.callable_named(name)
    if factory is not None and not callable(factory):
        raise UnknownTypeError(f"the default factory {name!r} is not registered")
    return defaultdict(factory, _fields(node, decoder))


CODECS = (
    Codec("dict", (dict,), lambda value, encoder: _encode(None, value, encoder), _fields),
    Codec("defaultdict", (defaultdict,), _encode_default, _decode_default),
    *(
        Codec(cls.__name__, (cls,), _encode_with_attributes, _decode_with_attributes(cls), 2)
        for cls in (OrderedDict, Counter)
    ),
)
