"""Files of weights and of pickled-like trees: Keras, dumps of PyTorch, deepdish, hickle."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import dataset, objects, opaque, text, texts
from .registry import foreign


@foreign("keras/model")
def keras(file: Any) -> None:
    file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.12.0"
    file.attrs["model_config"] = '{"class_name": "Sequential", "config": {"name": "é"}}'
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = np.array([b"dense", b"dense_10", b"empty"])
    for layer in ("dense", "dense_10"):
        group = weights.create_group(layer)
        names = [f"{layer}/kernel:0".encode(), f"{layer}/bias:0".encode()]
        group.attrs["weight_names"] = np.array(names)
        group.create_dataset(names[0], data=np.ones((3, 2), "f4"))
        group.create_dataset(names[1], data=np.zeros(2, "f4"))
    weights.create_group("empty").attrs["weight_names"] = np.array([], "f8")
    weights["top_level_model_weights"] = file.create_group("top_level_model_weights")
    state = file.create_group("optimizer_weights")
    state.attrs["weight_names"] = np.array([b"iteration:0"])
    state["iteration:0"] = np.int64(7)


@foreign("keras/version 3")
def keras3(file: Any) -> None:
    layers = file.create_group("layers/dense/vars")
    layers["0"], layers["1"] = np.ones((2, 2), "f4"), np.zeros(2, "f2")
    file.create_group("layers/dropout/vars")
    file["optimizer/vars/0"] = np.int32(3)
    file["bfloat16"] = np.arange(4, dtype="u2")
    file["bfloat16"].attrs["dtype"] = "bfloat16"


@foreign("torch/state dict", libver="latest")
def torch(file: Any) -> None:
    for name, shape in (("conv1.weight", (4, 3, 2, 2)), ("conv1.bias", (4,)), ("n", ())):
        file.create_dataset(f"state.{name}", data=np.ones(shape, "f4"))
        file.create_dataset(name.replace(".", "/"), data=np.ones(shape, "f2"), track_times=False)
    file.create_dataset("quantized", data=np.arange(-4, 4, dtype="i1"), track_times=False)
    file.create_dataset("complex", data=np.ones(3, "c8"), track_times=False)
    file.create_dataset("pickle", data=np.void(b"\x80\x02}q\x00."))
    file.attrs["args"] = np.void(b"\0\1\2\0")


@foreign("robot/episodes", rdcc_nbytes=0)
def episodes(file: Any) -> None:
    """Demonstrations: many small groups, images, texts as attributes."""
    data = file.create_group("data")
    data.attrs["env_args"] = '{"type": 1}'
    for number in range(12):
        demo = data.create_group(f"demo_{number}")
        demo.attrs["num_samples"] = 4
        demo["actions"], demo["dones"] = np.ones((4, 2)), np.zeros(4, "i8")
        demo.create_dataset("obs/image", data=np.ones((4, 2, 2, 3), "u1"), compression="gzip")
    names = [b"demo_0", b"demo_1"]
    file.create_dataset("mask/train", data=np.array(names), dtype="S8")


@foreign("deepdish/values")
def deepdish(file: Any) -> None:
    """PyTables' attributes, a group for each dict, and null bytes for None."""
    texts(file, CLASS="GROUP", VERSION="1.0", TITLE="", PYTABLES_FORMAT_VERSION="2.1")
    text(file, "DEEPDISH_IO_VERSION", "12")
    for name, kind in (("d", "dict:3"), ("l", "list:2"), ("t", "tuple:0")):
        texts(file.create_group(name), CLASS="GROUP", VERSION="1.0", TITLE=kind)
    file["l"].create_dataset("i0", data=np.int64(3))
    file["l"]["i1"] = np.arange(3.0)
    text(file["d"], "none", "N.", room=2)
    file["d"].attrs["scalar"] = np.float64(2.5)
    file["d"].attrs["bool"] = np.True_
    zeros = file["d"].create_dataset("zeros", data=np.zeros(1, "i1"))
    zeros.attrs["zeroarray_dtype"], zeros.attrs["shape"] = np.bytes_("f8"), np.array([0, 3])
    raw = file.create_dataset("pickled", (1,), h5py.vlen_dtype("u1"))
    raw[0] = np.frombuffer(b"\x80\x04N.", "u1")
    texts(raw, CLASS="VLARRAY", PSEUDOATOM="object")


@foreign("hickle/values")
def hickle(file: Any) -> None:
    file.attrs["HICKLE_VERSION"], file.attrs["HICKLE_PYTHON_VERSION"] = "5.0.2", "3.11.4"
    data = file.create_group("data")
    data.attrs["type"] = np.array(b"\x80\x04\x8c\x04dict\x94.", "S12")
    for name, value, kind in (
        ('"a"', np.arange(3), "ndarray"),
        ('"b"', np.int64(5), "int"),
        ('"text"', np.frombuffer("é".encode(), "u1"), "str"),
        ("3", np.bytes_(b"bytes"), "bytes"),
        ('"none"', h5py.Empty("f"), "NoneType"),
    ):
        made = data.create_dataset(name, data=value)
        made.attrs["base_type"], made.attrs["type"] = (
            kind.encode(),
            np.void(b"\x80\x04" + b"\0" * 3),
        )
    for number in range(2):
        data.create_dataset(f'"list"/data{number}', data=number)
    table = file.create_group("hickle_types_table")
    table.create_dataset("0", data=np.frombuffer(b"\x80\x04.", "u1"))
    data['"a"'].attrs["class"] = table["0"].ref


@foreign("pickle/opaque blobs")
def blobs(file: Any) -> None:
    """Bytes in all the ways in which people keep them."""
    for size in (1, 7, 300, 5000):
        dataset(
            file, f"opaque {size}", opaque(size, "pickle"), (), bytes(i % 256 for i in range(size))
        )
    file["void"] = np.void(b"a\0b\0")
    file["bytes"] = np.bytes_(b"a\0b")
    file["array"] = np.frombuffer(b"\x80\x04\0", "u1")
    many = file.create_dataset("rows", (2,), h5py.vlen_dtype("u1"))
    many[0], many[1] = np.frombuffer(b"abc", "u1"), np.frombuffer(b"", "u1")
    file.create_dataset("json", data=objects(['{"a": 1}', "[]"]), dtype=h5py.string_dtype())
    dataset(file, "tagged rows", opaque(4, ""), (3,), bytes(range(12)))
    dataset(file, "i8", h5t.STD_I64BE, (3,), bytes(range(24)))
