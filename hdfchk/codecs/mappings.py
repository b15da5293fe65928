"""Codecs of dict, OrderedDict, defaultdict and Counter.

If all keys are `str` and valid link names, they are stored as groups; otherwise as packed pairs,
so that each key keeps its type. Of a key of a subclass of `str` (`numpy.str_`, a member of a
`StrEnum`) the mark of the item tells what it is. An `OrderedDict` or `Counter` with attributes (the
``_metadata`` of the state of a torch module) has them, as a dict, beside its items.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from itertools import chain
from typing import Any

import attrs
import numpy as np

from .. import keys
from ..errors import HdfchkError, UnknownTypeError
from ..tree import RESERVED_CHILDREN, Branch, Leaf, Mark, Node, Sequence, params_of
from .codec import Codec, Decoder, Encoder
from .packing import KEY, to_json
from .portable import own_mark

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


def _encode(
    mark: Mark | None,
    value: dict[Any, Any],
    encoder: Encoder,
    attributes: dict[str, Any] | None = None,
) -> Node:
    keys_of: dict[str, Any] = {}
    fields: dict[str, Any] | None = value
    if not _is_group(value):
        keys_of = _other_keys(value, encoder)
        fields = {str.__str__(key): item for key, item in value.items()} if keys_of else None
    if fields is None:
        items = [*chain.from_iterable(value.items()), *([attributes] if attributes else ())]
        return encoder.sequence(value, items, mark or DICT)
    if attributes:
        name = ATTRIBUTES
        while name in fields:
            name += "_"
        fields = {**fields, name: attributes}
        mark = attrs.evolve(mark or DICT, params={"attributes": name})
    if mark is None and not RESERVED_CHILDREN.isdisjoint(fields):
        mark = DICT  # otherwise it would be read as a McUtils form
    node = encoder.branch(value, fields, mark)
    for name, key in keys_of.items():
        child = node.children[name]
        own = own_mark(child)
        marked = attrs.evolve(own, params={**own.params, KEY: key})
        node.children[name] = attrs.evolve(child, mark=marked)
    return node


def _other_keys(value: dict[Any, Any], encoder: Encoder) -> dict[str, Any]:
    """Return the packed form of each key of a subclass of `str`, by its text.

    It is empty if a key is not a link name, or no scalar can represent it.
    """
    found: dict[str, Any] = {}
    for key in value:
        if not isinstance(key, str) or keys.problem_of_name(str.__str__(key)) is not None:
            return {}
        if type(key) is str:
            continue
        name = str.__str__(key)
        try:
            node = encoder.encode(key)
        except HdfchkError as error:
            raise error.under(name) from error.__cause__
        if not isinstance(node, Leaf) or isinstance(node.data, np.ndarray):
            return {}
        found[name] = to_json(node)
    # Classes may have an idea of their own of which of their instances are equal.
    return found if len({str.__str__(key) for key in value}) == len(value) else {}


def _fields(node: Branch | Sequence, decoder: Decoder) -> dict[Any, Any]:
    if isinstance(node, Branch):
        return decoder.fields(node)
    return _paired(decoder.items(node))


def _paired(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _encode_with_attributes(value: dict[Any, Any], encoder: Encoder) -> Node:
    attributes = dict(vars(value))
    mark = Mark(type(value).__name__, 2 if attributes else 1)
    return _encode(mark, value, encoder, attributes)


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
