"""Mutants of the stored forms of a library's types, read one after another.

``python -m tests.hostile.library_mutants MODULE COUNT``: the values are the `CASES` of the tests of a
codec, whose trees are changed in one or two places each: elements, dtypes, lengths, children, parameters
of marks. Each must be read as a value, or as an error of ours. The last line that is written names what
was read when the process ended.
"""

from __future__ import annotations

import copy
import importlib
import random
import resource
import signal
import sys
import traceback
import warnings
from typing import Any

import attrs
import numpy as np

from hdfchk import CodecRegistry, HdfchkError
from hdfchk.tree import Branch, Leaf, Sequence

MEMORY = 2**36  # libraries reserve much that they do not use
SECONDS = 20
WORDS = [
    "os.system",
    "load",
    "read_csv",
    "__class__",
    "",
    "f4",
    "utf8",
    -1,
    2**62,
    0.5,
    [],
    {},
    None,
]


def _nodes(node: Any) -> list[Any]:
    inner = list(node.children.values()) if isinstance(node, Branch) else []
    inner += node.items if isinstance(node, Sequence) else []
    return [node, *(below for child in inner for below in _nodes(child))]


def _change_data(node: Leaf, chance: random.Random) -> None:
    data = node.data
    if not isinstance(data, np.ndarray) or chance.random() < 0.2:
        node.data = chance.choice(
            [0, -1, 2**62, 1.5, "x", None, True, np.arange(3), np.zeros((2, 0))]
        )
        return
    kind, data = chance.randrange(6), data.copy()
    if kind == 0 and data.size and data.dtype.kind in "iu":
        number = chance.choice([0, 1, 127, 2**31 - 1, 2**62, -1, -(2**31)])
        data.reshape(-1)[chance.randrange(data.size)] = np.array(number).astype(data.dtype)
    elif kind == 1:
        data = data[: chance.randrange(len(data))] if data.ndim and len(data) else data.reshape(-1)
    elif kind == 2 and data.ndim:
        data = np.concatenate([data, data])
    elif kind == 3 and data.dtype.kind in "biuf":
        data = data.astype(chance.choice(["i1", "u2", "i8", ">f8", "?", "c16"]))
    elif kind == 4:
        data = data[None] if chance.random() < 0.5 else data.reshape(-1)
    else:
        data = np.array(["a", "é"][: max(1, len(data) % 3)] if data.ndim else "a", object)
    node.data = data


def mutate(node: Any, chance: random.Random) -> Any:
    """A copy of a tree with one or two changes."""
    made = copy.deepcopy(node)
    for _ in range(chance.choice([1, 1, 2])):
        one = chance.choice(_nodes(made))
        if one.mark is not None and one.mark.params and chance.random() < 0.3:
            params = dict(one.mark.params)
            name = chance.choice(sorted(params))
            if chance.random() < 0.2:
                del params[name]
            else:
                params[name] = chance.choice([*WORDS, *params.values()])
            one.mark = attrs.evolve(one.mark, params=params)
        elif isinstance(one, Leaf):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _change_data(one, chance)
        elif isinstance(one, Branch) and one.children:
            name = chance.choice(sorted(one.children))
            other = chance.choice(_nodes(made)[1:])
            if chance.random() < 0.4:
                del one.children[name]
            else:
                one.children[name] = copy.deepcopy(other)
        elif isinstance(one, Sequence) and one.items:
            one.items[chance.randrange(len(one.items))] = Leaf(chance.choice([0, "x", None]))
    return made


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


def main(module: str, count: int) -> None:
    """Read the mutants; exit with a traceback at what is neither a value nor an error of ours."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _too_long)
    warnings.simplefilter("ignore")
    registry, cases = CodecRegistry(), importlib.import_module(f"tests.codecs.{module}").CASES
    values = 0
    for name, value in cases.items():
        node = registry.encode(value)
        for seed in range(count):
            sys.stdout.write(f"{name!r}, seed {seed}\n")
            sys.stdout.flush()
            mutant = mutate(node, random.Random(seed))
            signal.alarm(SECONDS)
            try:
                found = registry.decode(mutant)
            except (HdfchkError, MemoryError):
                continue
            except BaseException:
                traceback.print_exc()
                sys.exit(1)
            finally:
                signal.alarm(0)
            values += 1
            try:
                repr(found)
            except BaseException as error:  # a library may fail to show what it has made
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
    sys.stdout.write(f"whole: {values} of {count * len(cases)} were values\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
