"""Constants of an ONNX graph in a file of their own, which ONNX Runtime maps instead of reading.

Format: External Data of the ONNX specification (docs/ExternalData.md). Imports onnx.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

ALIGNMENT = 4096
"""Tensors start at multiples of a page."""

Array = npt.NDArray[np.generic]


class ExternalData:
    """The tensors of a data file, in the order in which they were added."""

    def __init__(self, location: str) -> None:
        """`location` is the name of the data file, in the folder of the graph."""
        self._location = location
        self._arrays: list[tuple[int, Array]] = []
        self._offsets: dict[tuple[int, int], int] = {}  # by address and size of an array
        self._end = 0

    def add(self, name: str, array: Array) -> onnx.TensorProto:
        """A constant of the type and shape of `array`.

        Views of the same memory, in any shape, are stored once.
        """
        array = np.ascontiguousarray(array)
        key = (array.ctypes.data, array.nbytes)
        if key not in self._offsets:
            self._offsets[key] = -(-self._end // ALIGNMENT) * ALIGNMENT
            self._arrays.append((self._offsets[key], array))
            self._end = self._offsets[key] + array.nbytes
        tensor = onnx.TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entries = {"location": self._location, "offset": str(self._offsets[key]), "length": str(array.nbytes)}
        for entry, value in entries.items():
            tensor.external_data.add(key=entry, value=value)
        return tensor

    def write(self, file: BinaryIO) -> None:
        """Write all tensors."""
        position = 0
        for offset, array in self._arrays:
            file.write(bytes(offset - position))
            file.write(array.data)
            position = offset + array.nbytes
