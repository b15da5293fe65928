"""A script for the McUtils checkpointer; only its import was changed.

    python old_script.py run.hdf5

A harmonic oscillator with a restart file: parameters stored once, the trajectory in pieces.
"""

import sys

import numpy as np

# was: from McUtils.Scaffolding import HDF5Checkpointer
from hdfchk import HDF5Checkpointer


def force(x, k):
    return -k * x


def propagate(x, v, params):
    points = np.empty(params["steps"])
    for i in range(params["steps"]):
        v = v + params["step_size"] * force(x, params["k"])
        x = x + params["step_size"] * v
        points[i] = x
    return points, x, v


def main(chk_file):
    with HDF5Checkpointer(chk_file) as chk:
        chk["params"] = {"steps": 500, "step_size": 0.01, "method": "semi-implicit euler", "k": 1.5}

    with HDF5Checkpointer(chk_file) as chk:
        params = chk.load_parameter("params")
        if not chk.check_parameter("final"):
            chk.save_parameter("final", [1.0, 0.0])
        x, v = chk["final"]
        for piece in range(3):
            key = f"piece_{piece}"
            if key in chk:
                continue
            points, x, v = propagate(x, v, params)
            chk.update({key: points, "final": [x, v]})
        chk["info", "pieces"] = 3
        print(sorted(chk.keys()))

    chk = HDF5Checkpointer.build_canonical(
        {"file": chk_file, "keys": {"omitted_keys": ["info"]}, "opts": {}}
    )
    pieces = chk.get_keys(["piece_0", "piece_1", "piece_2"])
    mean = chk.cached_eval("mean", lambda: float(np.mean(np.concatenate(pieces))))
    print("mean position %.4f" % mean)
    print("default extension", HDF5Checkpointer.default_extension)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "old_script.hdf5")
