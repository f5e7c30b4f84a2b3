"""multilingual-e5-small: file, tokenizer and graph, beside the engine of the package."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from mm.errors import Corrupt
from mm.models.text.e5.encoder import MAX_TOKENS, E5Encoder
from mm.models.text.e5.file import BlockMatrix, E5File, find_e5_file
from mm.models.text.e5.tokenizer import PREFIX, E5Tokenizer
from mm.models.text.e5.unigram import UnigramModel
from mm.training.languages.tokenizer import BatchTokenizer

TEXTS = [
    "a dog runs on the beach",
    "Ein Hund läuft am Strand.",
    "犬がビーチを走っている",
    "कुत्ता समुद्र तट पर दौड़ता है",
    "كلب يركض على الشاطئ",
    "สุนัขวิ่งบนชายหาด",
    "a  b\tc ﬁne ½ ①",
    "",
]
PIECES, BLOCK = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "\u2581dog", "d", "o", "g"], 18
NAME = b"emb.word"


def pack_file(block: bytes, offset: int = 0) -> bytes:
    """A file with one tensor of one block, and a map that replaces a tabulator by a space."""
    text = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    header = struct.pack("<4sI7ifi", b"E5S1", 1, 32, 0, 1, 32, 1, 16, 2, 1e-12, 32)
    vocabulary = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(text)) + ends.tobytes()
    vocabulary += np.array([0, 0, 0, 0, -1, -2, -3, -3, -3], "<f4").tobytes() + text
    vocabulary += struct.pack("<iIIBI", 1, 9, 9, 1, 32)
    start = len(header) + len(vocabulary) + 4 + 2 + len(NAME) + 21 + offset
    directory = struct.pack("<iH", 1, len(NAME)) + NAME + struct.pack("<BIQQ", 2, 32, start, BLOCK)
    return header + vocabulary + directory + block


def test_e5_file_of_one_block_reads_vocabulary_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "e5.bin").write_bytes(pack_file(np.float16(0.5).tobytes() + bytes([0x90] * 16)))
    file = E5File(tmp_path / "e5.bin")
    assert (file.vocabulary.pieces, file.vocabulary.replacements) == (PIECES, {9: " "})
    np.testing.assert_array_equal(file.matrix("emb.word", 32).dequantize(), [[-4.0] * 16 + [0.5] * 16])
    with pytest.raises(Corrupt, match=r"no tensor l0\.q\.w"):
        file.vector("l0.q.w")


PIECE_LISTS = st.lists(st.text("abcd\u2581", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


@given(PIECE_LISTS, st.data(), st.text("abcdef\u2581", max_size=16))
def test_unigram_model_splits_as_the_library(pieces: list[str], data: st.DataObject, text: str) -> None:
    """Ties of scores and unknown characters included."""
    scores = [float(data.draw(st.integers(-6, 0))) for _ in pieces]
    library = Tokenizer(models.Unigram(list(zip(["<unk>", *pieces], [0.0, *scores], strict=True)), 0, byte_fallback=False))
    assert UnigramModel(["<unk>", *pieces], [0.0, *scores], 0).split(text) == library.encode(text).ids


def test_e5_tokenizer_equals_the_library_on_the_vocabulary_of_the_package() -> None:
    vocabulary = E5File(find_e5_file()).vocabulary
    ours, theirs = E5Tokenizer(vocabulary, 24), BatchTokenizer(vocabulary, 24)
    texts = [*TEXTS, "<s> a </s> <unk>", "\U00012000\U00012001 abc", "\U0001f600" * 3, "word " * 60, "  two  spaces"]
    assert ours.encode(texts) == theirs.encode(texts)
    assert [ours.is_truncated(text) for text in texts] == [text.startswith("word") for text in texts]


@pytest.mark.parametrize("keep", [0, 3, 40, 60, 150, -1])
def test_e5_file_that_is_cut_off_raises_corrupt(tmp_path: Path, keep: int) -> None:
    (tmp_path / "e5.bin").write_bytes(pack_file(bytes(BLOCK))[:keep])
    with pytest.raises(Corrupt, match=r"e5\.bin"):
        E5File(tmp_path / "e5.bin")


def test_e5_file_with_a_tensor_outside_raises_corrupt(tmp_path: Path) -> None:
    (tmp_path / "e5.bin").write_bytes(pack_file(bytes(BLOCK), offset=1))
    with pytest.raises(Corrupt, match="ends after the file"):
        E5File(tmp_path / "e5.bin")


def test_block_matrix_rows_equal_those_of_the_whole() -> None:
    blocks = np.frombuffer(np.random.default_rng(0).bytes(18 * 12), np.dtype([("scale", "<u2"), ("pairs", "u1", (16,))])).copy()
    blocks["scale"] = np.float16(0.25).view(np.uint16)
    matrix = BlockMatrix(blocks.view(np.dtype([("scale", "<f2"), ("pairs", "u1", (16,))])).reshape(6, 2))
    whole = matrix.dequantize()
    assert whole.shape == (6, 64)
    np.testing.assert_array_equal(matrix.dequantize(np.array([[3, 0], [5, 5]])), whole[[[3, 0], [5, 5]]])


def test_e5_tokenizer_replaces_characters_and_truncates(tmp_path: Path) -> None:
    (tmp_path / "e5.bin").write_bytes(pack_file(bytes(BLOCK)))
    tokenizer = E5Tokenizer(E5File(tmp_path / "e5.bin").vocabulary, 6)
    assert tokenizer.encode(["dog"]) == [[0, 4, 3, 5, 2]]  # the prefix is unknown to these pieces
    assert not tokenizer.is_truncated("dog")
    assert tokenizer.is_truncated("dog dog dog")
    assert tokenizer.encode(["dog\tdog"]) == tokenizer.encode(["dog  dog"]) == [[0, 4, 3, 5, 5, 2]]
    assert tokenizer.encode(["\ud800"])  # a lone surrogate is not an error


@pytest.mark.xdist_group("e5")
def test_e5_encoder_equals_the_engine_of_the_package(graphs: Path) -> None:
    """The engine rounds activations to 8 bits, ours does not."""
    encoder = E5Encoder(graphs, threads=1)
    ours = encoder.embed(TEXTS)
    file = find_e5_file()
    engine = ctypes.CDLL(str(next(file.parent.glob("_engine*.so"))))
    engine.e5_load.restype = ctypes.c_void_p
    model = ctypes.c_void_p(engine.e5_load(str(file).encode()))
    for text, vector, count in zip(TEXTS, ours, encoder.count_tokens(TEXTS), strict=True):
        theirs = np.zeros(encoder.dim, np.float32)
        engine.e5_embed(model, text.encode(), 1, theirs.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
        assert vector @ theirs > 0.9995
        assert count == engine.e5_token_count(model, text.encode(), 1)
    engine.e5_free(model)
    alone = encoder.embed(TEXTS[1:2])[0]
    np.testing.assert_allclose(alone, ours[1], atol=1e-5)  # the batch and its padding do not matter
    assert encoder.is_truncated("Hund " * MAX_TOKENS)
    assert not encoder.is_truncated(PREFIX)
