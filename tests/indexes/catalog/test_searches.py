"""Saved searches in the catalog: positions, matches, the trash, deliveries, on both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexes import Store
from indexes.catalog.records import Evaluation, NewMatch, SavedSearchRow, Webhook
from mm.errors import Conflict, NotFound
from mm.settings import Settings
from mm.spaces.types import SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import SPACE, publish

ROOT = Path(__file__).parents[3]
WEBHOOK = Webhook("https://example.com/x", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
KILLED = """
import os, signal, sys
from indexes import open_store
from indexes.catalog.curation import searches
from indexes.catalog.records import NewMatch
from mm.settings import Settings
from mm.spaces.types import SpaceId

searches.next_revision = lambda session: os.kill(os.getpid(), signal.SIGKILL)  # all rows written, not committed
with open_store(Settings(home=sys.argv[1], database_url=sys.argv[2])) as store:
    for evaluation in store.catalog.list_evaluations(SpaceId("lite", 1), 100):
        matches = [NewMatch(item, 0.0, 1.0, 0.0, 1.0, 0.9, "likely") for item in evaluation.item_ids]
        store.catalog.record_matches(evaluation, SpaceId("lite", 1), matches)
"""


def save(store: Store, name: str = "dogs", webhook: Webhook | None = None) -> SavedSearchRow:
    return store.catalog.create_saved_search(name, '{"text": "dog"}', "likely", SPACE, webhook)


def add(store: Store, seed: int, space: SpaceId = SPACE) -> str:
    return publish(store, seed, np.random.default_rng(seed), space=space).id


def plan(store: Store, space: SpaceId = SPACE, limit: int = 100) -> Evaluation | None:
    evaluations = store.catalog.list_evaluations(space, limit)
    return evaluations[0] if evaluations else None


def match_all(store: Store, space: SpaceId = SPACE) -> int:
    """Evaluate until nothing is left; every new item matches."""
    count = 0
    while (evaluation := plan(store, space)) is not None:
        matches = [NewMatch(item_id, 0.0, 1.0, 0.25, 0.75, 0.9, "likely") for item_id in evaluation.item_ids]
        count += store.catalog.record_matches(evaluation, space, matches)
    return count


def list_matched(store: Store, search_id: str) -> list[str]:
    return [match.item.id for match in store.catalog.list_matches(search_id, 0, 1000)[0]]


def test_search_is_evaluated_against_publications_after_it_was_saved_each_once(store: Store) -> None:
    add(store, 1)
    search = save(store)
    assert plan(store) is None
    later = [add(store, seed) for seed in (2, 3, 4)]
    first = plan(store, limit=2)
    assert first is not None
    assert first.item_ids == later[:2]
    assert store.catalog.record_matches(first, SPACE, []) == 0
    rest = plan(store)
    assert rest is not None
    assert rest.item_ids == later[2:]
    match = NewMatch(later[2], 0.5, 1.5, 0.75, 1.25, 0.75, "possible")
    assert store.catalog.record_matches(rest, SPACE, [match]) == 1
    assert store.catalog.record_matches(rest, SPACE, [match]) == 0, "another process did the same"
    assert plan(store) is None
    ((row,), total) = store.catalog.list_matches(search.id, 0, 10)
    assert (row.item.id, row.start, row.end, row.best_start, row.best_end) == (later[2], 0.5, 1.5, 0.75, 1.25)
    assert (row.score, row.band, row.is_read, row.delivery, total) == (0.75, "possible", False, "none", 1)


def test_item_that_is_published_again_is_evaluated_again_and_matches_once(store: Store) -> None:
    search = save(store)
    item = add(store, 1)
    assert match_all(store) == 1
    store.catalog.trash_items([item])
    assert list_matched(store, search.id) == []
    assert store.catalog.get_saved_search(search.id).num_matches == 0
    store.catalog.restore_items([item])
    again = plan(store)
    assert again is not None
    assert again.item_ids == [item]
    assert match_all(store) == 0
    assert list_matched(store, search.id) == [item]


def test_process_that_is_killed_before_the_commit_loses_and_doubles_no_match(store: Store, settings: Settings) -> None:
    search = save(store)
    items = [add(store, seed) for seed in range(3)]
    before = plan(store)
    command = [sys.executable, "-c", KILLED, str(settings.home), settings.database_url]
    assert subprocess.run(command, cwd=ROOT, timeout=120).returncode == -signal.SIGKILL
    assert plan(store) == before
    assert list_matched(store, search.id) == []
    assert match_all(store) == 3
    assert sorted(list_matched(store, search.id)) == sorted(items)


def test_matches_of_an_item_deleted_for_good_and_of_a_deleted_search_leave_and_items_stay(store: Store) -> None:
    search, other = save(store), save(store, "cats")
    kept, purged = add(store, 1), add(store, 2)
    evaluation = plan(store)
    assert evaluation is not None
    store.catalog.trash_items([purged])
    store.catalog.delete_item(purged)
    matches = [NewMatch(item, 0.0, 1.0, 0.0, 1.0, 0.9, "likely") for item in (purged, kept)]
    assert store.catalog.record_matches(evaluation, SPACE, matches) == 1
    match_all(store)
    store.catalog.delete_saved_search(search.id)
    assert store.catalog.get_item(kept) is not None
    assert list_matched(store, other.id) == [kept]
    with pytest.raises(NotFound, match="no saved search"):
        store.catalog.list_matches(search.id, 0, 1)
    assert store.catalog.record_matches(evaluation, SPACE, matches) == 0, "the search was deleted meanwhile"


def test_disabled_search_is_not_evaluated_and_starts_again_with_later_items(store: Store) -> None:
    search = save(store)
    add(store, 1)
    evaluation = plan(store)
    assert evaluation is not None
    store.catalog.edit_saved_search(search.id, is_enabled=False)
    assert store.catalog.record_matches(evaluation, SPACE, []) == 0
    add(store, 2)
    assert plan(store) is None
    store.catalog.edit_saved_search(search.id, is_enabled=True)
    assert plan(store) is None
    later = add(store, 3)
    match_all(store)
    assert list_matched(store, search.id) == [later]


def test_unread_matches_are_marked_up_to_the_one_that_was_shown(store: Store) -> None:
    search = save(store)
    for seed in range(3):
        add(store, seed)
    match_all(store)
    pks = sorted(match.pk for match in store.catalog.list_matches(search.id, 0, 9)[0])
    assert store.catalog.mark_matches_read(search.id, pks[1]).num_unread == 1
    assert [match.is_read for match in store.catalog.list_matches(search.id, 0, 9)[0]] == [False, True, True]
    assert store.catalog.mark_matches_read(search.id).num_unread == 0


def test_name_in_use_is_refused(store: Store) -> None:
    save(store)
    other = save(store, "cats")
    with pytest.raises(Conflict, match="already"):
        save(store)
    with pytest.raises(Conflict, match="already"):
        store.catalog.edit_saved_search(other.id, name="dogs")
    assert store.catalog.edit_saved_search(other.id, name="Cats").name == "Cats"


def test_reindexed_library_is_not_evaluated_again_but_for_what_the_former_space_lacked(store: Store) -> None:
    target = SpaceId("other", 1)
    search = save(store)
    seen = add(store, 1)
    match_all(store)
    store.catalog.mark_matches_read(search.id)
    unseen = add(store, 2)
    for seed in (1, 2):
        publish(store, f"copy {seed}", np.random.default_rng(seed), space=target)
    with store.catalog._database.write() as session:  # the end of a reindexing
        from indexes.catalog.tables import Item, Library, Publication

        pks = {item.id: item.pk for item in session.query(Item)}
        copies = session.query(Publication).filter(Publication.space == str(target)).order_by(Publication.seq).all()
        for publication, item in zip(copies, (seen, unseen), strict=True):
            publication.item_pk = pks[item]
        session.query(Library).one().space = str(target)
    assert store.catalog.list_evaluations(SPACE, 100) == []
    moved = plan(store, target)
    assert moved is not None
    assert moved.item_ids == [unseen]
    match_all(store, target)
    assert plan(store, target) is None
    assert list_matched(store, search.id) == [unseen, seen]


def test_deliveries_are_in_order_of_each_search_and_wait_for_the_earliest(store: Store, clock: Clock) -> None:
    first, second = save(store, "a", WEBHOOK), save(store, "b", WEBHOOK)
    save(store, "c")
    items = [add(store, seed) for seed in range(2)]
    match_all(store)
    sent = [store.catalog.claim_delivery(30.0) for _ in range(3)]
    assert [due and (due.search_id, due.match.item.id) for due in sent] == [(first.id, items[0]), (second.id, items[0]), None]
    assert sent[0] is not None
    assert sent[1] is not None
    store.catalog.finish_delivery(sent[0].match.pk, "waiting", "down", 60.0)
    store.catalog.finish_delivery(sent[1].match.pk, "sent")
    due = store.catalog.claim_delivery(30.0)
    assert due is not None
    assert (due.search_id, due.match.item.id, due.num_attempts) == (second.id, items[1], 0)
    store.catalog.finish_delivery(due.match.pk, "refused", "status 422")
    assert store.catalog.claim_delivery(30.0) is None
    row = store.catalog.get_saved_search(first.id)
    assert (row.num_waiting, row.error) == (2, "down")
    clock.now += 61.0
    again = store.catalog.claim_delivery(30.0)
    assert again is not None
    assert (again.match.pk, again.num_attempts) == (sent[0].match.pk, 1)
    store.catalog.finish_delivery(again.match.pk, "sent")
    assert store.catalog.get_saved_search(first.id).error == ""


def test_match_whose_sender_was_killed_is_sent_after_its_lease_and_one_in_the_trash_after_its_restoration(
    store: Store, clock: Clock
) -> None:
    save(store, "a", WEBHOOK)
    item = add(store, 1)
    match_all(store)
    assert store.catalog.claim_delivery(30.0) is not None
    assert store.catalog.claim_delivery(30.0) is None
    clock.now += 31.0
    store.catalog.trash_items([item])
    assert store.catalog.get_next_delivery() is None
    assert store.catalog.claim_delivery(30.0) is None
    store.catalog.restore_items([item])
    assert store.catalog.claim_delivery(30.0) is not None
