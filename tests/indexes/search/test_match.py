"""How words match, from the catalog to the response, on SQLite and on PostgreSQL."""

from __future__ import annotations

import numpy as np

from api.search.match import match_words
from api.serializers import serialize_hit
from indexes import Store
from indexes.catalog.records import NewEvidence, NewSegment
from indexes.search.searcher import Searcher
from mm.media.types import Span
from mm.schemas import EvidenceKind, Filters, Hit
from mm.spaces.types import EvidenceQuery, Query
from mm.wording.typos import find_correction, split_trigrams
from tests.indexes.library import DIM, SPACE, add

AXIS = np.eye(DIM, dtype=np.float32)
FLOOR = 0.02


def add_text(store: Store, seed: int, text: str, kind: EvidenceKind = "speech") -> str:
    """Add a searchable item with one piece of evidence. All texts have the same vector."""
    item, job = add(store, seed)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 1.0)])
    shard = store.shards.write(SPACE, {kind: AXIS[:1].astype(np.float16)}, [seed])
    segment = NewSegment(0.0, 1.0, 0, [NewEvidence(kind, 0.0, 1.0, text, shard, 0)])
    assert store.catalog.commit_item(job.id, [segment])
    return item.id


def search(store: Store, text: str, kind: EvidenceKind = "speech") -> list[Hit]:
    """Hits of a query whose vector is that of all texts, rescored by its words."""
    searcher = Searcher(store, SPACE, store.settings)
    searcher.follower.refresh()
    query = Query((EvidenceQuery(kind, 3 * AXIS[0], 0.0, AXIS[0]),), SPACE, FLOOR)
    hits = searcher.search(query, 10, Filters(), FLOOR)
    items = {hit.item_id: store.catalog.get_item(hit.item_id) for hit in hits}
    found = [serialize_hit(hit, items, 0.5, metadata=True) for hit in hits]
    return match_words([hit for hit in found if hit is not None], text, 0.5, FLOOR)


def test_match_is_exact_near_and_meaning_in_this_order(store: Store) -> None:
    meaning = add_text(store, 1, "he puts a jack on the table")
    near = add_text(store, 2, "Das Lichthaus im Märchenwald")
    exact = add_text(store, 3, "Lichthaus im MARCHENWALD, ganz nah")
    hits = search(store, "lichthaus maerchenwald".replace("ae", "ä"))
    assert [(hit.item.id, hit.match) for hit in hits][-1] == (meaning, "meaning")
    assert {hit.item.id for hit in hits[:2]} == {near, exact}
    assert [hit.match for hit in hits[:2]] == ["exact", "exact"], "case and accents are the same word"
    (typed, other, last) = search(store, "lichthaus marchenwalt")
    assert ([typed.match, other.match, last.match], last.item.id) == (["near", "near", "meaning"], meaning)
    assert typed.score > last.score


def test_list_texts_with_a_trigram_finds_the_word_of_a_typing_error(store: Store) -> None:
    add_text(store, 1, "The ferry to ZANZIBAR leaves")
    add_text(store, 2, "Zanzibar 100%_timetable", "written")
    add_text(store, 3, "nothing of it")
    kinds: tuple[EvidenceKind, ...] = ("speech", "written")
    trigrams = split_trigrams("zanzibor")
    texts = store.catalog.list_texts_with(SPACE, kinds, trigrams, 10)
    assert texts == ["Zanzibar 100%_timetable", "The ferry to ZANZIBAR leaves"]
    assert find_correction("zanzibor", texts) == "zanzibar"
    assert store.catalog.list_texts_with(SPACE, ("speech",), trigrams, 10) == texts[1:]
    assert store.catalog.list_texts_with(SPACE, kinds, trigrams, 1) == texts[:1]
    assert store.catalog.list_texts_with(SPACE, kinds, ["%_t"], 10) == texts[:1], "no wildcard"
    assert store.catalog.list_texts_with(SPACE, kinds, ["a%o"], 10) == []


def test_texts_of_a_deleted_item_correct_nothing(store: Store) -> None:
    item = add_text(store, 1, "The ferry to Zanzibar")
    store.catalog.delete_item(item)
    assert store.catalog.list_texts_with(SPACE, ("speech",), split_trigrams("zanzibor"), 10) == []
