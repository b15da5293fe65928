"""Codec of awkward arrays: their form, as awkward writes it in JSON, and their buffers."""

from __future__ import annotations

from typing import Any

from ..tree import Branch, Mark, Node
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]


def _awkward() -> Any:
    return need("awkward", "an awkward array", "its buffers by chk.group(key) or h5py")


def _encode(value: Any, encoder: Encoder) -> Node:
    ak = _awkward()
    encoder.refuse_attributes(value, vars(ak.Array(value.layout)))
    if value.behavior is not None:
        encoder.refuse(
            value,
            "with a behavior of its own",
            "add the behavior to awkward.behavior, or store the array without it and give it again",
        )
    if ak.backend(value) != "cpu":
        encoder.refuse(
            value, f"of the backend {ak.backend(value)}", "call awkward.to_backend(value, 'cpu')"
        )
    form, length, buffers = ak.to_buffers(ak.to_packed(value))
    parts: dict[str, Any] = {"form": form.to_json(), "length": length, "buffers": dict(buffers)}
    if value.attrs:
        parts["attrs"] = dict(value.attrs)
    return encoder.branch(value, parts, Mark("awkward.Array"))


def _decode(node: Branch, decoder: Decoder) -> Any:
    ak, parts = _awkward(), decoder.fields(node)
    form = ak.forms.from_json(parts["form"])
    return ak.from_buffers(form, parts["length"], parts["buffers"], attrs=parts.get("attrs"))


CODECS = (Codec("awkward.Array", ("awkward.Array",), _encode, _decode),)
