"""Journals that say what is not so, with right checksums: made by the journal's own class.

The class is asked to write records whose lengths lie, so that this knows nothing of their layout.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hdfchk.backends.hdf5.wal.log import Log, log_of, scan
from hdfchk.runtime.descriptors import Descriptor

from .children import killed_writer


class Lying(bytes):
    """Bytes that say to be of another length."""

    length = 0

    def __new__(cls, data: bytes, length: int) -> Lying:
        made = super().__new__(cls, data)
        made.length = length
        return made

    def __len__(self) -> int:
        return self.length


class Record:
    """A record: writes and the new length of the file, or what HDF5 is to do: a payload."""

    def __init__(
        self,
        writes: Sequence[tuple[int, Any]] = (),
        size: int | None = None,
        put: bytes | None = None,
        rows: bytes | None = None,
    ) -> None:
        self.writes, self.size, self.put, self.rows = writes, size, put, rows


def pending(path: Path, *changes: dict[str, Any]) -> Path:
    """The journal of a store whose writer was killed, bound to its file as it has to be."""
    killed_writer(path, *(changes or ({"a": 1}, {"l": [1, None]})))
    return Path(log_of(str(path)))


def add(journal: Path, records: Sequence[Record]) -> None:
    """Append records behind the last commit of a journal, as its own writer would."""
    file = Descriptor(os.open(journal, os.O_RDWR))
    try:
        writer = Log(file)
        writer.resume(scan(file.fd))
        for record in records:
            if record.put is not None:
                writer.append_logical(record.put)
            elif record.rows is not None:
                writer.append_logical(record.rows, rows=True)
            else:
                writer.append(list(record.writes), record.size)
    finally:
        file.close()


NUMBERS = (
    0,
    1,
    7,
    4095,
    4096,
    2**16,
    2**24,
    2**26,
    2**31,
    2**40,
    2**60,
    2**63 - 1,
    2**63,
    2**64 - 1,
)


def random_record(chance: random.Random, size: int) -> Record:
    """Some record: places, lengths and sizes of note, true and false."""
    kind = chance.randrange(8)
    if kind == 0:
        return Record(put=chance.randbytes(chance.choice([0, 1, 6, 7, 40, 900])))
    if kind == 1:
        lengths = [chance.choice([0, 1, 5, 200, 65_535]) for _ in range(3)]
        head = b"".join(length.to_bytes(2, "little") for length in lengths)
        return Record(put=head + chance.choice([b"i", b"a", b"s", b"n"]) + chance.randbytes(60))
    if kind == 2:
        return Record(rows=random_rows(chance))
    writes: list[tuple[int, Any]] = []
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        place = chance.choice([*NUMBERS, chance.randrange(size), chance.randrange(2 * size)])
        data = chance.randbytes(chance.choice([0, 1, 8, 100, 5000]))
        if chance.random() < 0.4:
            data = Lying(data, min(chance.choice(NUMBERS), 2**63 - 1))
        writes.append((place, data))
    sizes = [None, size, size, size + 4096, chance.randrange(size), *NUMBERS]
    return Record(writes, chance.choice(sizes))


def random_rows(chance: random.Random) -> bytes:
    """Rows for something that is there, or is not: of a length, a number and a kind that may lie."""
    path = chance.choice([b"base", b"a", b"t", b"l", b"l/0", b"none", b"", b"\xff"])
    length = chance.choice([len(path), len(path), len(path), 0, 65_535])
    head = length.to_bytes(2, "little") + chance.choice(NUMBERS[:9]).to_bytes(4, "little")
    text = chance.choice([3, 0, 2**31]).to_bytes(4, "little") + b"abc"
    return (
        head
        + chance.choice([b"r", b"s", b"s", b"x"])
        + path
        + chance.choice([b"", text, text + text, chance.randbytes(7), bytes(8), bytes(800)])
    )


def mutate(raw: bytes, chance: random.Random) -> bytes:
    """Some bytes of a journal changed, as chance has it."""
    data = bytearray(raw)
    for _ in range(chance.choice([1, 1, 2, 8])):
        at, kind = chance.randrange(len(data)), chance.randrange(4)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            width = chance.choice([4, 8])
            data[at : at + width] = (chance.choice(NUMBERS) % 2 ** (8 * width)).to_bytes(
                width, "little"
            )
        elif kind == 2:
            del data[at : at + chance.randrange(1, 90)]
        else:
            data[at:at] = data[: chance.randrange(1, 200)]
    return bytes(data)


def make_sparse(place: Path) -> None:
    """Give back the blocks of a file that hold zeros alone."""
    copy = place.with_name("sparse")
    with open(place, "rb") as source, open(copy, "wb") as target:
        while block := source.read(2**20):
            if block.count(0) == len(block):
                target.seek(len(block), os.SEEK_CUR)
            else:
                target.write(block)
        target.truncate(source.tell())
    os.replace(copy, place)
