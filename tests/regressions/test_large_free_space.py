"""Files with more gaps than HDF5's cache of metadata holds: HDF5 damaged its memory over them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer

WORK = """
import faulthandler, random, sys
import numpy as np
from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.h5 import file_object
from tests.support.exact import differs

faulthandler.enable()
path, cache, count, seed = sys.argv[1], *map(int, sys.argv[2:])
file_object.METADATA_CACHE = cache
chance = random.Random(seed)

def value():
    kind = chance.random()
    if kind < 0.5:
        return chance.random()
    return np.arange(chance.choice([1, 300, 700])) if kind < 0.8 else "x" * chance.randrange(4000)

model = {f"k{n}": value() for n in range(count)}
with HDF5Checkpointer(path, durable=False) as chk:
    chk.update(model)
    with chk.transaction():
        for key in [key for key in model if chance.random() < 0.5]:
            del chk[key], model[key]
with HDF5Checkpointer(path, durable=False) as chk:
    for _ in range(100):
        key, kind = f"k{chance.randrange(count)}", chance.random()
        if kind < 0.7:
            chk[key] = model[key] = value()
        elif kind < 0.8 and key in model:
            del chk[key], model[key]
        elif kind < 0.9:
            try:
                with chk.transaction():
                    chk[key], chk["new"] = value(), {"a": value(), "b": value()}
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
        else:
            more = {f"k{chance.randrange(count)}": value() for _ in range(20)}
            chk.update(more)
            model |= more
problem = differs(HDF5Checkpointer(path).load(), model, "file")
assert not problem, problem
"""


@pytest.mark.slow
@pytest.mark.parametrize(("cache", "count"), [(2**12, 500), (2**13, 2000)])
@pytest.mark.parametrize("seed", [1, 2])
def test_gaps_beyond_the_cache(tmp_path: Path, cache: int, count: int, seed: int) -> None:
    """Overwriting, deleting and rolling back end in the right content, and not in a signal."""
    path, root = tmp_path / "x.h5", Path(__file__).parents[2]
    command = [sys.executable, "-c", WORK, str(path), str(cache), str(count), str(seed)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert HDF5Checkpointer(path).verify().ok
