"""Conversion of elements of stored arrays to values and back, by the mark of the array.

A codec converts whole values; this module converts parts, so that a slice of a stored array
of datetimes is an array of datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from ..errors import UnsupportedTypeError
from ..tree import ARRAYS, UNITS, Mark, utf8_dtype
from . import arrays, dtypes, strings, tensors
from .casting import Form, Text, any_masked, cast, takes_any, unfit
from .scalars import is_plain_text

__all__ = ["Elements", "any_masked", "elements_of", "form_of"]

AnyArray = np.ndarray[Any, Any]
SEQUENCES = frozenset({"list", "tuple", "set", "frozenset", "deque"})
"""Values whose items, if they share a type, are stored as an array."""


@attrs.frozen
class Elements:
    """The conversion of the elements of one stored array to values and back.

    Args:
        stored: the stored dtype.
        params: the parameters of the array's mark.
        kind: the name of the mark: ``ndarray``, ``torch.Tensor``, or another, whose elements are
            those of a plain array.
        form: the form of the elements.
    """

    stored: np.dtype[Any]
    params: Mapping[str, Any]
    kind: str = "ndarray"
    form: Form | None = None

    @property
    def dtype(self) -> Any:
        """The dtype of the values: of NumPy, or, for tensors, of torch."""
        if self.kind == "torch.Tensor":
            return tensors.dtype_of(self.params)
        return self._dtype

    @property
    def _dtype(self) -> np.dtype[Any]:
        spec = self.params.get("dtype") if self.kind == "ndarray" else None
        if spec is None:
            return self.stored
        if isinstance(spec, dict) and "string" in spec:
            return strings.rebuild(spec["string"])
        return dtypes.rebuild(spec)

    @property
    def is_plain(self) -> bool:
        """Whether values are stored without conversion."""
        return self.kind != "torch.Tensor" and self._dtype == self.stored

    @property
    def takes_any(self) -> bool:
        """Whether every array of the stored dtype is stored unchanged."""
        return takes_any(self.form) and self.stored.kind != "O" and self.is_plain

    @property
    def is_texts(self) -> bool:
        """Whether it is a list (or tuple, …) of strings, in fixed-width UTF-8."""
        return self.kind in SEQUENCES and self.stored.kind == "S"

    @property
    def has_extra_axis(self) -> bool:
        """Whether a string is stored as code points, along an additional axis."""
        return self.kind == "ndarray" and self._dtype.kind == "U" and self.stored.kind == "u"

    def decode(self, data: AnyArray) -> Any:
        """Return the values of stored elements, as a view if possible."""
        if self.kind == "torch.Tensor":
            return tensors.from_array(data, self.params)
        if self.is_texts:
            return np.strings.decode(data, "utf-8")
        if self.kind != "ndarray":
            return data
        value = arrays.decode_elements(data, self.params)
        return value.view(np.recarray) if self.params.get("class") == "recarray" else value

    def encode(self, value: Any) -> AnyArray:
        """Return the stored form of values.

        Args:
            value: an array, a tensor, or anything that NumPy converts to an array; of any shape.

        Raises:
            UnsupportedTypeError: they cannot be stored exactly as elements of this array.
        """
        if type(value) is np.ndarray and value.dtype == self.stored and self.takes_any:
            return value
        _require_no_units(value, self.params.get(UNITS))
        return np.asarray(self._encoded(value))

    def _encoded(self, value: Any) -> AnyArray:
        if self.kind == "torch.Tensor":
            return tensors.to_array(value, self.params)
        if type(value).__module__.partition(".")[0] == "torch":
            value = tensors.to_array(value)
        dtype = self._dtype
        if dtype.kind == "T" or (dtype.kind == "O" and self.form is None):
            texts = _variable_strings(value)
            is_fixed = self.stored.kind == "S"  # a string dataset of another program
            return self._fixed_strings(np.asarray(texts, np.str_)) if is_fixed else texts
        if dtype.kind == "U":
            return self._fixed_strings(np.asarray(value))
        if self.is_texts:
            return self._fixed_strings(np.asarray(value))
        found = cast(value, dtype, self.form)
        if dtype == self.stored:
            return found
        return np.ascontiguousarray(found).view(self.stored).reshape(found.shape)

    def widened(self, value: Any) -> Elements | None:
        """The conversion for an array of strings of one width that has room for longer ones.

        Args:
            value: strings of any length.

        Returns:
            None if it is not such an array, or `value` is not strings of fixed width.
        """
        if self.stored.kind != "S":
            return None
        given = np.asarray(value)
        if given.dtype.kind not in "UTS":
            return None
        texts = given if given.dtype.kind == "S" else strings.to_bytes(np.asarray(given, np.str_))
        if texts.dtype.kind != "S":
            return None
        form, params, dtype = self.form, self.params, self._dtype
        width = max(self.stored.itemsize, int(np.strings.str_len(texts).max(initial=0)))
        if isinstance(form, Text):
            width += int(form.is_ended and width > self.stored.itemsize - 1)
            form = attrs.evolve(form, most=width - form.is_ended)
        if dtype.kind == "U" and given.dtype.kind != "S":
            longest = int(np.strings.str_len(given).max(initial=0))
            wide = np.dtype(f"U{max(dtype.itemsize // 4, longest)}")
            params = {**params, "dtype": dtypes.describe(wide.newbyteorder(dtype.byteorder))}
        stored = np.dtype(f"S{width}", metadata=dict(self.stored.metadata or {}))
        return Elements(stored, params, self.kind, form)

    def _fixed_strings(self, value: AnyArray) -> AnyArray:
        if value.dtype.kind not in "UT":
            raise unfit(value.dtype, self._dtype)
        longest = int(np.strings.str_len(value).max(initial=0))
        if self._dtype.kind == "U" and longest > self._dtype.itemsize // 4:
            raise unfit(f"{longest} characters", self._dtype)
        if self.stored.kind == "O":
            return _variable_strings(value)
        raw = strings.to_bytes(np.asarray(value, np.str_))
        if raw.dtype.kind != self.stored.kind or raw.dtype.itemsize > self.stored.itemsize:
            raise unfit(value.dtype, self.stored)
        return raw.astype(utf8_dtype(self.stored.itemsize))


def elements_of(mark: Mark | None, stored: np.dtype[Any], form: Form | None = None) -> Elements:
    """Return the conversion for an array with this mark, or, without one, of this form."""
    if mark is None:
        return Elements(stored, {}, form=form)
    return Elements(stored, mark.params, "ndarray" if mark.name in ARRAYS else mark.name)


def has_elements(mark: Mark | None) -> bool:
    """Whether a dataset with this mark is an array, or a sequence stored as one."""
    return mark is None or mark.name in {"torch.Tensor", "numpy", *ARRAYS, *SEQUENCES}


def is_numeric(stored: np.dtype[Any]) -> bool:
    """Whether elements of a stored dtype are numbers, or consist of numbers."""
    if stored.names is not None:
        return all(is_numeric(stored[name]) for name in stored.names)
    return (stored.subdtype[0] if stored.subdtype else stored).kind in "biufc"


def form_of(dtype: Any, *, is_scalar: bool = False) -> tuple[np.dtype[Any], Mark | None]:
    """Return the stored dtype, and the mark, of an array of `dtype` to be written in parts.

    Args:
        dtype: anything that NumPy converts to a dtype; `str` for variable-length strings.
        is_scalar: the array has no axes.

    Raises:
        UnsupportedTypeError: such arrays can only be stored as a whole.
    """
    dtype = np.dtype(np.dtypes.StringDType() if dtype is str else dtype)
    if dtype.kind == "T":
        if dtype != np.dtypes.StringDType():
            raise _no_parts(dtype)
        return np.dtype(object), Mark("ndarray", 1, {"dtype": {"string": {}}})
    if dtype.hasobject or dtype.itemsize == 0:
        raise _no_parts(dtype)
    if dtype.subdtype is not None:
        raise UnsupportedTypeError(
            f"an array of {dtype} has additional axes", hint="put them into the shape"
        )
    if dtypes.is_native(dtype) and not is_scalar:
        return dtype, None
    mark = Mark("ndarray", 1, {"dtype": dtypes.describe(dtype)})
    if dtype.kind == "U":
        return utf8_dtype(dtype.itemsize), mark  # at most 4 bytes per character, as in NumPy
    return dtypes.storage(dtype), mark


def _require_no_units(value: Any, units: str | None) -> None:
    """Reject values with units, which NumPy would drop.

    Raises:
        UnsupportedTypeError: they have units; the error says how to convert them.
    """
    package = type(value).__module__.partition(".")[0]
    if package in _PLAIN_VALUES and (hasattr(value, "unit") or hasattr(value, "units")):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        plain = _PLAIN_VALUES[package].format(units or "…")
        raise UnsupportedTypeError(
            f"elements of a stored array are plain numbers, not a {kind} with units",
            hint=f"convert it to the units of the array: pass value.{plain}",
        )


_PLAIN_VALUES = {
    "astropy": "to_value({0!r})",
    "pint": "m_as({0!r})",
    "unyt": "to_value({0!r})",
}
"""By package: how a quantity becomes plain numbers in given units."""


def _no_parts(dtype: np.dtype[Any]) -> UnsupportedTypeError:
    return UnsupportedTypeError(
        f"an array of {dtype} is stored as a whole", hint="assign the whole array"
    )


def _variable_strings(value: Any) -> AnyArray:
    objects = np.asarray(value, object)
    flat: list[Any] = objects.reshape(-1).tolist()
    if not all(isinstance(item, str) and is_plain_text(item) for item in flat):
        raise UnsupportedTypeError(
            "an element is not a string, or contains a NUL or a lone surrogate",
            hint="assign the whole array",
        )
    return objects
