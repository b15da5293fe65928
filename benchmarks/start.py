"""The processor time of `from hdfchk import HDF5Checkpointer`, relative to `import h5py`.

    python -m benchmarks.start

It prints the ratios of the minimum times of several rounds, each in a new process, with compiled
byte code. The goal is 1.25.
"""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import sys
from pathlib import Path

import hdfchk

ROUNDS = 11
H5PY = "import h5py"
OURS = ("import hdfchk", "from hdfchk import HDF5Checkpointer")


def seconds(code: str) -> float:
    """Return the processor time of a new process that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the ratios."""
    package = Path(hdfchk.__file__).parent
    compileall.compile_dir(package, quiet=1)
    os.environ["PYTHONPATH"] = str(package.parent)
    rounds = [{code: seconds(code) for code in (H5PY, *OURS)} for _ in range(ROUNDS)]
    least = {code: min(found[code] for found in rounds) for code in (H5PY, *OURS)}
    for code in OURS:
        print(f"{code}: {least[code] / least[H5PY]:.2f} of the time of {H5PY}")


if __name__ == "__main__":
    main()
