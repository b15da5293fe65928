"""The list of codec families: a new type needs one module beside this one, and one line here."""

from __future__ import annotations

from . import (
    arrays,
    containers,
    frame_arrays,
    frame_blocks,
    frames,
    labelled,
    mappings,
    masked,
    numpy_scalars,
    plain,
    portable,
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
    *mappings.CODECS,
    *plain.CODECS,
    *records.CODECS,
    *sparse.CODECS,
    *frame_arrays.CODECS,
    *frame_blocks.CODECS,
    *frames.CODECS,
    *labelled.CODECS,
    *tensors.CODECS,
    *portable.CODECS,
)
