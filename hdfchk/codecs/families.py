"""The list of codec families: a new type needs one module beside this one, and one line here."""

from __future__ import annotations

from . import (
    arrays,
    buffers,
    classes,
    containers,
    frame_arrays,
    frames,
    labelled,
    mappings,
    masked,
    namespaces,
    numpy_scalars,
    plain,
    portable,
    ragged,
    random_numbers,
    records,
    results,
    scalars,
    sparse,
    tensors,
)

__all__ = ["CODECS"]

CODECS = (
    *scalars.CODECS,
    *numpy_scalars.CODECS,
    *arrays.CODECS,
    *masked.CODECS,
    *containers.CODECS,
    *ragged.CODECS,
    *mappings.CODECS,
    *plain.CODECS,
    *buffers.CODECS,
    *namespaces.CODECS,
    *classes.CODECS,
    *random_numbers.CODECS,
    *results.CODECS,
    *records.CODECS,
    *sparse.CODECS,
    *frame_arrays.CODECS,
    *frames.CODECS,
    *labelled.CODECS,
    *tensors.CODECS,
    *portable.CODECS,
)
