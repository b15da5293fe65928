"""What is to be the same in two descriptions of a file."""

from __future__ import annotations

from typing import Any

from .describe import Description

OWN = (b"hdfchk:stamp", b"hdfchk:order")
"""What a writer of ours may add to a group: which commit the file is of, and the order of keys."""
MOVES = {"address"}
"""What is another in a copy of a file."""
PACKING = {"stored"}
"""What may be another where the same elements are written again."""


class Allowed:
    """What an edit may change, beside our own attributes.

    Args:
        parts: the path of an object -> the parts of it that may differ; None for all.
        added: the prefixes of paths of objects that may come or go, with the links to them.
        attributes: the names of attributes that may come or go, by object.
        moves: addresses, and what is true of the file as a whole, may differ.
    """

    def __init__(
        self,
        parts: dict[str, set[str] | None] | None = None,
        added: tuple[str, ...] = (),
        attributes: dict[str, set[bytes]] | None = None,
        *,
        moves: bool = False,
    ) -> None:
        self.parts = parts or {}
        self.added = added
        self.attributes = attributes or {}
        self.moves = moves

    def is_added(self, path: str) -> bool:
        """Whether an object may come or go."""
        return any(path == one or path.startswith(f"{one}/") for one in self.added)


def differences(before: Description, after: Description, allowed: Allowed) -> list[str]:
    """What differs, but for what is allowed; a line each."""
    found: list[str] = []
    for part, value in before.file.items():
        if allowed.moves and part not in {"sizes", "userblock", "neighbours"}:
            continue
        if after.file[part] != value:
            found.append(f"the file's {part}: {value} became {after.file[part]}")
    for path in [*before.objects, *[one for one in after.objects if one not in before.objects]]:
        old, new = before.objects.get(path), after.objects.get(path)
        if allowed.is_added(path):
            continue
        if old is None or new is None:
            found.append(f"{path} {'came' if old is None else 'is gone'}")
        else:
            found += [f"{path}: {what}" for what in _of_object(path, old, new, allowed)]
    return found


def _of_object(path: str, old: Any, new: Any, allowed: Allowed) -> list[str]:
    free = allowed.parts.get(path, set())
    if free is None:
        return []
    if old["kind"] != new["kind"]:
        return [f"a {old['kind']} became a {new['kind']}"]
    found = []
    for part, value in old.items():
        if part in free or (allowed.moves and part in MOVES):
            continue
        if part == "attributes":
            found += _of_attributes(value, new[part], allowed.attributes.get(path, set()))
        elif part == "links":
            found += _of_links(path, value, new[part], allowed)
        elif part == "creation" and isinstance(value, dict) and isinstance(new.get(part), dict):
            names = [name for name in value if value[name] != new[part][name]]
            found += [f"{name} {value[name]} became {new[part][name]}" for name in names]
        elif new.get(part) != value:
            found.append(f"{part} {_short(value)} became {_short(new.get(part))}")
    return found


def _of_attributes(old: Any, new: Any, free: set[bytes]) -> list[str]:
    old, new = _foreign(old, free), _foreign(new, free)
    if list(old) != list(new):
        return [f"attributes {[*old]} became {[*new]}"]
    return [f"attribute {name!r} {_short(old[name])} became {_short(new[name])}"
            for name in old if old[name] != new[name]]  # fmt: skip


def _foreign(attributes: Any, free: set[bytes]) -> Any:
    """Attributes but for our own, by rank of creation: ours may have come between."""
    kept = {
        name: value
        for name, value in attributes.items()
        if not name.startswith(OWN) and name not in free
    }
    ranks = {order: rank for rank, order in enumerate(sorted(
        value[0] for value in kept.values() if value[0] is not None))}  # fmt: skip
    return {name: (ranks.get(value[0]), *value[1:]) for name, value in kept.items()}


def _of_links(path: str, old: Any, new: Any, allowed: Allowed) -> list[str]:
    old, new = (_kept(path, links, allowed) for links in (old, new))
    if [one[0] for one in old] != [one[0] for one in new]:
        return [f"links {[one[0] for one in old]} became {[one[0] for one in new]}"]
    return [
        f"link {first[0]!r} {first[1:]} became {second[1:]}"
        for first, second in zip(old, new, strict=True)
        if first != second
    ]


def _kept(path: str, links: Any, allowed: Allowed) -> list[Any]:
    """The links but for those that may come or go, by rank of creation."""
    prefix = path.rstrip("/")
    kept = [
        link
        for link in links
        if not allowed.is_added(f"{prefix}/{link[0].decode('utf-8', 'surrogateescape')}")
    ]
    orders = sorted(link[2] for link in kept if link[2] is not None)
    ranks = {order: rank for rank, order in enumerate(orders)}
    return [(name, kind, ranks.get(order), target) for name, kind, order, target in kept]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:150]}… ({len(text)})"
