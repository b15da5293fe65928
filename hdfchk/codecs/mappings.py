"""Codecs of dict, OrderedDict, defaultdict and Counter.

If all keys are `str` and valid link names, they are stored as groups; otherwise as packed pairs,
so that each key keeps its type.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from itertools import chain
from typing import Any

from .. import keys
from ..errors import UnknownTypeError
from ..tree import RESERVED_CHILDREN, Branch, Mark, Node, Sequence, params_of
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]

_FACTORIES: dict[str, Any] = {
    cls.__name__: cls for cls in (list, dict, set, tuple, int, float, str, bool, complex, bytes)
}
DICT = Mark("dict")


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
    items = iter(decoder.items(node))
    return dict(zip(items, items, strict=True))


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


def _decode_counter(node: Branch | Sequence, decoder: Decoder) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    dict.update(counter, _fields(node, decoder))  # Counter.update would add, and lose the order
    return counter


CODECS = (
    Codec("dict", (dict,), lambda value, encoder: _encode(None, value, encoder), _fields),
    Codec(
        "OrderedDict",
        (OrderedDict,),
        lambda value, encoder: _encode(Mark("OrderedDict"), value, encoder),
        lambda node, decoder: OrderedDict(_fields(node, decoder)),
    ),
    Codec("defaultdict", (defaultdict,), _encode_default, _decode_default),
    Codec(
        "Counter",
        (Counter,),
        lambda value, encoder: _encode(Mark("Counter"), value, encoder),
        _decode_counter,
    ),
)
