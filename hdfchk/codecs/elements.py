"""Elements of stored arrays: some rows of an array to values and back, by the array's mark.

What a codec does to a whole value is done here to a part of it, so that a slice of a stored array
of datetimes is an array of datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from ..errors import UnsupportedTypeError
from ..tree import Mark, utf8_dtype
from . import arrays, dtypes, strings, tensors
from .scalars import is_plain_text

__all__ = ["Elements", "any_masked", "elements_of", "form_of"]

AnyArray = np.ndarray[Any, Any]
SEQUENCES = frozenset({"list", "tuple", "set", "frozenset", "deque"})
"""Values whose items, if they are alike, are stored as an array."""


@attrs.frozen
class Elements:
    """How the elements of one stored array become values and back.

    Args:
        stored: the dtype with which they are stored.
        params: the parameters of the array's mark.
        kind: whose they are: ``ndarray``, ``torch.Tensor``, or something else, whose elements are
            those of a plain array.
    """

    stored: np.dtype[Any]
    params: Mapping[str, Any]
    kind: str = "ndarray"

    @property
    def dtype(self) -> Any:
        """The dtype of the values: NumPy's, or for tensors torch's."""
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
        """Whether values are stored as they are."""
        return self.kind != "torch.Tensor" and self._dtype == self.stored

    @property
    def is_texts(self) -> bool:
        """Whether it is a list of strings, or something alike, in UTF-8 of one width."""
        return self.kind in SEQUENCES and self.stored.kind == "S"

    @property
    def in_one_axis_more(self) -> bool:
        """Whether a string is stored as its code points, along an axis of their own."""
        return self.kind == "ndarray" and self._dtype.kind == "U" and self.stored.kind == "u"

    def decode(self, data: AnyArray) -> Any:
        """The values of stored elements; a view of them where that is enough."""
        if self.kind == "torch.Tensor":
            return tensors.from_array(data, self.params)
        if self.is_texts:
            return np.strings.decode(data, "utf-8")
        if self.kind != "ndarray":
            return data
        value = arrays.decode_elements(data, self.params)
        return value.view(np.recarray) if self.params.get("class") == "recarray" else value

    def encode(self, value: Any) -> AnyArray:
        """The stored form of values.

        Args:
            value: an array, a tensor, or what NumPy makes one of; of any shape.

        Raises:
            UnsupportedTypeError: they can not be kept as elements of this array.
        """
        if (
            type(value) is np.ndarray
            and value.dtype == self.stored
            and self.stored.kind != "O"
            and self.is_plain
        ):
            return value
        return np.asarray(self._encoded(value))

    def _encoded(self, value: Any) -> AnyArray:
        if self.kind == "torch.Tensor":
            return tensors.to_array(value, self.params)
        if type(value).__module__.partition(".")[0] == "torch":
            value = tensors.to_array(value)
        dtype = self._dtype
        if dtype.kind in "OT":
            texts = _variable_strings(value)
            is_fixed = self.stored.kind == "S"  # a string dataset of others that took them
            return self._fixed_strings(np.asarray(texts, np.str_)) if is_fixed else texts
        if dtype.kind == "U":
            return self._fixed_strings(np.asarray(value))
        if self.is_texts:
            return self._fixed_strings(np.asarray(value))
        found = _cast(value, dtype)
        if dtype == self.stored:
            return found
        return np.ascontiguousarray(found).view(self.stored).reshape(found.shape)

    def _fixed_strings(self, value: AnyArray) -> AnyArray:
        if value.dtype.kind not in "UT":
            raise _unfit(value.dtype, self._dtype)
        longest = int(np.strings.str_len(value).max(initial=0))
        if self._dtype.kind == "U" and longest > self._dtype.itemsize // 4:
            raise _unfit(f"{longest} characters", self._dtype)
        if self.stored.kind == "O":
            return _variable_strings(value)
        raw = strings.to_bytes(np.asarray(value, np.str_))
        if raw.dtype.kind != self.stored.kind or raw.dtype.itemsize > self.stored.itemsize:
            raise _unfit(value.dtype, self.stored)
        return raw.astype(utf8_dtype(self.stored.itemsize))


def elements_of(mark: Mark | None, stored: np.dtype[Any]) -> Elements:
    """The elements of an array with this mark."""
    if mark is None:
        return Elements(stored, {})
    return Elements(stored, mark.params, mark.name)


def has_elements(mark: Mark | None) -> bool:
    """Whether a dataset with this mark is an array, or a sequence that is stored as one."""
    return mark is None or mark.name in {"ndarray", "torch.Tensor", "numpy", *SEQUENCES}


def is_numeric(stored: np.dtype[Any]) -> bool:
    """Whether elements of a stored dtype are numbers, or made of numbers."""
    if stored.names is not None:
        return all(is_numeric(stored[name]) for name in stored.names)
    return (stored.subdtype[0] if stored.subdtype else stored).kind in "biufc"


def form_of(dtype: Any, *, is_scalar: bool = False) -> tuple[np.dtype[Any], Mark | None]:
    """The stored dtype, and the mark, of an array of `dtype` that is not at hand yet.

    Args:
        dtype: what NumPy makes a dtype of; `str` for strings of any length.
        is_scalar: it has no axes.

    Raises:
        UnsupportedTypeError: arrays of it have no elements that could be written one by one.
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
            f"an array of {dtype} has further axes", hint="put them into the shape"
        )
    if dtypes.is_native(dtype) and not is_scalar:
        return dtype, None
    mark = Mark("ndarray", 1, {"dtype": dtypes.describe(dtype)})
    if dtype.kind == "U":
        return utf8_dtype(dtype.itemsize), mark  # at most 4 bytes a character, as here
    return dtypes.storage(dtype), mark


def _no_parts(dtype: np.dtype[Any]) -> UnsupportedTypeError:
    return UnsupportedTypeError(
        f"an array of {dtype} is stored as a whole", hint="assign the whole array"
    )


def _unfit(given: Any, dtype: Any) -> UnsupportedTypeError:
    return UnsupportedTypeError(
        f"elements of {given} do not fit the stored {dtype}",
        hint="convert them, or assign the whole array anew",
    )


def _cast(value: Any, dtype: np.dtype[Any]) -> AnyArray:
    """`value` as an array of `dtype`: of the same kind, and only if it fits."""
    if any_masked(value):
        raise UnsupportedTypeError(
            "some elements are masked, and the stored array has no mask",
            hint="fill them in by .filled(), or assign a masked array as a whole",
        )
    array = np.asarray(value)
    if array.dtype == dtype:
        return array
    if dtype.names is not None:
        return _cast_fields(value, array, dtype)
    kinds = array.dtype.kind + dtype.kind
    if kinds in {"ii", "uu", "iu", "ui"}:
        fits = np.array_equal(array.astype(dtype), array)
    elif kinds[1] in "SV":
        fits = kinds[0] == kinds[1] and (
            array.dtype.itemsize == dtype.itemsize
            or (kinds == "SS" and array.dtype.itemsize < dtype.itemsize)
        )
    else:
        fits = np.can_cast(array.dtype, dtype, "same_kind") and _keeps(array, dtype)
    if not fits:
        raise _unfit(array.dtype, dtype)
    return array.astype(dtype)


def _keeps(array: AnyArray, dtype: np.dtype[Any]) -> bool:
    """Whether elements are still themselves as `dtype`, but for digits that a float has not."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
        if dtype.kind in "mM":
            return np.array_equal(cast.astype(array.dtype), array, equal_nan=True)
        if array.dtype.kind in "iu" and dtype.kind in "fc":
            return np.array_equal(cast.real.astype(np.longdouble), array.astype(np.longdouble))
        if dtype.kind in "fc":
            return np.array_equal(np.isfinite(cast), np.isfinite(array))
    return True


def _cast_fields(value: Any, array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """A structured array, field by field; of tuples only those whose items stay what they are."""
    names = dtype.names or ()
    if array.dtype.names is None:
        try:
            made = np.asarray(value, dtype)
        except (TypeError, ValueError) as error:
            raise _unfit(array.dtype, dtype) from error
        given = value if isinstance(value, tuple) else None
        if given is None or made.shape or made.tolist() != given:
            raise _unfit("tuples (or other values)", dtype)
        return made
    if array.dtype.names != names:
        raise _unfit(array.dtype, dtype)
    out = np.empty(array.shape, dtype)
    for name in names:
        field = dtype[name]
        out[name] = _cast(array[name], field.subdtype[0] if field.subdtype else field)
    return out


def any_masked(value: Any) -> bool:
    """Whether an element of a masked array is masked, or a field of one."""
    mask = np.ma.getmask(value) if isinstance(value, np.ma.MaskedArray) else np.ma.nomask
    return mask is not np.ma.nomask and b"\1" in np.asarray(mask).tobytes()


def _variable_strings(value: Any) -> AnyArray:
    objects = np.asarray(value, object)
    flat: list[Any] = objects.reshape(-1).tolist()
    if not all(isinstance(item, str) and is_plain_text(item) for item in flat):
        raise UnsupportedTypeError(
            "an element is no string, or holds a NUL or a lone surrogate",
            hint="assign the whole array anew",
        )
    return objects
