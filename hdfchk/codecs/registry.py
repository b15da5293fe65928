"""The registry: which codec keeps which type, and which classes may be rebuilt.

What a store's ``serializer=`` takes. Registries are instances: copied and passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..errors import RegistrationError, UnknownTypeError, UnsupportedTypeError
from ..tree import Branch, Mark, Node
from . import legacy, portable, records
from .codec import Codec, Decoder, Encoder
from .families import CODECS
from .portable import NATIVE, Capabilities
from .records import Record

__all__ = ["CodecRegistry", "default_registry"]

T = TypeVar("T")
Encode = Callable[[Any, Encoder], Node]


class CodecRegistry:
    """Codecs by type and by name, and the registered classes.

    A new registry knows every family of `docs/types.md` and no class of yours.

    Args:
        codecs: the codecs to start from; by default all that hdfchk has.

    Guarantees:
        `encode` and `decode` change nothing and may run in many threads; adding to a registry
        while others use it is safe, and takes effect for the values that they encode next.

    Example:
        >>> registry = CodecRegistry()
        >>> registry.decode(registry.encode({"steps": 3, "who": ("a", None)}))
        {'steps': 3, 'who': ('a', None)}
    """

    def __init__(self, codecs: Iterable[Codec] = CODECS) -> None:
        self.encoders: dict[type, Encode] = {}
        self._by_type_name: dict[str, Codec] = {}
        self._by_name: dict[str, Codec] = {}
        self._records: dict[type, Record] = {}
        self._records_by_name: dict[str, Record] = {}
        self._factories: dict[str, Callable[..., Any]] = {}
        for codec in codecs:
            self.add(codec)

    def __repr__(self) -> str:
        """Counts, not contents."""
        return f"<CodecRegistry: {len(self._by_name)} codecs, {len(self._records)} classes>"

    def add(self, codec: Codec) -> CodecRegistry:
        """Add a codec; returns the registry, so that calls chain.

        Raises:
            RegistrationError: its name, or one of its types, has a codec already.
        """
        taken = [t for t in codec.types if t in self.encoders or t in self._by_type_name]
        if codec.name in self._by_name or taken:
            raise RegistrationError(
                f"codec {codec.name!r}: its name or types {taken} have a codec already",
                hint="give it a name and types of its own",
            )
        self._by_name[codec.name] = codec
        for known in codec.types:
            if isinstance(known, str):
                self._by_type_name[known] = codec
            else:
                self.encoders[known] = codec.encode
        return self

    def copy(self) -> CodecRegistry:
        """A registry with the same codecs and classes, to which more can be added."""
        other = CodecRegistry(())
        other.encoders = dict(self.encoders)
        other._by_type_name = dict(self._by_type_name)
        other._by_name = dict(self._by_name)
        other._records = dict(self._records)
        other._records_by_name = dict(self._records_by_name)
        other._factories = dict(self._factories)
        return other

    __copy__ = copy

    def __reduce__(self) -> Any:
        """The default registry pickles by its name; others as their contents."""
        return "default_registry" if self is default_registry else super().__reduce__()

    def register(
        self,
        cls: T | None = None,
        *,
        name: str | None = None,
        version: int = 1,
        migrate: Callable[[Any, int], Any] | None = None,
    ) -> Any:
        """Allow a class to be stored and rebuilt. Call it, or use it as a decorator.

        Args:
            cls: a dataclass, an attrs class, an enum, a namedtuple, a class with ``to_state()``
                and a class method ``from_state(state)``, or a function that makes the default
                of a `collections.defaultdict`.
            name: the name in the file; by default ``module:QualName``. Give one to what may
                move to another module: files know the class by this name alone.
            version: the version of the class's stored form, from 1; raise it with the fields.
            migrate: ``migrate(state, version) -> state`` brings the state of an older version
                up to date. A ``from_state`` that takes ``version`` may do it itself.

        Returns:
            `cls`, or a decorator where `cls` is not given.

        Raises:
            RegistrationError: the class is of none of these kinds, or the name is taken.

        Example:
            >>> import dataclasses
            >>> registry = CodecRegistry()
            >>> @registry.register(name="point")
            ... @dataclasses.dataclass(frozen=True)
            ... class Point:
            ...     x: float
            ...     y: float
            >>> registry.decode(registry.encode(Point(1.0, 2.0)))
            Point(x=1.0, y=2.0)
        """
        if cls is None:
            return lambda target: self.register(target, name=name, version=version, migrate=migrate)
        if not isinstance(cls, type):
            self._register_factory(cls, name)
            return cls
        record = records.describe(cls, name=name, version=version, migrate=migrate)
        known = self._records_by_name.get(record.name)
        # The same class defined again (a notebook's cell run twice) takes the place of the old.
        if known is not None and not records.is_redefinition(known.cls, cls):
            raise RegistrationError(
                f"the name {record.name!r} belongs to {known.cls!r} already",
                hint="pass register() another name",
            )
        if cls in self.encoders and cls not in self._records:
            raise RegistrationError(f"{cls!r} has a codec already", hint="it needs no register()")
        if known is not None and known.cls is not cls:
            self._records.pop(known.cls, None)
            self.encoders.pop(known.cls, None)
        self._records[cls] = self._records_by_name[record.name] = record
        self.encoders[cls] = record.encode
        return cls

    def encode(self, value: Any, capabilities: Capabilities = NATIVE) -> Node:
        """Encode a whole value into a tree.

        Args:
            value: any value of the families in `docs/types.md`.
            capabilities: what the backend keeps natively.

        Raises:
            UnsupportedTypeError: a part cannot be kept exactly; `key` is the path to it.
        """
        node = Encoder(self).encode(value)
        return node if capabilities is NATIVE else portable.lower(node, capabilities)

    def decode(self, node: Node, *, allow_pickle: bool = False) -> Any:
        """Rebuild the value of a tree.

        Raises:
            UnknownTypeError: a name that is not registered here.
            CorruptFileError: the data contradict their mark.
        """
        return Decoder(self, allow_pickle).decode(node)

    def encoder_of(self, value: Any) -> Encode:
        """The encode function for the exact type of `value`, looked up the slow way."""
        cls = type(value)
        # By package and name: where in its package a class lives changes between versions.
        codec = self._by_type_name.get(f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}")
        if codec is not None:
            self.encoders[cls] = codec.encode
            return codec.encode
        raise UnsupportedTypeError(
            f"a value of type {cls.__module__}.{cls.__qualname__} cannot be kept exactly",
            hint=records.way_out(cls, self.encoders),
        )

    def serialize(self, value: Any) -> Any:
        """`value` itself: what the ``to_state(serializer)`` of an older script calls on parts.

        Parts of a state are encoded with it.
        """
        return value

    def deserialize(self, value: Any) -> Any:
        """`value` itself: the inverse of `serialize`, for ``from_state(state, serializer)``."""
        return value

    def codec_named(self, mark: Mark) -> Codec:
        """The codec of a mark.

        Raises:
            UnknownTypeError: no such codec, or the file was written by a newer version of it.
        """
        codec = self._by_name.get(mark.name)
        if codec is None:
            raise UnknownTypeError(
                f"no codec is registered for the encoding {mark.name!r}",
                hint="add its codec to the registry, or read the parts with chk.group(key)",
            )
        if not 1 <= mark.version <= codec.version:
            raise UnknownTypeError(
                f"version {mark.version} of the encoding {mark.name!r} is newer than this "
                f"library's ({codec.version})",
                hint="update hdfchk",
            )
        return codec

    def record_named(self, name: str) -> Record:
        """The registration of a class name found in a file.

        Raises:
            UnknownTypeError: no class is registered under this name.
        """
        try:
            return self._records_by_name[name]
        except KeyError:
            raise UnknownTypeError(
                f"the class {name!r} is not registered",
                hint="hdfchk.register() it before reading, or read its fields with chk.group(key)",
            ) from None

    def knows(self, name: str) -> bool:
        """Whether a class is registered under `name`."""
        return name in self._records_by_name

    def name_of(self, cls: object) -> str | None:
        """The name of a registered class or default factory, or None."""
        if isinstance(cls, type) and cls in self._records:
            return self._records[cls].name
        return next((name for name, known in self._factories.items() if known is cls), None)

    def callable_named(self, name: str) -> Callable[..., Any]:
        """The registered class or default factory of a name."""
        factory = self._factories.get(name)
        return factory if factory is not None else self.record_named(name).cls

    def legacy(self, node: Branch, decoder: Decoder) -> Any:
        """The value of a group that the older checkpointer wrote."""
        return legacy.decode(node, decoder)

    def _register_factory(self, factory: Any, name: str | None) -> None:
        if not callable(factory):
            raise RegistrationError(f"{factory!r} is neither a class nor a default factory")
        text = name or f"{factory.__module__}:{factory.__qualname__}"
        if "<lambda>" in text or "<locals>" in text:
            raise RegistrationError(
                f"{text!r} is not a name that another run can find", hint="pass register(name=...)"
            )
        if text in self._records_by_name:
            raise RegistrationError(f"the name {text!r} belongs to a class already")
        self._factories[text] = factory


default_registry = CodecRegistry()
"""The registry of every store that is given no ``serializer``, and of `hdfchk.register`."""
