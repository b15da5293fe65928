"""The registry of codecs by type, and of classes that may be rebuilt.

It is the type of a store's ``serializer=``. Registries are instances, which are copied and passed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from ..errors import RegistrationError, UnknownTypeError, UnsupportedTypeError
from ..tree import Branch, Mark, Node
from . import portable, records
from .codec import Codec, Decoder, Encoder
from .families import CODECS, codecs_of
from .portable import NATIVE, Capabilities
from .records import Record

__all__ = ["CodecRegistry", "default_registry"]

C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])
"""A class, or the default factory of a `defaultdict`."""
Encode = Callable[[Any, Encoder], Node]
_loading = threading.RLock()
"""Held while codecs are loaded: all registries and threads wait for it."""


class CodecRegistry:
    """Codecs by type and by name, and the registered classes.

    A new registry has the codecs of all types in `docs/types.md`, and no registered classes.

    Args:
        codecs: all codecs that it has. By default those of hdfchk, and those that installed
            packages name in the entry-point group ``hdfchk.codecs``, which are loaded when a type
            or an encoding is met that no other codec knows.

    Guarantees:
        `encode` and `decode` have no side effects and may run in many threads; adding to a registry
        while others use it is safe, and takes effect for values encoded afterwards.

    Example:
        >>> registry = CodecRegistry()
        >>> registry.decode(registry.encode({"steps": 3, "who": ("a", None)}))
        {'steps': 3, 'who': ('a', None)}
    """

    def __init__(self, codecs: Iterable[Codec] | None = None) -> None:
        self.encoders: dict[type, Encode] = {}
        self._by_type_name: dict[str, Codec] = {}
        self._by_name: dict[str, Codec] = {}
        self._records: dict[type, Record] = {}
        self._records_by_name: dict[str, Record] = {}
        self._factories: dict[str, Callable[..., Any]] = {}
        self._takes_more = codecs is None
        self._packages: set[str] = set()
        """The packages whose codecs in `families.LIBRARIES` were added, or that have none there."""
        self._failures: list[Exception] | None = None
        """The errors of entry points; None until they are loaded."""
        for codec in CODECS if codecs is None else codecs:
            self.add(codec)

    def __repr__(self) -> str:
        """Return the numbers of codecs and classes."""
        return f"<CodecRegistry: {len(self._by_name)} codecs, {len(self._records)} classes>"

    def add(self, codec: Codec) -> CodecRegistry:
        """Add a codec; return the registry, so that calls can be chained.

        Raises:
            RegistrationError: its name, or one of its types, already has a codec.
        """
        taken = [t for t in codec.types if t in self.encoders or t in self._by_type_name]
        if codec.name in self._by_name or taken:
            raise RegistrationError(
                f"codec {codec.name!r}: its name or types {taken} already have a codec",
                hint="use another name, and types without a codec",
            )
        self._by_name[codec.name] = codec
        for known in codec.types:
            if isinstance(known, str):
                self._by_type_name[known] = codec
            else:
                self.encoders[known] = codec.encode
        return self

    def copy(self) -> CodecRegistry:
        """Return a registry with the same codecs and classes, to which more can be added."""
        other = CodecRegistry(())
        other.encoders = dict(self.encoders)
        other._by_type_name = dict(self._by_type_name)
        other._by_name = dict(self._by_name)
        other._records = dict(self._records)
        other._records_by_name = dict(self._records_by_name)
        other._factories = dict(self._factories)
        other._takes_more = self._takes_more
        other._packages = set(self._packages)
        other._failures = None if self._failures is None else list(self._failures)
        return other

    __copy__ = copy

    def __reduce__(self) -> Any:
        """Pickle the default registry by name, others by contents."""
        return "default_registry" if self is default_registry else super().__reduce__()

    @overload
    def register(
        self,
        cls: type[C],
        *,
        to_state: Callable[[C], Any],
        from_state: Callable[..., C],
        name: str | None = None,
        version: int = 1,
        migrate: Callable[[Any, int], Any] | None = None,
    ) -> type[C]: ...

    @overload
    def register(
        self,
        cls: F,
        *,
        name: str | None = None,
        version: int = 1,
        migrate: Callable[[Any, int], Any] | None = None,
    ) -> F: ...

    @overload
    def register(
        self,
        cls: None = None,
        *,
        to_state: Callable[[Any], Any] | None = None,
        from_state: Callable[..., Any] | None = None,
        name: str | None = None,
        version: int = 1,
        migrate: Callable[[Any, int], Any] | None = None,
    ) -> Callable[[F], F]: ...

    def register(
        self,
        cls: Any = None,
        *,
        to_state: Callable[[Any], Any] | None = None,
        from_state: Callable[..., Any] | None = None,
        name: str | None = None,
        version: int = 1,
        migrate: Callable[[Any, int], Any] | None = None,
    ) -> Any:
        """Register a class whose instances can be stored and rebuilt. Also a decorator.

        Args:
            cls: a dataclass, an attrs class, an enum, a namedtuple, a class with ``to_state()``
                and a class method ``from_state(state)``, any class with the functions
                `to_state` and `from_state`, or a default factory of a `collections.defaultdict`.
            to_state: ``to_state(value) -> state``, for a class of another library: the state is
                any value that can be stored. Subclasses are other classes.
            from_state: ``from_state(state) -> value``, its inverse.
            name: the name in the file; by default ``module:QualName``. Pass a name if the class may
                move to another module: files identify the class only by this name.
            version: the version of the stored form, from 1; increase it when the fields change.
            migrate: ``migrate(state, version) -> state`` converts the state of an older version.
                A ``from_state`` that accepts ``version`` may do this itself.

        Returns:
            `cls`, or a decorator if `cls` is not given.

        Raises:
            RegistrationError: the class is of another kind, or already has a codec; or the name
                is already registered.

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

            >>> import types
            >>> registry.register(
            ...     types.MappingProxyType, to_state=dict, from_state=types.MappingProxyType
            ... )
            <class 'mappingproxy'>
            >>> registry.decode(registry.encode(types.MappingProxyType({"a": 1})))
            mappingproxy({'a': 1})
        """
        options: dict[str, Any] = {"name": name, "version": version, "migrate": migrate}
        options |= {"to_state": to_state, "from_state": from_state}
        if cls is None:
            return lambda target: self.register(target, **options)
        if isinstance(cls, type):
            self._register_class(cls, records.describe(cls, **options))
        elif to_state is not None or from_state is not None:
            raise RegistrationError(f"{cls!r} is not a class", hint="pass the class of the values")
        else:
            self._register_factory(cls, name)
        return cls

    def _register_class(self, cls: type, record: Record) -> None:
        self._require_free(record.name, cls)
        known = self._records_by_name.get(record.name)
        if cls not in self._records and self._codec_of(cls) is not None:
            raise RegistrationError(f"{cls!r} already has a codec", hint="do not register it")
        if known is not None and known.cls is not cls:  # defined again
            self._records.pop(known.cls, None)
            self.encoders.pop(known.cls, None)
        self._records[cls] = self._records_by_name[record.name] = record
        self.encoders[cls] = record.encode

    def unregister(self, cls: Any) -> None:
        """Undo `register`, under each name: for tests, and for classes that are defined anew.

        Args:
            cls: a registered class or default factory.

        Raises:
            RegistrationError: it is not registered.
        """
        classes = [name for name, known in self._records_by_name.items() if known.cls is cls]
        factories = [name for name, known in self._factories.items() if known is cls]
        if not classes and not factories:
            raise RegistrationError(f"{cls!r} is not registered", hint="register it first")
        for name in classes:
            del self._records_by_name[name]
        for name in factories:
            del self._factories[name]
        if classes:
            del self._records[cls]
            del self.encoders[cls]

    def encode(self, value: Any, capabilities: Capabilities = NATIVE) -> Node:
        """Encode a whole value into a tree.

        Args:
            value: any value of a type in `docs/types.md`.
            capabilities: the types that the backend stores natively.

        Raises:
            UnsupportedTypeError: a part cannot be stored exactly; `key` is the path to it.
        """
        __tracebackhide__ = True
        node = Encoder(self).encode(value)
        return node if capabilities is NATIVE else portable.lower(node, capabilities)

    def decode(self, node: Node, *, allow_pickle: bool = False) -> Any:
        """Rebuild the value of a tree.

        Raises:
            UnknownTypeError: a name is not registered.
            CorruptFileError: the data contradict their mark.
        """
        return Decoder(self, allow_pickle).decode(node)

    def encoder_of(self, value: Any) -> Encode:
        """Return the encode function for the exact type of `value`, if it is not cached yet."""
        from . import remedies

        __tracebackhide__ = True
        cls = type(value)
        encode = self._codec_of(cls)
        if encode is None and isinstance(value, type):  # a class with a metaclass, such as an enum
            return self.encoders[type]
        if encode is None:
            self._load_entry_points()
            encode = self._codec_of(cls)
        if encode is not None:
            self.encoders[cls] = encode
            return encode
        failed, cause = self._failed()
        raise UnsupportedTypeError(
            f"a value of type {cls.__module__}.{cls.__qualname__} cannot be stored exactly{failed}",
            hint=remedies.remedy_for(cls, lambda base: self._codec_of(base) is not None),
        ) from cause

    def _codec_of(self, cls: type) -> Encode | None:
        """Return the encode function for an exact type, or None."""
        encode = self.encoders.get(cls)
        if encode is None:
            # By package and name: the module of a class within its package may change.
            package = cls.__module__.partition(".")[0]
            self._load_package(package)
            codec = self._by_type_name.get(f"{package}.{cls.__qualname__}")
            codec = codec or self._by_type_name.get(f"{package}.*")
            encode = None if codec is None else codec.encode
        return encode

    def _load_package(self, package: str) -> None:
        """Add the codecs for a package that are loaded when they are needed."""
        if self._takes_more and package not in self._packages:
            with _loading:
                for codec in codecs_of(package):
                    if codec.name not in self._by_name:
                        self.add(codec)
                self._packages.add(package)

    def _load_entry_points(self) -> None:
        """Add the codecs of entry points, the first time."""
        from . import entry_points

        if not self._takes_more:
            return
        with _loading:
            if self._failures is None:
                self._failures = []  # what is loaded may use this registry
                self._failures = entry_points.load(self.add, self._by_name.get)

    def _failed(self) -> tuple[str, Exception | None]:
        """Return a clause that names the entry points that failed, and the first error."""
        if not self._failures:
            return "", None
        notes = [error.__notes__[-1] for error in self._failures]
        return "; " + "; ".join(notes), self._failures[0]

    def serialize(self, value: Any) -> Any:
        """Return `value` itself, for the ``to_state(serializer)`` of McUtils scripts.

        The parts of a state are encoded together with it.
        """
        return value

    def deserialize(self, value: Any) -> Any:
        """Return `value` itself: the inverse of `serialize`."""
        return value

    def codec_named(self, mark: Mark) -> Codec:
        """Return the codec of a mark.

        Raises:
            UnknownTypeError: the codec is unknown, or the file was written by a newer version.
        """
        codec = self._by_name.get(mark.name)
        if codec is None:
            codec = self._late_codec(mark.name)
        if not 1 <= mark.version <= codec.version:
            raise UnknownTypeError(
                f"version {mark.version} of the encoding {mark.name!r} is newer than this "
                f"library's ({codec.version})",
                hint="update hdfchk, or the package that has this codec",
            )
        return codec

    def _late_codec(self, name: str) -> Codec:
        """Load and return the codec for an encoding in a file."""
        self._load_package(name.partition(".")[0])
        if name not in self._by_name:
            self._load_entry_points()
        codec = self._by_name.get(name)
        if codec is None:
            failed, cause = self._failed()
            raise UnknownTypeError(
                f"no codec is registered for the encoding {name!r}{failed}",
                hint="install the package that has it, add its codec to the registry, or read the "
                "parts with chk.group(key) or h5py",
            ) from cause
        return codec

    def record_named(self, name: str) -> Record:
        """Return the registration of a class name found in a file.

        Raises:
            UnknownTypeError: no class is registered under this name.
        """
        try:
            return self._records_by_name[name]
        except KeyError:
            raise UnknownTypeError(
                f"the class {name!r} is not registered",
                hint="pass it to hdfchk.register() first, or read its fields with chk.group(key)",
            ) from None

    def knows(self, name: str) -> bool:
        """Whether a class is registered under `name`."""
        return name in self._records_by_name

    def name_of(self, cls: object) -> str | None:
        """Return the name of a registered class or default factory, or None."""
        has_hash = type(cls).__hash__ is not None  # a metaclass may have none
        if isinstance(cls, type) and has_hash and cls in self._records:
            return self._records[cls].name
        return next((name for name, known in self._factories.items() if known is cls), None)

    def callable_named(self, name: str) -> Callable[..., Any]:
        """Return the registered class or default factory of a name."""
        factory = self._factories.get(name)
        return factory if factory is not None else self.record_named(name).cls

    def legacy(self, node: Branch, decoder: Decoder) -> Any:
        """Return the value of a group written by the McUtils checkpointer."""
        from . import legacy

        return legacy.decode(node, decoder)

    def _register_factory(self, factory: Any, name: str | None) -> None:
        if not callable(factory):
            raise RegistrationError(f"{factory!r} is neither a class nor a default factory")
        text = name or f"{factory.__module__}:{factory.__qualname__}"
        if "<lambda>" in text or "<locals>" in text:
            raise RegistrationError(
                f"{text!r} is not a name that another run can find", hint="pass register(name=...)"
            )
        self._require_free(text, factory)
        self._factories[text] = factory

    def _require_free(self, name: str, target: Any) -> None:
        """Reject a name that belongs to something else.

        The same class or function defined again (a notebook cell run twice) replaces the old one.
        """
        record = self._records_by_name.get(name)
        owner = self._factories.get(name) if record is None else record.cls
        if owner is not None and not records.is_redefinition(owner, target):
            raise RegistrationError(
                f"the name {name!r} already belongs to {owner!r}",
                hint="pass register() another name",
            )


default_registry: CodecRegistry = CodecRegistry()
"""The registry of stores without a ``serializer``, and of `hdfchk.register`."""
