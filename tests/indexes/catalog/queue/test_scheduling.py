"""Whose turn it is: every piece of work once, jobs, keys and kinds in turns, nobody waits without
end."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store
from indexes.catalog.queue.scheduling import IMAGE_COST, MAX_IMAGES
from indexes.catalog.records import JobRow, LeasedChunk, NewSegment, WorkUnit
from mm.media.types import Span
from tests.indexes.conftest import Clock
from tests.indexes.library import SPACE, add

LEASE = 60.0
CHUNK = 120.0
SHARD = "0" * 64


def take(store: Store, owner: str = "w") -> WorkUnit | None:
    return store.catalog.claim_work(owner, LEASE, CHUNK)


def film(store: Store, seed: int | str, seconds: float, key_id: str | None = None) -> JobRow:
    return add(store, seed, duration=seconds, key_id=key_id)[1]


def photo(store: Store, seed: int | str, key_id: str | None = None) -> JobRow:
    return add(store, seed, kind="image", duration=0.0, key_id=key_id)[1]


def spans(seconds: float) -> list[Span]:
    """As long as a chunk may be, and the rest."""
    edges = [*(CHUNK * n for n in range(int(seconds / CHUNK) + 1)), seconds]
    return [Span(a, b) for a, b in itertools.pairwise(edges) if b > a] or [Span(0.0, seconds)]


@dataclass
class Served:
    """One turn: whose it was, and what it cost."""

    job_ids: list[str]
    cost: float


def serve(store: Store, lengths: dict[str, float], owner: str = "w") -> Served | None:
    """One turn, done at once, as a worker does it."""
    catalog = store.catalog
    turn = take(store, owner)
    if turn is None:
        return None
    (job_id, *_) = turn.job_ids
    if turn.kind == "images":
        for one in catalog.lease_images(turn.job_ids, SPACE, owner, LEASE):
            assert catalog.commit_item(one.job.id, [NewSegment(0, 0, 0, [])], LeasedChunk(one.chunk.pk, owner, SHARD))
        return Served(list(turn.job_ids), IMAGE_COST * len(turn.job_ids))
    if turn.kind == "plan":
        first = catalog.plan_job(job_id, SPACE, spans(lengths[job_id]))[0]
        chunk = catalog.lease_chunk(first.pk, owner, LEASE)
    else:
        chunk = turn.chunk
    assert chunk is not None
    assert catalog.finish_chunk(chunk.pk, owner, SHARD)
    if all(one.done for one in catalog.chunks(job_id)):
        assert catalog.commit_item(job_id, [NewSegment(0, 1, 0, [])])
    return Served([job_id], max(chunk.end - chunk.start, IMAGE_COST))


def test_a_job_is_planned_encoded_chunk_by_chunk_and_finished(store: Store, clock: Clock) -> None:
    job = film(store, 1, 200.0)
    assert store.catalog.count_due_work(LEASE) == 1
    assert take(store) == WorkUnit("plan", [job.id])
    assert take(store) is None, "it is claimed"
    assert store.catalog.count_due_work(LEASE) == 0
    chunks = store.catalog.plan_job(job.id, SPACE, spans(200.0))
    assert store.catalog.count_due_work(LEASE) == 2
    turns = [take(store) for _ in chunks]
    assert [turn and turn.kind for turn in turns] == ["encode", "encode"]
    assert [turn and turn.chunk and turn.chunk.index for turn in turns] == [0, 1]
    assert [turn and turn.chunk and turn.chunk.attempts for turn in turns] == [1, 1]
    assert take(store) is None
    for chunk in chunks:
        assert store.catalog.finish_chunk(chunk.pk, "w", SHARD)
    assert take(store) is None, "whoever did the last chunk finishes"
    clock.now += LEASE
    assert store.catalog.count_due_work(LEASE) == 1
    assert take(store) == WorkUnit("finish", [job.id])
    assert take(store) is None
    assert store.catalog.commit_item(job.id, [])
    clock.now += 10 * LEASE
    assert store.catalog.count_due_work(LEASE) == 0
    assert take(store) is None


def test_a_claim_and_a_lease_end_without_their_worker(store: Store, clock: Clock) -> None:
    job = film(store, 1, 10.0)
    assert take(store) is not None
    clock.now += LEASE
    assert take(store, "other") == WorkUnit("plan", [job.id])
    (chunk,) = store.catalog.plan_job(job.id, SPACE, spans(10.0))
    assert take(store, "lost") is not None
    assert take(store, "other") is None
    clock.now += LEASE
    turn = take(store, "other")
    assert turn is not None
    assert turn.chunk is not None
    assert (turn.chunk.pk, turn.chunk.attempts, turn.chunk.owner) == (chunk.pk, 2, "other")


def test_a_failed_attempt_rests_and_lets_others_go_on(store: Store, clock: Clock) -> None:
    job, other = film(store, 1, 10.0), film(store, 2, 10.0)
    for one in (job, other):
        store.catalog.plan_job(one.id, SPACE, spans(10.0))
    turn = take(store)
    assert turn is not None
    assert turn.chunk is not None
    store.catalog.release_chunk(turn.chunk.pk, "w", "OSError: no", retry_in=15.0)
    following = take(store)
    assert following is not None
    assert list(following.job_ids) == [other.id]
    assert take(store) is None
    clock.now += 15.0
    again = take(store)
    assert again is not None
    assert list(again.job_ids) == [job.id]


def test_pictures_of_a_lane_are_taken_together_and_committed_one_by_one(store: Store) -> None:
    jobs = [photo(store, n) for n in range(MAX_IMAGES + 2)]
    other = photo(store, "other", key_id="b")
    clip = film(store, "clip", 2.0)
    turn = take(store)
    assert turn == WorkUnit("images", [job.id for job in jobs[:MAX_IMAGES]])
    store.catalog.cancel_job(jobs[1].id)
    begun = store.catalog.lease_images(turn.job_ids, SPACE, "w", LEASE)
    assert [one.job.id for one in begun] == [job.id for job in jobs[:MAX_IMAGES] if job is not jobs[1]]
    assert {(one.job.state, one.chunk.attempts, one.chunk.owner) for one in begun} == {("running", 1, "w")}
    assert store.catalog.lease_images(turn.job_ids, SPACE, "other", LEASE) == []
    first, second, *_ = begun
    assert store.catalog.commit_item(first.job.id, [], LeasedChunk(first.chunk.pk, "w", SHARD))
    assert not store.catalog.commit_item(second.job.id, [], LeasedChunk(second.chunk.pk, "other", SHARD)), "not its lease"
    states = [store.catalog.get_job(one.job.id) for one in (first, second)]
    assert [state and state.state for state in states] == ["done", "running"]
    following = [take(store) for _ in range(4)]
    assert [turn and list(turn.job_ids) for turn in following] == [
        [other.id],
        [job.id for job in jobs[MAX_IMAGES:]],
        [clip.id],
        None,
    ]


def test_a_picture_that_failed_is_taken_alone(store: Store) -> None:
    jobs = [photo(store, n) for n in range(2)]
    turn = take(store)
    assert turn is not None
    (bad, _) = store.catalog.lease_images(turn.job_ids, SPACE, "w", LEASE)
    store.catalog.release_chunk(bad.chunk.pk, "w", "OSError: no")
    late = photo(store, "late")
    turns = [take(store) for _ in range(3)]
    assert [turn and (turn.kind, list(turn.job_ids)) for turn in turns] == [
        ("encode", [jobs[0].id]),
        ("images", [late.id]),
        None,
    ]


def test_a_clip_waits_for_one_chunk_of_the_films_that_came_before_it(store: Store) -> None:
    lengths = {film(store, n, 1200.0).id: 1200.0 for n in range(5)}
    for _ in range(7):
        serve(store, lengths)
    clip = film(store, "clip", 2.0)
    lengths[clip.id] = 2.0
    served = serve(store, lengths)
    assert served is not None
    assert served.job_ids == [clip.id]


def test_photos_and_a_film_share_a_worker(store: Store, clock: Clock) -> None:
    whole = film(store, "film", 600.0)
    lengths = {whole.id: 600.0}
    photos = [photo(store, n).id for n in range(125)]
    order: list[str] = []
    while (served := serve(store, lengths)) is not None:
        clock.now += 1.0
        order += served.job_ids
    assert set(order) == {whole.id, *photos}
    chunks = [index for index, job_id in enumerate(order) if job_id == whole.id]
    assert len(chunks) == 5
    assert sum(index < order.index(photos[0]) for index in chunks) <= 1
    assert sum(index < order.index(photos[-1]) for index in chunks) <= 4, "125 photos cost as much as two chunks"
    assert chunks[1] < order.index(photos[-1]), "the film goes on beside them"


def test_keys_share_a_worker_however_much_one_of_them_sends(store: Store) -> None:
    lengths = {film(store, n, 240.0, "greedy").id: 240.0 for n in range(20)}
    for _ in range(5):
        serve(store, lengths)
    late = film(store, "late", 240.0, "modest")
    lengths[late.id] = 240.0
    taken = [serve(store, lengths) for _ in range(4)]
    assert sum(served is not None and served.job_ids == [late.id] for served in taken) == 2


def test_many_workers_get_each_piece_of_work_once(store: Store) -> None:
    jobs = {film(store, n, 200.0).id for n in range(6)}
    for job_id in jobs:
        store.catalog.plan_job(job_id, SPACE, spans(200.0))
    with ThreadPoolExecutor(6) as pool:
        turns = list(pool.map(lambda n: take(store, f"w{n}"), range(14)))
    taken = [turn.chunk.pk for turn in turns if turn is not None and turn.chunk is not None]
    assert len(taken) == len(set(taken)) == 12


uploads = st.lists(
    st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([0.0, 2.0, 25.0, 121.0, 300.0, 700.0]), st.integers(0, 12)),
    min_size=1,
    max_size=10,
)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_uploads=uploads, seed=st.integers(0, 1 << 60))
def test_no_job_waits_for_more_than_its_share_of_the_work_of_others(
    sqlite_store: Store, clock: Clock, given_uploads: list[tuple[str | None, float, int]], seed: int
) -> None:
    """Between two units of a job, each other job of its flow gets at most one unit, and each other
    flow at most the cost that its own flow got plus two units. The third value of an upload is the
    number of units served before it arrives."""
    store, lengths, flow = sqlite_store, {}, {}
    left = sorted(((turns, n, key_id, seconds) for n, (key_id, seconds, turns) in enumerate(given_uploads)))
    served: list[Served] = []
    waits_since: dict[str, int] = {}
    while True:
        while left and (left[0][0] <= len(served) or store.catalog.count_due_work(LEASE) == 0):
            _, n, key_id, seconds = left.pop(0)
            clock.now += 1.0
            name = f"{seed} {n}"
            job = photo(store, name, key_id) if seconds == 0 else film(store, name, seconds, key_id)
            lengths[job.id], flow[job.id], waits_since[job.id] = seconds, (key_id, seconds <= 30), len(served)
        clock.now += 1.0
        turn = serve(store, lengths)
        if turn is None:
            break
        served.append(turn)
        for job_id in turn.job_ids:
            check_wait(job_id, served[waits_since[job_id] : -1], flow)
            waits_since[job_id] = len(served)
    assert not left
    ended = [store.catalog.get_job(job_id) for job_id in lengths]
    assert {job and job.state for job in ended} == {"done"}


def check_wait(job_id: str, others: list[Served], flow: dict[str, tuple[str | None, bool]]) -> None:
    costs: dict[tuple[str | None, bool], float] = {}
    turns: dict[str, int] = {}
    for served in others:
        of = flow[served.job_ids[0]]
        costs[of] = costs.get(of, 0.0) + served.cost
        for one in served.job_ids:
            turns[one] = turns.get(one, 0) + (of == flow[job_id])
    own = costs.pop(flow[job_id], 0.0)
    assert max(turns.values(), default=0) <= 1
    assert max(costs.values(), default=0.0) <= own + 2 * CHUNK


def test_scheduling_and_deletes_at_once_block_nothing(store: Store) -> None:
    jobs = [add(store, n, kind="image", duration=0.0) for n in range(12)]

    def take_and_begin(owner: str) -> int:
        turn = take(store, owner)
        return 0 if turn is None else len(store.catalog.lease_images(turn.job_ids, SPACE, owner, LEASE))

    with ThreadPoolExecutor(6) as pool:
        deleted = [pool.submit(store.catalog.delete_item, item.id) for item, _ in jobs[::2]]
        begun = [pool.submit(take_and_begin, f"w{n}") for n in range(6)]
        assert all(done.result() for done in deleted)
        assert sum(done.result() for done in begun) <= len(jobs)
    assert store.catalog.counts().items == 6
