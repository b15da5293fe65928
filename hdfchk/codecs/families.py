"""The list of codec families: a new type needs one module beside this one, and one line here."""

from __future__ import annotations

from . import (
    arrays,
    containers,
    frame_arrays,
    frames,
    labelled,
    mappings,
    masked,
    numpy_scalars,
    plain,
    portable,
    ragged,
    records,
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
    *records.CODECS,
    *sparse.CODECS,
    *frame_arrays.CODECS,
    *frames.CODECS,
    *labelled.CODECS,
    *tensors.CODECS,
    *portable.CODECS,
)
