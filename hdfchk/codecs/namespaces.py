"""Codec of `types.SimpleNamespace` and `argparse.Namespace`: a group of their attributes."""

from __future__ import annotations

import types
from typing import Any

import attrs

from .. import keys
from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]

WHOLE = "attributes"
"""The only child of a namespace with an attribute whose name is not a valid link name."""


def _encode(value: Any, encoder: Encoder) -> Node:
    is_simple = type(value) is types.SimpleNamespace
    name = "SimpleNamespace" if is_simple else "argparse.Namespace"
    mark = Mark("namespace", 1, {"class": name})
    fields: dict[Any, Any] = dict(vars(value))
    if any(type(f) is not str or keys.problem_of_name(f) is not None for f in fields):
        mark = attrs.evolve(mark, params={**mark.params, "whole": True})
        fields = {WHOLE: fields}
    return encoder.branch(value, fields, mark)


def _made(name: str) -> Any:
    """Return a namespace without attributes."""
    if name == "SimpleNamespace":
        return types.SimpleNamespace()
    if name != "argparse.Namespace":
        raise ValueError(f"{name!r} is not a namespace")
    import argparse

    return argparse.Namespace()


def _decode(node: Branch, decoder: Decoder) -> Any:
    params, fields = params_of(node), decoder.fields(node)
    value = _made(params["class"])
    vars(value).update(fields[WHOLE] if params.get("whole") else fields)
    return value


CODECS = (Codec("namespace", (types.SimpleNamespace, "argparse.Namespace"), _encode, _decode),)
