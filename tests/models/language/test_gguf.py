"""The GGUF reader: values equal to a scalar implementation, and damaged files are refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm.errors import Corrupt
from mm.models.language.gguf.reader import read_gguf
from tests.models.language.gguf_files import (
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
@given(kind=st.sampled_from([F32, Q4_1, Q8_0]), rows=st.integers(1, 5), blocks=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_gguf_tensor_of_each_type_equals_the_scalar_implementation(
    tmp_path: Path, kind: int, rows: int, blocks: int, seed: int
) -> None:
    stored = random_blocks((rows, 32 * blocks), kind, seed)
    path = write_gguf(tmp_path / "model.gguf", METADATA, {"before": TENSORS["q8_0"], "of interest": stored})
    values = read_gguf(path).read_tensor("of interest")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, dequantize_scalars(stored), rtol=1e-6, atol=1e-6)


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
        (make_gguf({}, {"half": Stored((32,), 1, bytes(64))}), "half .* has the type 1; supported are F32, Q4_1, Q8_0"),
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
