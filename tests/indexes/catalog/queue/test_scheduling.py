"""Scheduling: each work unit is claimed once, and flows and jobs share the workers fairly."""

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


def claim(store: Store, owner: str = "w") -> WorkUnit | None:
    return store.catalog.claim_work(owner, LEASE, CHUNK)


def add_video(store: Store, seed: int | str, seconds: float, key_id: str | None = None) -> JobRow:
    return add(store, seed, duration=seconds, key_id=key_id)[1]


def add_image(store: Store, seed: int | str, key_id: str | None = None) -> JobRow:
    return add(store, seed, kind="image", duration=0.0, key_id=key_id)[1]


def spans(seconds: float) -> list[Span]:
    """Chunks of the maximum length, and the rest."""
    edges = [*(CHUNK * n for n in range(int(seconds / CHUNK) + 1)), seconds]
    return [Span(a, b) for a, b in itertools.pairwise(edges) if b > a] or [Span(0.0, seconds)]


@dataclass
class Served:
    """Jobs and cost of a unit that was claimed and completed."""

    job_ids: list[str]
    cost: float


def serve_unit(store: Store, lengths: dict[str, float], owner: str = "w") -> Served | None:
    """Claim a unit and complete it at once, as a worker does."""
    catalog = store.catalog
    unit = claim(store, owner)
    if unit is None:
        return None
    (job_id, *_) = unit.job_ids
    if unit.kind == "images":
        for image in catalog.lease_images(unit.job_ids, SPACE, owner, LEASE):
            assert catalog.commit_item(image.job.id, [NewSegment(0, 0, 0, [])], LeasedChunk(image.chunk.pk, owner, SHARD))
        return Served(list(unit.job_ids), IMAGE_COST * len(unit.job_ids))
    if unit.kind == "plan":
        first = catalog.plan_job(job_id, SPACE, spans(lengths[job_id]))[0]
        chunk = catalog.lease_chunk(first.pk, owner, LEASE)
    else:
        chunk = unit.chunk
    assert chunk is not None
    assert catalog.finish_chunk(chunk.pk, owner, SHARD)
    if all(chunk.done for chunk in catalog.list_chunks(job_id)):
        assert catalog.commit_item(job_id, [NewSegment(0, 1, 0, [])])
    return Served([job_id], max(chunk.end - chunk.start, IMAGE_COST))


def test_claim_work_returns_plan_chunks_and_finish(store: Store, clock: Clock) -> None:
    job = add_video(store, 1, 200.0)
    assert store.catalog.count_due_work(LEASE) == 1
    assert claim(store) == WorkUnit("plan", [job.id])
    assert claim(store) is None, "it is claimed"
    assert store.catalog.count_due_work(LEASE) == 0
    chunks = store.catalog.plan_job(job.id, SPACE, spans(200.0))
    assert store.catalog.count_due_work(LEASE) == 2
    units = [claim(store) for _ in chunks]
    assert [unit and unit.kind for unit in units] == ["encode", "encode"]
    assert [unit and unit.chunk and unit.chunk.index for unit in units] == [0, 1]
    assert [unit and unit.chunk and unit.chunk.attempts for unit in units] == [1, 1]
    assert claim(store) is None
    for chunk in chunks:
        assert store.catalog.finish_chunk(chunk.pk, "w", SHARD)
    assert claim(store) is None, "the worker that did the last chunk finishes the job"
    clock.now += LEASE
    assert store.catalog.count_due_work(LEASE) == 1
    assert claim(store) == WorkUnit("finish", [job.id])
    assert claim(store) is None
    assert store.catalog.commit_item(job.id, [])
    clock.now += 10 * LEASE
    assert store.catalog.count_due_work(LEASE) == 0
    assert claim(store) is None


def test_claim_work_after_expired_claim_returns_work_again(store: Store, clock: Clock) -> None:
    job = add_video(store, 1, 10.0)
    assert claim(store) is not None
    clock.now += LEASE
    assert claim(store, "other") == WorkUnit("plan", [job.id])
    (chunk,) = store.catalog.plan_job(job.id, SPACE, spans(10.0))
    assert claim(store, "lost") is not None
    assert claim(store, "other") is None
    clock.now += LEASE
    unit = claim(store, "other")
    assert unit is not None
    assert unit.chunk is not None
    assert (unit.chunk.pk, unit.chunk.attempts, unit.chunk.owner) == (chunk.pk, 2, "other")


def test_claim_work_skips_failed_chunk_until_retry_time(store: Store, clock: Clock) -> None:
    job, other = add_video(store, 1, 10.0), add_video(store, 2, 10.0)
    for planned in (job, other):
        store.catalog.plan_job(planned.id, SPACE, spans(10.0))
    unit = claim(store)
    assert unit is not None
    assert unit.chunk is not None
    store.catalog.release_chunk(unit.chunk.pk, "w", "OSError: no", retry_in=15.0)
    following = claim(store)
    assert following is not None
    assert list(following.job_ids) == [other.id]
    assert claim(store) is None
    clock.now += 15.0
    again = claim(store)
    assert again is not None
    assert list(again.job_ids) == [job.id]


def test_claim_work_groups_images_of_one_flow(store: Store) -> None:
    jobs = [add_image(store, n) for n in range(MAX_IMAGES + 2)]
    other = add_image(store, "other", key_id="b")
    clip = add_video(store, "clip", 2.0)
    unit = claim(store)
    assert unit == WorkUnit("images", [job.id for job in jobs[:MAX_IMAGES]])
    store.catalog.cancel_job(jobs[1].id)
    leased = store.catalog.lease_images(unit.job_ids, SPACE, "w", LEASE)
    assert [image.job.id for image in leased] == [job.id for job in jobs[:MAX_IMAGES] if job is not jobs[1]]
    assert {(image.job.state, image.chunk.attempts, image.chunk.owner) for image in leased} == {("running", 1, "w")}
    assert store.catalog.lease_images(unit.job_ids, SPACE, "other", LEASE) == []
    first, second, *_ = leased
    assert store.catalog.commit_item(first.job.id, [], LeasedChunk(first.chunk.pk, "w", SHARD))
    assert not store.catalog.commit_item(second.job.id, [], LeasedChunk(second.chunk.pk, "other", SHARD)), "not its lease"
    states = [store.catalog.get_job(image.job.id) for image in (first, second)]
    assert [state and state.state for state in states] == ["done", "running"]
    following = [claim(store) for _ in range(4)]
    assert [unit and list(unit.job_ids) for unit in following] == [
        [other.id],
        [job.id for job in jobs[MAX_IMAGES:]],
        [clip.id],
        None,
    ]


def test_claim_work_returns_failed_image_alone(store: Store) -> None:
    jobs = [add_image(store, n) for n in range(2)]
    unit = claim(store)
    assert unit is not None
    (bad, _) = store.catalog.lease_images(unit.job_ids, SPACE, "w", LEASE)
    store.catalog.release_chunk(bad.chunk.pk, "w", "OSError: no")
    late = add_image(store, "late")
    units = [claim(store) for _ in range(3)]
    assert [unit and (unit.kind, list(unit.job_ids)) for unit in units] == [
        ("encode", [jobs[0].id]),
        ("images", [late.id]),
        None,
    ]


def test_claim_work_serves_short_video_after_one_chunk(store: Store) -> None:
    lengths = {add_video(store, n, 1200.0).id: 1200.0 for n in range(5)}
    for _ in range(7):
        serve_unit(store, lengths)
    clip = add_video(store, "clip", 2.0)
    lengths[clip.id] = 2.0
    served = serve_unit(store, lengths)
    assert served is not None
    assert served.job_ids == [clip.id]


def test_claim_work_alternates_images_and_long_video(store: Store, clock: Clock) -> None:
    whole = add_video(store, "video", 600.0)
    lengths = {whole.id: 600.0}
    images = [add_image(store, n).id for n in range(125)]
    order: list[str] = []
    while (served := serve_unit(store, lengths)) is not None:
        clock.now += 1.0
        order += served.job_ids
    assert set(order) == {whole.id, *images}
    chunks = [index for index, job_id in enumerate(order) if job_id == whole.id]
    assert len(chunks) == 5
    assert sum(index < order.index(images[0]) for index in chunks) <= 1
    assert sum(index < order.index(images[-1]) for index in chunks) <= 4, "125 images cost as much as two chunks"
    assert chunks[1] < order.index(images[-1]), "the video is served between the images"


def test_claim_work_shares_workers_between_keys(store: Store) -> None:
    lengths = {add_video(store, n, 240.0, "greedy").id: 240.0 for n in range(20)}
    for _ in range(5):
        serve_unit(store, lengths)
    late = add_video(store, "late", 240.0, "modest")
    lengths[late.id] = 240.0
    taken = [serve_unit(store, lengths) for _ in range(4)]
    assert sum(served is not None and served.job_ids == [late.id] for served in taken) == 2


def test_claim_work_concurrently_returns_each_chunk_once(store: Store) -> None:
    jobs = {add_video(store, n, 200.0).id for n in range(6)}
    for job_id in jobs:
        store.catalog.plan_job(job_id, SPACE, spans(200.0))
    with ThreadPoolExecutor(6) as pool:
        units = list(pool.map(lambda n: claim(store, f"w{n}"), range(14)))
    units += [claim(store, f"later{n}") for n in range(12)]  # a claim returns None where others hold the locks
    taken = [unit.chunk.pk for unit in units if unit is not None and unit.chunk is not None]
    assert len(taken) == len(set(taken)) == 12


uploads = st.lists(
    st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([0.0, 2.0, 25.0, 121.0, 300.0, 700.0]), st.integers(0, 12)),
    min_size=1,
    max_size=10,
)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_uploads=uploads, seed=st.integers(0, 1 << 60))
def test_claim_work_bounds_wait_between_units_of_a_job(
    sqlite_store: Store, clock: Clock, given_uploads: list[tuple[str | None, float, int]], seed: int
) -> None:
    """Between two units of a job, each other job of its flow gets at most one unit, and each other
    flow at most the cost that its own flow got plus two units. The third value of an upload is the
    number of units served before it arrives."""
    store, lengths, flow = sqlite_store, {}, {}
    left = sorted(((units, n, key_id, seconds) for n, (key_id, seconds, units) in enumerate(given_uploads)))
    served: list[Served] = []
    waits_since: dict[str, int] = {}
    while True:
        while left and (left[0][0] <= len(served) or store.catalog.count_due_work(LEASE) == 0):
            _, n, key_id, seconds = left.pop(0)
            clock.now += 1.0
            name = f"{seed} {n}"
            job = add_image(store, name, key_id) if seconds == 0 else add_video(store, name, seconds, key_id)
            lengths[job.id], flow[job.id], waits_since[job.id] = seconds, (key_id, seconds <= 30), len(served)
        clock.now += 1.0
        unit = serve_unit(store, lengths)
        if unit is None:
            break
        served.append(unit)
        for job_id in unit.job_ids:
            check_wait(job_id, served[waits_since[job_id] : -1], flow)
            waits_since[job_id] = len(served)
    assert not left
    ended = [store.catalog.get_job(job_id) for job_id in lengths]
    assert {job and job.state for job in ended} == {"done"}


def check_wait(job_id: str, others: list[Served], flow: dict[str, tuple[str | None, bool]]) -> None:
    costs: dict[tuple[str | None, bool], float] = {}
    units: dict[str, int] = {}
    for served in others:
        of = flow[served.job_ids[0]]
        costs[of] = costs.get(of, 0.0) + served.cost
        for served_id in served.job_ids:
            units[served_id] = units.get(served_id, 0) + (of == flow[job_id])
    own = costs.pop(flow[job_id], 0.0)
    assert max(units.values(), default=0) <= 1
    assert max(costs.values(), default=0.0) <= own + 2 * CHUNK


def test_claim_work_during_deletes_does_not_deadlock(store: Store) -> None:
    jobs = [add(store, n, kind="image", duration=0.0) for n in range(12)]

    def claim_and_lease(owner: str) -> int:
        unit = claim(store, owner)
        return 0 if unit is None else len(store.catalog.lease_images(unit.job_ids, SPACE, owner, LEASE))

    with ThreadPoolExecutor(6) as pool:
        deleted = [pool.submit(store.catalog.delete_item, item.id) for item, _ in jobs[::2]]
        leased = [pool.submit(claim_and_lease, f"w{n}") for n in range(6)]
        assert all(done.result() for done in deleted)
        assert sum(done.result() for done in leased) <= len(jobs)
    assert store.catalog.count_rows().items == 6
