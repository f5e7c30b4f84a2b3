"""Vectors of texts are kept by text and by tower."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mm.errors import Cancelled, StorageFull
from mm.evaluation.features import texts as texts_module
from mm.evaluation.features.cache import MAX_VARIABLES, FeatureCache
from mm.evaluation.features.texts import TextCache, embed_texts
from mm.numerics import Float32, normalize_rows
from mm.spaces import Space

CAPTIONS = ("A dog runs.", "Two people on a bench.", "A dog runs.", "A child in a red coat jumps over a puddle.", "", "\ud800")


class CountingText:
    """A vector of two numbers of a text, multiplied by `factor`."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Float32:
        self.embedded += texts
        return np.array([[len(text) * self.factor, self.factor] for text in texts], np.float32)


def make_space(name: str = "fake@1", runtime: str = "onnxruntime", factor: float = 1.0) -> Any:
    return SimpleNamespace(id=name, runtime_name=runtime, text=CountingText(factor), sound_text=CountingText(-factor))


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features.db")


def test_text_cache_of_the_shipped_space_returns_the_vectors_of_embed_texts(cache: FeatureCache, space: Space) -> None:
    """Cosines agree to rounding, and each caption has the same order of neighbours."""
    captions = [*CAPTIONS, *(f"{count} birds over the {place}" for count in range(8) for place in ("sea", "city", "forest"))]
    plain = embed_texts(space, captions, "picture")
    for _ in range(2):
        cached = TextCache(cache, space, "w").embed(captions, "picture")
        np.testing.assert_allclose(cached, plain, atol=1e-5)
    queries = normalize_rows(np.random.default_rng(0).normal(size=(20, plain.shape[1])).astype(np.float32))
    distinct = np.unique(captions, return_index=True)[1]
    np.testing.assert_array_equal((queries @ cached[distinct].T).argmax(1), (queries @ plain[distinct].T).argmax(1))


def test_text_cache_again_embeds_only_new_texts_and_equal_texts_once(cache: FeatureCache) -> None:
    space = make_space()
    first = TextCache(cache, space, "w").embed(CAPTIONS, "picture")
    assert sorted(space.text.embedded) == sorted(set(CAPTIONS))
    space.text.embedded.clear()
    again = TextCache(cache, space, "w").embed([*CAPTIONS, "new"], "picture")
    assert space.text.embedded == ["new"]
    np.testing.assert_array_equal(again[:-1], first)
    np.testing.assert_array_equal(first, embed_texts(space, CAPTIONS, "picture"))


@pytest.mark.parametrize(
    ("changed", "weights"),
    [({"name": "fake@2"}, "w"), ({"name": "other@1"}, "w"), ({"runtime": "cuda"}, "w"), ({}, "other weights")],
    ids=["version", "space", "runtime", "weights"],
)
def test_text_cache_of_another_space_runtime_or_weights_finds_nothing(
    cache: FeatureCache, changed: dict[str, Any], weights: str
) -> None:
    TextCache(cache, make_space(), "w").embed(CAPTIONS, "picture")
    other = make_space(**changed, factor=3.0)
    vectors = TextCache(cache, other, weights).embed(CAPTIONS, "picture")
    assert set(other.text.embedded) == set(CAPTIONS)
    np.testing.assert_array_equal(vectors, embed_texts(other, CAPTIONS, "picture"))


def test_text_cache_keeps_the_towers_of_pictures_and_sounds_apart(cache: FeatureCache) -> None:
    texts = TextCache(cache, make_space(), "w")
    assert texts.embed(["dog"], "picture").tolist() == [[3.0, 1.0]]
    assert texts.embed(["dog"], "sound").tolist() == [[-3.0, -1.0]]


def test_text_cache_of_more_texts_than_a_query_has_variables_returns_them_in_order(cache: FeatureCache) -> None:
    captions = [f"{number:05}" + "x" * (number % 7) for number in range(2 * MAX_VARIABLES + 3)]
    space = make_space()
    for _ in range(2):
        np.testing.assert_array_equal(
            TextCache(cache, space, "w").embed(captions, "picture")[:, 0], [len(caption) for caption in captions]
        )
    assert len(space.text.embedded) == len(captions)


def test_text_cache_stopped_by_a_tick_keeps_the_batches_that_are_done(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts_module, "BATCH", 2)
    ticks = iter([None, Cancelled("The evaluation was cancelled.")])

    def stop() -> None:
        if (error := next(ticks)) is not None:
            raise error

    space = make_space()
    with pytest.raises(Cancelled):
        TextCache(cache, space, "w", stop).embed(list("abcdef"), "picture")
    space.text.embedded.clear()
    TextCache(cache, space, "w").embed(list("abcdef"), "picture")
    assert space.text.embedded == list("cdef")


def test_text_cache_on_a_full_disk_raises_storage_full(cache: FeatureCache) -> None:
    pages = cache._database.execute("PRAGMA page_count").fetchone()[0]
    cache._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull, match="Free space"):
        TextCache(cache, make_space(), "w").embed([str(number) for number in range(2000)], "picture")


def test_feature_cache_of_an_earlier_version_gains_the_table_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "features.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE features (hash TEXT, encoder TEXT, payload BLOB NOT NULL, PRIMARY KEY (hash, encoder))")
    database.close()
    assert TextCache(FeatureCache(path), make_space(), "w").embed(["dog"], "picture").tolist() == [[3.0, 1.0]]
