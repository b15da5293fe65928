"""Files as anndata, loom, 10x and cooler write them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import dataset, enum, objects, string
from .registry import foreign

TEXT = h5py.string_dtype()


def encoded(item: Any, kind: str, version: str = "0.2.0") -> Any:
    """What anndata notes of each element."""
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind, version
    return item


def words(parent: Any, name: str, *items: str) -> Any:
    """An array of texts."""
    made = parent.create_dataset(name, data=objects(list(items)), dtype=TEXT)
    return encoded(made, "string-array")


@foreign("anndata/new")
def new(file: Any) -> None:
    encoded(file, "anndata", "0.1.0")
    x = encoded(file.create_group("X"), "csr_matrix", "0.1.0")
    x.attrs["shape"] = np.array([3, 2])
    x.create_dataset(
        "data", data=np.ones(3, "f4"), maxshape=(None,), chunks=(3,), compression="gzip"
    )
    x["indices"], x["indptr"] = np.array([0, 1, 0], "i4"), np.array([0, 1, 2, 3], "i4")
    obs = encoded(file.create_group("obs"), "dataframe")
    obs.attrs["_index"] = "_index"
    obs.attrs.create("column-order", objects(["kind", "n", "missing"]), dtype=TEXT)
    words(obs, "_index", "cell1", "cell2", "célł3")
    kind = encoded(obs.create_group("kind"), "categorical")
    words(kind, "categories", "T", "B")
    encoded(kind.create_dataset("codes", data=np.array([0, 1, -1], "i1")), "array")
    kind.attrs["ordered"] = False
    encoded(obs.create_dataset("n", data=np.arange(3)), "array")
    missing = encoded(obs.create_group("missing"), "nullable-integer", "0.1.0")
    missing["values"], missing["mask"] = np.arange(3), np.array([True, False, False])
    var = encoded(file.create_group("var"), "dataframe")
    words(var, "gene ids", "g1", "g2")
    var.attrs["_index"] = "gene ids"
    var.attrs.create("column-order", np.empty(0, object), dtype=TEXT)
    uns = encoded(file.create_group("uns"), "dict", "0.1.0")
    encoded(uns.create_dataset("title", data="a tïtle", dtype=TEXT), "string")
    encoded(uns.create_dataset("n", data=3), "numeric-scalar")
    encoded(uns.create_dataset("none", data=h5py.Empty("f4")), "null", "0.1.0")
    record = np.dtype([("names", TEXT), ("scores", "f4")])
    rows = np.empty(2, record)
    rows[0], rows[1] = ("g1", 1.0), ("g2", 2.0)
    encoded(uns.create_dataset("rank", data=rows, dtype=record), "rec-array")
    for name in ("obsm", "varm", "obsp", "varp", "layers"):
        encoded(file.create_group(name), "dict", "0.1.0")
    encoded(file["obsm"].create_dataset("X_pca", data=np.ones((3, 2))), "array")


@foreign("anndata/old")
def old(file: Any) -> None:
    """Before 0.7: tables as compounds, categories by reference or beside."""
    row = np.dtype([("index", TEXT), ("n", "i4"), ("kind", "i1")])
    rows = np.empty(3, row)
    for number, name in enumerate(("a", "b", "cé")):
        rows[number] = (name, number, number % 2)
    file.create_dataset("obs", data=rows, dtype=row)
    file["var"] = np.array([(b"g1", 1.5), (b"g2", 2.5)], [("index", "S2"), ("x", "f8")])
    file.create_dataset("X", data=np.ones((3, 2), "f4"), chunks=(1, 2), compression="lzf")
    file.create_dataset("uns/kind_categories", data=objects(["T", "B"]), dtype=TEXT)
    frame = file.create_group("frame")
    categories = frame.create_dataset("__categories/kind", data=objects(["T", "B"]), dtype=TEXT)
    categories.attrs["ordered"] = False
    frame.create_dataset("kind", data=np.array([0, 1], "i1")).attrs["categories"] = categories.ref
    frame.attrs["_index"] = "index"
    file["raw.X/data"] = np.arange(4.0)
    file["raw.X"].attrs["h5sparse_format"] = "csr"
    file["raw.X"].attrs["h5sparse_shape"] = np.array([2, 2])


@foreign("loom/matrix")
def loom(file: Any) -> None:
    file.create_dataset("matrix", data=np.arange(20, dtype="f4").reshape(4, 5), maxshape=(None, None),
                        chunks=(2, 2), compression="gzip", shuffle=False)  # fmt: skip
    for name in ("layers", "row_graphs", "col_graphs"):
        file.create_group(name)
    file.create_dataset("row_attrs/Gene", data=np.array([b"a", b"b", b"c", b"d"]), maxshape=(None,))
    file.create_dataset("col_attrs/CellID", data=objects(list("vwxyz")), dtype=TEXT, maxshape=(None,),
                        chunks=(5,), compression="gzip")  # fmt: skip
    file.create_dataset("attrs/LOOM_SPEC_VERSION", data="3.0.0", dtype=TEXT)
    file.create_dataset("attrs/CreationDate", data="20200101T000000.000000Z", dtype=TEXT)
    file.attrs["last_modified"] = "2020"
    graph = file.create_group("col_graphs/KNN")
    graph["a"], graph["b"], graph["w"] = np.arange(3), np.arange(3), np.ones(3)


@foreign("10x/matrix")
def tenx(file: Any) -> None:
    file.attrs["chemistry_description"], file.attrs["filetype"] = np.bytes_("3' v3"), "matrix"
    file.attrs["library_ids"] = np.array([b"one", b"three"])
    group = file.create_group("matrix")
    filters = {"compression": "gzip", "shuffle": True, "maxshape": (None,), "chunks": (4,)}
    group.create_dataset("barcodes", data=np.array([b"AAAC-1", b"AAAG-1"]), **filters)
    group.create_dataset("data", data=np.arange(5, dtype="i4"), **filters)
    group.create_dataset("indices", data=np.arange(5), **filters)
    group.create_dataset("indptr", data=np.array([0, 2, 5]), **filters)
    group.create_dataset("shape", data=np.array([5, 2], "i4"), **filters)
    features = group.create_group("features")
    dataset(features, "_all_tag_keys", string(6, "null"), (1,), b"genome")
    features.create_dataset("id", data=np.array([b"ENSG1", b"ENSG10"]), **filters)
    features.create_dataset("name", data=np.array([b"A", b""], "S4"), **filters)
    record = np.dtype([("id", "S8"), ("count", "u4"), ("umi", "u8")])
    file.create_dataset("molecules", data=np.ones(6, record), **filters)


@foreign("cooler/matrix")
def cooler(file: Any) -> None:
    for name, value in (("format", "HDF5::Cooler"), ("metadata", "{}"), ("bin-type", "fixed")):
        file.attrs[name] = value
    file.attrs["nbins"], file.attrs["sum"] = np.int64(4), 7.0
    filters = {"compression": "gzip", "compression_opts": 6, "shuffle": True, "maxshape": (None,)}
    names = enum(h5t.STD_I32LE, {"chr1": 0, "chr2": 1, "chrX": 2})
    bins = file.create_group("bins")
    dtype = h5py.enum_dtype({"chr1": 0, "chr2": 1, "chrX": 2}, "i4")
    bins.create_dataset("chrom", data=np.array([0, 0, 1, 2], "i4"), dtype=dtype, **filters)
    dataset(bins, "plain", names, (2,), np.array([1, 2], "<i4").view("V4"))
    bins.create_dataset("start", data=np.arange(4, dtype="i4") * 1000, **filters)
    weight = bins.create_dataset("weight", data=np.array([np.nan, 1, 2, 3]), **filters)
    weight.attrs["converged"], weight.attrs["ignore_diags"] = True, 2
    file.create_dataset("chroms/name", data=np.array([b"chr1", b"chr2", b"chrX"]), **filters)
    for name in ("bin1_id", "bin2_id", "count"):
        file.create_dataset(f"pixels/{name}", data=np.arange(6), **filters)
    file.create_dataset("indexes/bin1_offset", data=np.arange(5), **filters)


@foreign("cooler/many resolutions")
def mcool(file: Any) -> None:
    """Several resolutions, which share the names of chromosomes by hard links."""
    chroms = file.create_dataset("resolutions/1000/chroms/name", data=np.array([b"chr1", b"chr2"]))
    for resolution in (2000, 5000):
        group = file.create_group(f"resolutions/{resolution}")
        group["chroms"] = file["resolutions/1000/chroms"]
        group["bins/weight"] = np.arange(3.0)
    chroms.attrs["sorted"] = True
    file["cells/one/pixels/count"] = np.arange(3)
    file["cells/one/chroms"] = file["resolutions/1000/chroms"]


@foreign("bam/nanopore fast5")
def fast5(file: Any) -> None:
    """Reads of a sequencer: UUIDs as names, fixed texts, integers of a chunk each."""
    file.attrs["file_version"] = np.bytes_("2.0")
    for number in range(3):
        read = file.create_group(f"read_{number:08x}-0000-4000-8000-000000000000")
        raw = read.create_dataset("Raw/Signal", data=np.arange(50, dtype="i2"), chunks=(50,),
                                  maxshape=(None,), compression="gzip")  # fmt: skip
        read["Raw"].attrs["read_id"] = np.bytes_("0" * 36)
        raw.attrs["scale"] = 0.25
        read.create_group("channel_id").attrs["channel_number"] = np.bytes_(str(number))
        if number:
            read["context_tags"] = file["read_00000000-0000-4000-8000-000000000000/channel_id"]
    fastq = "@read\nACGT\n+\n!!!!\n"
    file.create_dataset("Analyses/Fastq", data=fastq, dtype=h5py.string_dtype("ascii"))
