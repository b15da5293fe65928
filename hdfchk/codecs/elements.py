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
    def in_one_axis_more(self) -> bool:
        """Whether a string is stored as its code points, along an axis of their own."""
        return self.kind == "ndarray" and self._dtype.kind == "U" and self.stored.kind == "u"

    def decode(self, data: AnyArray) -> Any:
        """The values of stored elements; a view of them where that is enough."""
        if self.kind == "torch.Tensor":
            return tensors.from_array(data, self.params)
        if self.kind != "ndarray":
            return data
        return arrays.decode_elements(data, self.params)

    def encode(self, value: Any) -> AnyArray:
        """The stored form of values.

        Args:
            value: an array, a tensor, or what NumPy makes one of; of any shape.

        Raises:
            UnsupportedTypeError: they can not be kept as elements of this array.
        """
        if type(value) is np.ndarray and value.dtype == self.stored and self.is_plain:
            return value
        if self.kind == "torch.Tensor":
            return tensors.to_array(value, self.params)
        if type(value).__module__.partition(".")[0] == "torch":
            value = tensors.to_array(value)
        dtype = self._dtype
        if dtype.kind == "T":
            return _variable_strings(value)
        if dtype.kind == "U":
            return self._fixed_strings(np.asarray(value))
        if dtype.kind == "O":
            return _variable_strings(value)
        if self.kind != "ndarray" and dtype.kind == "S":  # a list of strings
            return self._fixed_strings(np.asarray(value, np.str_))
        found = _cast(value, dtype)
        if dtype == self.stored:
            return found
        return np.ascontiguousarray(found).view(self.stored).reshape(found.shape)

    def _fixed_strings(self, value: AnyArray) -> AnyArray:
        if value.dtype.kind not in "UT":
            raise _unfit(value.dtype, self._dtype)
        raw = strings.to_bytes(np.asarray(value, np.str_))
        if raw.dtype.kind != self.stored.kind or raw.dtype.itemsize > self.stored.itemsize:
            raise _unfit(value.dtype, self.stored)
        return raw.astype(utf8_dtype(self.stored.itemsize))


def elements_of(mark: Mark | None, stored: np.dtype[Any]) -> Elements:
    """The elements of an array with this mark."""
    if mark is None:
        return Elements(stored, {})
    return Elements(stored, mark.params, mark.name)


def form_of(dtype: Any) -> tuple[np.dtype[Any], Mark | None]:
    """The stored dtype, and the mark, of an array of `dtype` that is not at hand yet.

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
    if dtypes.is_native(dtype):
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
    """`value` as an array of `dtype`: of the same kind, and integers only if they fit."""
    if any_masked(value):
        raise UnsupportedTypeError(
            "some elements are masked, and the stored array has no mask",
            hint="fill them in by .filled(), or assign a masked array as a whole",
        )
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if array.dtype == dtype:
        return array
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        cast = array.astype(dtype)
        if not np.array_equal(cast, array):
            raise _unfit(f"{array.dtype} (some out of range)", dtype)
        return cast
    if dtype.kind == "S" and (array.dtype.kind != "S" or array.dtype.itemsize > dtype.itemsize):
        raise _unfit(array.dtype, dtype)
    if dtype.names is not None and array.dtype.names is None:
        try:
            return np.asarray(value, dtype)
        except (TypeError, ValueError) as error:
            raise _unfit(array.dtype, dtype) from error
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise _unfit(array.dtype, dtype)
    return array.astype(dtype)


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
