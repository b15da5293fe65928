"""Codecs, and the encoder and decoder that they receive.

A codec converts a value to a tree (`hdfchk.tree`) and back; it never sees a file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
import numpy as np

from ..errors import (
    CorruptFileError,
    CycleError,
    HdfchkError,
    NestingError,
    UnknownTypeError,
    UnsupportedTypeError,
)
from ..tree import MAX_DEPTH, RESERVED_CHILDREN, Branch, Leaf, Mark, Node, Sequence, params_of
from .packing import KEY, fold, from_json, sort_key

if TYPE_CHECKING:
    from .registry import CodecRegistry

__all__ = ["Codec", "Decoder", "Encoder", "no_value", "without_attributes"]


@attrs.frozen
class Codec:
    """One encoding: the conversion of values of some exact types to a tree and back.

    Args:
        name: the name of the encoding in the file (`Mark.name`).
        types: the exact types it encodes: classes, or ``"package.Class"`` for optional
            libraries, which are not imported for the lookup; ``"package.*"`` for all other
            classes of a library that makes a class for each value.
        encode: ``encode(value, encoder) -> node``; it must not have side effects.
        decode: ``decode(node, decoder) -> value``; `node.mark` has the version and parameters.
        version: the version it writes; it must read all versions from 1 to this one.

    Example:
        >>> from hdfchk.tree import Leaf, Mark
        >>> mark = Mark("celsius")
        >>> class Celsius(float): ...
        >>> codec = Codec(
        ...     "celsius", (Celsius,),
        ...     encode=lambda value, encoder: Leaf(float(value), mark),
        ...     decode=lambda node, decoder: Celsius(node.data),
        ... )
        >>> from hdfchk import CodecRegistry
        >>> registry = CodecRegistry().add(codec)
        >>> type(registry.decode(registry.encode(Celsius(21.5)))).__name__
        'Celsius'
    """

    name: str
    types: tuple[type | str, ...]
    encode: Callable[[Any, Encoder], Node]
    decode: Callable[[Any, Decoder], Any]
    version: int = 1


@attrs.define(eq=False, repr=False)
class Encoder:
    """Encodes one value: finds the codec of each part, and rejects cycles and excessive nesting."""

    registry: CodecRegistry
    _open: set[int] = attrs.field(init=False, factory=set)
    _sequences: int = attrs.field(init=False, default=0)

    def encode(self, value: Any) -> Node:
        """Return the tree of `value`.

        Raises:
            UnsupportedTypeError: no codec can store this type exactly.
        """
        __tracebackhide__ = True
        encode = self.registry.encoders.get(type(value))
        if encode is None:
            encode = self.registry.encoder_of(value)
        return encode(value, self)

    @property
    def in_sequence(self) -> bool:
        """Whether the value is inside a sequence, and will be part of its packed text."""
        return self._sequences > 0

    def branch(self, owner: object, fields: Mapping[str, Any], mark: Mark | None) -> Branch:
        """Return a branch of the encoded `fields` of `owner`; names must be valid link names."""
        __tracebackhide__ = True
        self._enter(owner)
        try:
            children: dict[str, Node] = {}
            for name, item in fields.items():
                try:
                    children[name] = self.encode(item)
                except HdfchkError as error:
                    raise error.under(name) from error.__cause__
            return Branch(children, mark)
        finally:
            self._open.discard(id(owner))

    def sequence(
        self, owner: object, items: Iterable[Any], mark: Mark, *, in_order: bool = True
    ) -> Node:
        """Encode the `items` of `owner`, and pack them into one dataset and one for each array.

        Args:
            owner: the value.
            items: its parts.
            mark: its mark.
            in_order: the parts have an order; if not, they are sorted by their encoded form.
        """
        __tracebackhide__ = True
        self._enter(owner)
        self._sequences += 1
        try:
            nodes = []
            for index, item in enumerate(items):
                try:
                    nodes.append(self.encode(item))
                except HdfchkError as error:
                    raise error.under(f"[{index}]") from error.__cause__
        finally:
            self._sequences -= 1
            self._open.discard(id(owner))
        node = Sequence(nodes if in_order else sorted(nodes, key=sort_key), mark)
        # Only the outermost sequence is packed: inner sequences become part of its text.
        return node if self._sequences else fold(node)

    def refuse(self, value: object, why: str, hint: str) -> NoReturn:
        """Reject `value`, which cannot be stored exactly."""
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise UnsupportedTypeError(f"a {kind} {why}", hint=hint)

    def refuse_attributes(self, value: object, own: Collection[str] = ()) -> None:
        """Reject `value` if it has attributes that its stored form does not have.

        Args:
            value: an instance whose class gives it a ``__dict__``, or not.
            own: the names in it that belong to its library.
        """
        more = [name for name in getattr(value, "__dict__", ()) if name not in own]
        if more:
            self.refuse(
                value,
                f"with attributes of its own ({', '.join(map(str, more))})",
                "delete them (del value.name), or store them in a dict beside the value",
            )

    def _enter(self, owner: object) -> None:
        if id(owner) in self._open:
            raise CycleError(
                f"the {type(owner).__name__} contains itself",
                hint="cycles cannot be stored: store a key or an index instead",
            )
        if len(self._open) >= MAX_DEPTH:
            raise NestingError(
                f"nested more than {MAX_DEPTH} levels deep",
                hint="store the levels side by side, under separate keys",
            )
        self._open.add(id(owner))


def no_value(value: Any, encoder: Encoder) -> Node:
    """The `encode` of a codec without types, whose form is written by other code."""
    encoder.refuse(value, "cannot be a value", "store the value that it represents")


def without_attributes(
    encode: Callable[[Any, Encoder], Node], *own: str
) -> Callable[[Any, Encoder], Node]:
    """Return `encode` that rejects instances with attributes that are not of their library.

    Args:
        encode: of a codec.
        own: names that the library uses. Others, which depend on its version, are those that the
            class, or a copy of the value, has too; of a value that has no copies (a `Timedelta`,
            which computes some later), those that begin with an underscore.
    """
    known = frozenset(own)

    def checked(value: Any, encoder: Encoder) -> Node:
        names = getattr(value, "__dict__", None)
        if names and not known.issuperset(names):
            if hasattr(value, "copy"):
                copied = [*vars(value.copy())]
            else:
                copied = [name for name in names if str(name).startswith("_")]
            of_class = [name for name in names if hasattr(type(value), name)]
            encoder.refuse_attributes(value, {*known, *copied, *of_class})
        return encode(value, encoder)

    return checked


@attrs.define(eq=False, repr=False)
class Decoder:
    """Decodes one tree.

    Args:
        registry: the codecs and registered classes.
        allow_pickle: unpickle values that the McUtils checkpointer pickled. Unpickling executes
            code that the file names: use it only for files that you trust.
    """

    registry: CodecRegistry
    allow_pickle: bool = False

    def decode(self, node: Node) -> Any:
        """Return the value of a tree.

        Raises:
            UnknownTypeError: an encoding or class is not registered.
            CorruptFileError: the data contradict the mark.
        """
        mark = node.mark
        if mark is None:
            return self._unmarked(node)
        codec = self.registry.codec_named(mark)
        try:
            return codec.decode(node, self)
        except HdfchkError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as e:
            raise CorruptFileError(
                f"the data do not match their mark {mark.name!r} ({type(e).__name__}: {e})",
                hint="read the parts with chk.group(key) or with plain h5py",
            ) from e

    def fields(self, node: Branch) -> dict[str, Any]:
        """Return the decoded children of a branch."""
        values = {}
        for name, child in node.children.items():
            # A fast path: most children are scalars without a mark.
            if type(child) is Leaf and child.mark is None and type(child.data) is not np.ndarray:
                values[name] = child.data
                continue
            try:
                key = params_of(child).get(KEY)
                values[name if key is None else self._key(key, name)] = self.decode(child)
            except HdfchkError as error:
                raise error.under(name) from error.__cause__
        return values

    def items(self, node: Sequence) -> list[Any]:
        """Return the decoded items of a sequence."""
        return [self.decode(item) for item in node.items]

    def _key(self, form: Any, name: str) -> str:
        """Return the key of an item of a dict, of which its mark tells the packed form."""
        try:
            key = self.decode(from_json(form))
        except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
            raise CorruptFileError(
                f"its key is not readable ({error})", hint="restore it from a copy"
            ) from error
        if not isinstance(key, str) or str.__str__(key) != name:
            raise CorruptFileError(
                f"the key {key!r} does not have the name of its link", hint="restore it from a copy"
            )
        return key

    def _unmarked(self, node: Node) -> Any:
        if isinstance(node, Leaf):
            data = node.data
            # An unmarked scalar dataset whose type has no Python equivalent is a NumPy scalar.
            return data[()] if isinstance(data, np.ndarray) and data.ndim == 0 else data
        if isinstance(node, Sequence):
            raise UnknownTypeError("a sequence without a mark")
        if not RESERVED_CHILDREN.isdisjoint(node.children):
            return self.registry.legacy(node, self)
        return self.fields(node)
