"""HDF5's filters: the creation properties for a layout, and which filters are implemented here."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5d, h5p, h5z

from ....errors import InvalidOptionError, MissingExtraError
from ...layout import AUTO, Compression, Layout
from ..h5.ids import DatasetID, PropDCID
from ..h5.types import new_creation
from .chunk_shapes import chunk_shape
from .deflate import Pipeline, pack

__all__ = [
    "COMPRESS_FROM",
    "RATIOS",
    "chunked_plist",
    "compressed_size",
    "compression_of",
    "creation_copy",
    "greatest_ratio",
    "has_filters",
    "own_pipeline",
    "require_plugin",
    "resolved",
]

PLUGINS = {32015: "zstd", 32026: "blosc2", 32008: "bitshuffle"}
"""The filters of ``hdf5plugin`` that hdfchk can write: registered number -> name."""
COMPRESS_FROM = 2**14
"""Arrays of fewer bytes are compressed only if a compression is requested by name."""
AUTO_FROM = 2**16
"""Arrays of fewer bytes are not sampled by ``auto``."""
_NAMES = {
    h5z.FILTER_DEFLATE: "gzip",
    h5z.FILTER_LZF: "lzf",
    h5z.FILTER_SZIP: "szip",
    **PLUGINS,
}
_SERVICE = {h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_SAMPLES = 4
_SAMPLE_BYTES = 2**16
_WORTH_IT = 0.8
"""``auto`` compresses arrays whose size decreases to this fraction or less."""


def resolved(layout: Layout, array: np.ndarray[Any, Any]) -> Compression | None:
    """Return the filter for an array in memory: none for small ones; ``auto`` takes a sample."""
    compression = layout.compression
    if compression is None or not array.ndim or not array.size:
        return None
    if compression.name != AUTO:
        return compression if layout.asked or array.nbytes >= COMPRESS_FROM else None
    if array.nbytes < AUTO_FROM:
        return None
    return Compression.parse("gzip") if compressed_size(array) <= _WORTH_IT else None


def compressed_size(array: np.ndarray[Any, Any]) -> float:
    """Return the ratio to which gzip compresses an array, estimated from a few samples."""
    rows = array.shape[0]
    count = max(1, min(rows, _SAMPLE_BYTES * rows // array.nbytes))
    before = after = 0
    for start in np.linspace(0, rows - count, _SAMPLES if rows > count else 1, dtype=np.int64):
        piece = array[start : start + count].reshape(-1)[: _SAMPLE_BYTES // array.itemsize + 1]
        packed = pack(piece, Pipeline(piece.shape, array.itemsize, 1, checksum=False))
        before, after = before + piece.nbytes, after + len(packed)
    return after / before


def chunked_plist(
    shape: tuple[int, ...],
    itemsize: int,
    layout: Layout,
    compression: Compression | None,
    limits: tuple[int | None, ...],
    *,
    whole: bool,
) -> PropDCID:
    """Return the creation properties of a chunked dataset.

    Args:
        shape: the shape of the array; or, for the choice of a chunk shape, that expected later.
        itemsize: the size of its HDF5 type in bytes.
        layout: the requested checksum and chunk shape.
        compression: the filter.
        limits: the maximum length of each axis; None for unlimited.
        whole: every element is written immediately, so there is no need for a fill value.

    Raises:
        InvalidOptionError: the chunk does not fit the shape.
        MissingExtraError: the filter needs a library that is not installed.
    """
    plist = new_creation(fill=not whole)
    plist.set_chunk(_chunk(shape, itemsize, layout.chunks, limits))
    if compression is not None:
        _set_compression(plist, compression, itemsize)
    if layout.checksum:
        plist.set_fletcher32()
    return plist


def _chunk(
    shape: tuple[int, ...],
    itemsize: int,
    given: tuple[int, ...] | None,
    limits: tuple[int | None, ...],
) -> tuple[int, ...]:
    if given is None:
        return chunk_shape(shape, itemsize)
    if len(given) == len(limits) and all(
        length >= 1 and (most is None or length <= most)
        for length, most in zip(given, limits, strict=True)
    ):
        return given
    raise InvalidOptionError(
        f"chunks of shape {given} do not fit an array of shape {shape}",
        hint="give one length for each axis, from 1 to the length of the axis",
    )


def _set_compression(plist: PropDCID, compression: Compression, itemsize: int) -> None:
    name = "gzip" if compression.name == AUTO else compression.name
    if name in {"gzip", "lzf", "zstd"} and itemsize > 1:
        plist.set_shuffle()
    if name == "gzip":
        plist.set_deflate(1 if compression.level is None else compression.level)
    elif name == "lzf":
        plist.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
    else:
        code, values = _plugin_filter(compression)
        plist.set_filter(code, h5z.FLAG_MANDATORY, values)


def _plugin_filter(compression: Compression) -> tuple[int, tuple[int, ...]]:
    try:
        import hdf5plugin
    except ImportError as error:
        what = f"compression={compression.name!r}"
        raise MissingExtraError.naming("hdf5plugin", "compression", what) from error
    level: Any = compression.level
    made: Any
    if compression.name == "zstd":
        made = hdf5plugin.Zstd(clevel=level)
    elif compression.name == "blosc2":
        made = hdf5plugin.Blosc2(cname="zstd", clevel=level)
    else:
        made = hdf5plugin.Bitshuffle(cname="lz4")
    return made.filter_id, tuple(made.filter_options)


def require_plugin(code: int) -> bool:
    """Make ``hdf5plugin`` register a filter, if hdfchk can write it.

    Only that library is imported, by its name; nothing is loaded from a place that a file or HDF5
    specifies.

    Returns:
        Whether the filter is available now.
    """
    if code in PLUGINS and not h5z.filter_avail(code):
        try:
            import hdf5plugin  # noqa: F401  it registers its filters on import
        except ImportError:
            return False
    return bool(h5z.filter_avail(code))


def compression_of(plist: PropDCID) -> str | None:
    """Return the name of the first filter of a dataset that compresses its chunks, or None."""
    for index in range(plist.get_nfilters()):
        code = plist.get_filter(index)[0]
        if code not in _SERVICE:
            return _NAMES.get(code, f"filter {code}")
    return None


def has_filters(plist: PropDCID) -> bool:
    """Return whether a dataset with these creation properties has filtered chunks."""
    return bool(plist.get_layout() == h5d.CHUNKED and plist.get_nfilters())


def own_pipeline(plist: PropDCID, itemsize: int) -> Pipeline | None:
    """Return the filters of a dataset if `deflate` has all, in this order; otherwise None.

    Args:
        plist: the creation properties of the dataset.
        itemsize: the size of its HDF5 type in bytes.
    """
    if not has_filters(plist):
        return None
    filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
    codes = [item[0] for item in filters]
    shuffle = codes[0] == h5z.FILTER_SHUFFLE
    sum_ = codes[-1] == h5z.FILTER_FLETCHER32
    if codes[shuffle : len(codes) - sum_] != [h5z.FILTER_DEFLATE]:
        return None
    if shuffle and filters[0][2] and filters[0][2][0] != itemsize:
        return None
    level = filters[int(shuffle)][2]
    if shuffle and itemsize == 1:
        return None  # a filter without effect still has a bit in the masks
    return Pipeline(
        chunk=plist.get_chunk(),
        itemsize=itemsize if shuffle else 1,
        level=level[0] if level else 6,
        checksum=sum_,
    )


RATIOS = {
    h5z.FILTER_SHUFFLE: 1,
    h5z.FILTER_FLETCHER32: 1,
    h5z.FILTER_DEFLATE: 1032,  # a match of 258 bytes takes two bits (RFC 1951)
    h5z.FILTER_LZF: 88,  # one of 264 bytes takes three bytes
    32015: 2**15,  # Zstandard: a block of 128 KiB takes four bytes (RFC 8878)
    32008: 2**15,  # bitshuffle, with LZ4 (255) or Zstandard inside
}
"""The number of a filter -> the maximum factor by which it expands data. Others have no maximum:
scaleoffset and blosc2 encode a chunk of equal elements, of any size, as a header."""
MOST_RATIO = 2**15
"""A higher product of several filters is not considered plausible."""


def greatest_ratio(plist: PropDCID, mask: int = 0) -> int | None:
    """Return the maximum factor by which the filters of a dataset expand data; None for no maximum.

    Args:
        plist: the creation properties of the dataset.
        mask: the bits of the filters that were skipped for a chunk.
    """
    product = 1
    for index in range(plist.get_nfilters()):
        if not mask >> index & 1:
            ratio = RATIOS.get(plist.get_filter(index)[0])
            if ratio is None:
                return None
            product *= ratio
    return product if product <= MOST_RATIO else None


def creation_copy(did: DatasetID, chunk: tuple[int, ...]) -> PropDCID:
    """Return creation properties with the filters of a dataset and another chunk shape."""
    old = did.get_create_plist()
    plist = old.copy() if old.get_layout() == h5d.CHUNKED else h5p.create(h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    plist.set_chunk(chunk)
    return plist
