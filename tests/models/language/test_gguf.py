"""The GGUF reader: values equal to a scalar implementation, and damaged files are refused."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput
from mm.models.language.gguf.blocks import BLOCK_TYPES
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.gguf.writer import Tensor
from mm.models.language.gguf.writer import write_gguf as write
from tests.models.language.gguf_files import (
    F16,
    F32,
    Q4_1,
    Q8_0,
    Stored,
    dequantize_scalars,
    make_gguf,
    pack_string,
    pack_value,
    random_blocks,
    write_gguf,
)

METADATA: dict[str, object] = {
    "a.string": "größe",
    "an.int": 7,
    "a.float": 0.5,
    "a.bool": True,
    "some.strings": ["a", "", "Ġb"],
    "some.ints": [1, -2],
}
TENSORS = {kind: random_blocks((3, 64), number, seed=number) for kind, number in (("f32", F32), ("q4_1", Q4_1), ("q8_0", Q8_0))}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from([F32, F16, Q4_1, Q8_0]), rows=st.integers(1, 5), blocks=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_gguf_tensor_of_each_type_equals_the_scalar_implementation(
    tmp_path: Path, kind: int, rows: int, blocks: int, seed: int
) -> None:
    stored = random_blocks((rows, 32 * blocks), kind, seed)
    path = write_gguf(tmp_path / "model.gguf", METADATA, {"before": TENSORS["q8_0"], "of interest": stored})
    values = read_gguf(path).read_tensor("of interest")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, dequantize_scalars(stored), rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from([F32, F16, Q4_1, Q8_0]), seed=st.integers(0, 2**31), scale=st.sampled_from([0.01, 1.0, 100.0]))
def test_gguf_quantization_gives_the_nearest_values_of_each_block(kind: int, seed: int, scale: float) -> None:
    block = BLOCK_TYPES[kind]
    values = (scale * np.random.default_rng(seed).standard_normal((4, block.num_values))).astype(np.float32)
    values[0] = 0
    stored = block.quantize(values)
    assert (stored.shape, stored.dtype) == ((4, block.num_bytes), np.uint8)
    step = {
        F32: np.float32(0),
        F16: np.abs(values) * 2**-11,
        Q4_1: np.ptp(values, axis=1, keepdims=True) / 30,
        Q8_0: np.abs(values).max(1, keepdims=True) / 254,
    }[kind]
    largest = np.abs(values).max(1, keepdims=True) * 2**-10  # scale and minimum are rounded to half precision
    assert (np.abs(block.dequantize(stored) - values) <= step * 1.001 + (largest if kind in (Q4_1, Q8_0) else 0)).all()


def test_written_gguf_file_is_read_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 64)).astype(np.float32)
    tensors = {f"of type {kind}": Tensor(values, kind) for kind in (F32, F16, Q4_1, Q8_0)} | {
        "odd": Tensor(values[0, 0, :5], F32)
    }
    write(tmp_path / "written.gguf", METADATA, tensors)
    file = read_gguf(tmp_path / "written.gguf")
    assert file.metadata == METADATA
    assert all(info.start % 32 == 0 for info in file.tensors.values())
    np.testing.assert_array_equal(file.read_tensor("of type 0"), values)
    np.testing.assert_array_equal(file.read_tensor("of type 1"), values.astype(np.float16))
    np.testing.assert_array_equal(file.read_tensor("odd"), values[0, 0, :5])
    for kind, atol in ((Q4_1, 0.25), (Q8_0, 0.02)):
        np.testing.assert_allclose(file.read_tensor(f"of type {kind}"), values, atol=atol)


def test_gguf_writer_refuses_what_the_format_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Rows of 40 values are not whole blocks of Q8_0"):
        Tensor(np.zeros((2, 40), np.float32), Q8_0)
    for value in (2**40, -1, [2**40], None):
        with pytest.raises(InvalidInput, match=r"a\.key cannot be stored"):
            write(tmp_path / "written.gguf", {"a.key": value}, {})  # type: ignore[dict-item]
    assert not (tmp_path / "written.gguf").exists()


def test_gguf_metadata_are_returned_in_their_types(tmp_path: Path) -> None:
    file = read_gguf(write_gguf(tmp_path / "model.gguf", METADATA, TENSORS))
    assert file.metadata == METADATA
    assert (file.get_str("a.string"), file.get_int("an.int"), file.get_float("a.float")) == ("größe", 7, 0.5)
    assert file.get_strings("some.strings") == ["a", "", "Ġb"]
    assert file.get_ints("some.ints") == [1, -2]
    assert {name: info.shape for name, info in file.tensors.items()} == dict.fromkeys(TENSORS, (3, 64))
    for get in (file.get_int, file.get_float, file.get_strings, file.get_ints):
        for key in ("a.string", "a.bool", "missing"):
            with pytest.raises(Corrupt, match=key):
                get(key)
    with pytest.raises(Corrupt, match="an array of type int"):
        file.get_ints("some.strings")
    with pytest.raises(Corrupt, match="no tensor missing"):
        file.read_tensor("missing")


def test_gguf_alignment_of_the_metadata_is_used(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(make_gguf({"general.alignment": 128}, TENSORS, version=2, alignment=128))
    for name, stored in TENSORS.items():
        np.testing.assert_allclose(read_gguf(path).read_tensor(name), dequantize_scalars(stored), rtol=1e-6, atol=1e-6)


def test_gguf_file_cut_off_at_any_byte_is_refused(tmp_path: Path) -> None:
    data, path = make_gguf(METADATA, TENSORS), tmp_path / "model.gguf"
    for length in [*range(0, 420, 3), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(Corrupt):
            read_gguf(path)


@pytest.mark.parametrize("kind", [F32, Q8_0])
def test_gguf_tensor_with_infinite_values_is_refused(tmp_path: Path, kind: int) -> None:
    stored = random_blocks((1, 32), kind, seed=1)
    infinite = np.array(np.inf, "<f4" if kind == F32 else "<f2").tobytes()
    damaged = replace(stored, data=infinite + stored.data[len(infinite) :])
    path = write_gguf(tmp_path / "model.gguf", METADATA, {"weight": damaged})
    with pytest.raises(Corrupt, match=r"weight .* not finite"):
        read_gguf(path).read_tensor("weight")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 400), byte=st.integers(0, 255))
def test_gguf_file_with_a_changed_byte_is_read_or_refused(tmp_path: Path, position: int, byte: int) -> None:
    data, path = bytearray(make_gguf(METADATA, TENSORS)), tmp_path / "model.gguf"
    data[position] = byte
    path.write_bytes(data)
    try:
        file = read_gguf(path)
        for name in file.tensors:
            file.read_tensor(name)
    except Corrupt:
        pass  # the only error that a user may see


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read"),
        (b"GGML" + bytes(100), "is not a GGUF file"),
        (make_gguf({}, {}, version=1), "version 1"),
        (make_gguf({"general.alignment": 0}, TENSORS), "alignment"),
        (make_gguf({}, {"half": Stored((32,), 30, bytes(64))}), "half .* has the type 30; supported are F32, F16, Q4_1, Q8_0"),
        (make_gguf({}, {"odd": Stored((33,), Q8_0, bytes(68))}), "odd .* are not whole blocks of 32"),
        (make_gguf({}, {"none": Stored((2**62, 0), F32, b"")}), "none .* is empty"),
        (make_gguf({}, {"deep": Stored((1, 1, 1, 1, 1), F32, bytes(4))}), "deep .* has 5 axes"),
        (make_gguf({"key": 1}, {}).replace(pack_value(1), struct.pack("<II", 99, 1)), "key .* unsupported type 99"),
        (make_gguf({"key": "é"}, {}).replace("é".encode(), b"\xff\xff"), "not UTF-8"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pack_string("key") + struct.pack("<IIQ", 9, 7, 2**60),
            f"{2**60} entries are announced",
        ),
    ],
)
def test_gguf_reader_of_an_invalid_file_names_the_fault(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=message):
        read_gguf(path)


def test_gguf_reader_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=r"model\.gguf cannot be read"):
        read_gguf(tmp_path / "model.gguf")
