"""Sentence vectors and their cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.data.sentences import embed_sentences


def test_embed_sentences_reads_the_cache_for_the_same_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "some.npz"
    first = embed_sentences(["A cat .", "Two dogs ."], cache)
    other = embed_sentences(["A cat .", "Two frogs ."], cache)  # other sentences replace the cached ones
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-3)
    assert np.allclose(first[0], other[0], atol=2e-3)
    assert not np.allclose(first[1], other[1], atol=1e-2)
    monkeypatch.setattr("mm.data.sentences.TextTower", lambda *_: pytest.fail("embedded again"))
    assert np.array_equal(embed_sentences(["A cat .", "Two frogs ."], cache), other)
