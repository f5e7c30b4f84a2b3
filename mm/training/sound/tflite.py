"""Reads the constants of a TensorFlow Lite file in float32, without TensorFlow.

Format: tensorflow/lite/schema/schema.fbs, read by its field numbers; limited to what the 8-bit
teacher needs.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from flatbuffers import number_types
from flatbuffers.table import Table

from mm.errors import InvalidInput

Float = npt.NDArray[np.float32]

_DTYPES = {0: np.float32, 2: np.int32, 9: np.int8}  # TensorType


def read_constants(path: Path) -> list[tuple[str, Float]]:
    """Read names and values of all constants in the file's order, integers dequantized.

    Raises `InvalidInput` for a file of another format.
    """
    try:
        data = path.read_bytes()
        if data[4:8] != b"TFL3":
            raise ValueError("the identifier TFL3 is missing")
        model = Table(data, struct.unpack_from("<I", data)[0])
        (graph,) = _tables(model, 2)
        buffers = _tables(model, 4)
        constants = [_constant(tensor, buffers) for tensor in _tables(graph, 0)]
    except (OSError, ValueError, struct.error, IndexError, TypeError) as error:
        raise InvalidInput(f"{path} is not a TensorFlow Lite file: {error}.") from error
    return [constant for constant in constants if constant is not None]


def _constant(tensor: Table, buffers: list[Table]) -> tuple[str, Float] | None:
    buffer = _numbers(buffers[_scalar(tensor, 2, number_types.Uint32Flags)], 0, np.dtype(np.uint8))
    dtype = _DTYPES.get(_scalar(tensor, 1, number_types.Int8Flags))
    if not buffer.size or dtype is None:
        return None
    shape = _numbers(tensor, 0, np.dtype(np.int32))
    values = np.frombuffer(buffer.tobytes(), dtype).reshape(shape).astype(np.float32)
    quantization = tensor.Offset(4 + 2 * 4)
    if quantization:
        table = Table(tensor.Bytes, tensor.Indirect(tensor.Pos + quantization))
        scale = _numbers(table, 2, np.dtype(np.float32)).astype(np.float32)
        zero = _numbers(table, 3, np.dtype(np.int64)).astype(np.float32)
        if scale.size:
            axis = _scalar(table, 6, number_types.Int32Flags) if scale.size > 1 else 0
            scale_shape = [-1 if index == axis and scale.size > 1 else 1 for index in range(values.ndim)]
            values = (values - zero.reshape(scale_shape)) * scale.reshape(scale_shape)
    name = tensor.String(tensor.Pos + tensor.Offset(4 + 2 * 3)).decode()
    return name, values.astype(np.float32)


def _scalar(table: Table, number: int, flags: type) -> int:
    offset = table.Offset(4 + 2 * number)
    return int(table.Get(flags, table.Pos + offset)) if offset else 0


def _tables(table: Table, number: int) -> list[Table]:
    offset = table.Offset(4 + 2 * number)
    first = table.Vector(offset)
    return [Table(table.Bytes, table.Indirect(first + 4 * index)) for index in range(table.VectorLen(offset))]


def _numbers(table: Table, number: int, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    offset = table.Offset(4 + 2 * number)
    if not offset:
        return np.zeros(0, dtype)
    first, count = table.Vector(offset), table.VectorLen(offset)
    return np.frombuffer(table.Bytes, dtype, count, first)
