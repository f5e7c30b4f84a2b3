"""Reindex of a library by workers: during uploads, with stops, and with files that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexes.catalog.records import NamedSpace
from indexes.search.searcher import Searcher
from mm.errors import SpaceMismatch
from mm.schemas import Filters
from mm.spaces import Space, load_space
from mm.spaces.query import build_query
from tests.api import media
from tests.indexes.conftest import Clock
from tests.openclip_models import write_model
from tests.workers.conftest import LEASE_SECONDS, Home, open_context, work
from tests.workers.videos import create_video
from workers.context import WorkerContext
from workers.loaded_spaces import apply_library_space, needs_larger_space
from workers.reindex import continue_reindex
from workers.tasks.encode import encode_chunk
from workers.tasks.finish import finish_job
from workers.tasks.plan import plan_job
from workers.work_unit import run_work_unit

LATER = 1000.0
"""Seconds after which all delayed work is due."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"openclip:local-dir:{write_model(tmp_path_factory.mktemp('models') / 'plain', 'plain')}"


@pytest.fixture
def target(model: str, home: Home) -> NamedSpace:
    return NamedSpace(model, load_space(model, home.settings).id)


def start(home: Home, space: Space, target: NamedSpace) -> None:
    home.store.catalog.start_reindex(NamedSpace("lite", space.id), target)


def run_all_work(context: WorkerContext, clock: Clock) -> None:
    """Run work units until none is due."""
    continue_reindex(context.store, context.dispatcher)
    for _ in range(2):
        while context.store.catalog.count_due_work(LEASE_SECONDS):
            run_work_unit(context)
        clock.now += LATER


def encode_without_finish(context: WorkerContext, chunk_pk: int) -> None:
    """Encode as a worker that is killed between the last chunk and the end of the job."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.tasks.encode.finish_job", lambda context, job_id: None)
        encode_chunk(context, chunk_pk)


def search(home: Home, space: Space, text: str = "a market") -> set[str]:
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        return {
            hit.item_id for hit in searcher.search(build_query(space, text=text), 50, Filters(), 0.0, merge_near_duplicates=False)
        }


def test_reindex_to_another_space_and_back_finds_all_items(home: Home, space: Space, target: NamedSpace, clock: Clock) -> None:
    large = load_space(target.name, home.settings)
    with open_context(home, space, chunk_seconds=2.0) as context:
        uploads = [home.add(create_video(5.0, seed=1), "video.mp4"), *(home.add(media.image(n), f"{n}.png") for n in range(3))]
        for job_id in uploads:
            work(context, job_id)
        items = {home.job(job_id).item_id for job_id in uploads}
        assert search(home, space) == items
        assert not needs_larger_space(home.store.catalog)
        start(home, space, target)
        assert needs_larger_space(home.store.catalog)
        run_all_work(context, clock)
        reindex = home.store.catalog.get_latest_reindex()
        assert reindex is not None
        assert (reindex.state, home.store.catalog.get_library_space()) == ("done", target)
        assert apply_library_space(home.settings, home.store.catalog).space == target.name
        assert search(home, large) == search(home, space) == items
        assert {home.state(job_id) for job_id in uploads} == {"done"}

        new = home.add(media.image(9), "new.png")
        work(context, new)
        assert home.chunk(new).space == large.id
        home.store.catalog.start_reindex(target, NamedSpace("lite", space.id))
        before = home.store.catalog.get_head()
        run_all_work(context, clock)
        assert len(home.store.catalog.get_changes_after(before, space.id, 10).publications) == 1, (
            "only the item that was added since"
        )
        assert search(home, space) == items | {home.job(new).item_id}

        assert home.store.drop_space(large.id) == 5
        assert not (home.settings.root / "index" / str(large.id)).exists()
        num_shards = len(list((home.settings.root / "shards").rglob("*.safetensors")))
        num_deleted = home.store.collect_garbage(0.0)
        assert 0 < num_deleted < num_shards
        assert not (home.settings.root / "shards" / "trash").exists(), "an explicit drop deletes them at once"
        assert search(home, large) == set()
        assert search(home, space) == items | {home.job(new).item_id}


def test_reindex_upload_during_it_is_encoded_in_the_target_space(
    home: Home, space: Space, target: NamedSpace, clock: Clock
) -> None:
    with open_context(home, space) as context:
        work(context, home.add(media.image(1), "a.png"))
        planned, encoded = home.add(media.image(2), "planned.png"), home.add(media.image(3), "encoded.png")
        plan_job(context, planned)
        plan_job(context, encoded)
        encode_without_finish(context, home.chunk(encoded).pk)
        start(home, space, target)
        rows = home.store.catalog.create_reindex_jobs(10)
        assert len(rows) == 1, "only items that are ready"
        work(context, rows[0].id)
        assert home.store.catalog.get_library_space() == target
        encode_chunk(context, home.chunk(planned).pk)
        finish_job(context, encoded)
        assert home.store.catalog.list_chunks(planned) == home.store.catalog.list_chunks(encoded) == []
        run_all_work(context, clock)
        assert {home.state(job_id) for job_id in (planned, encoded)} == {"done"}
        assert home.chunk(planned).space == home.chunk(encoded).space == target.id
    assert len(search(home, load_space(target.name, home.settings))) == 3


def test_reindex_upload_committed_at_its_end_is_replanned(
    home: Home, space: Space, target: NamedSpace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_context(home, space) as context:
        job_id = home.add(media.image(1), "a.png")
        plan_job(context, job_id)
        encode_without_finish(context, home.chunk(job_id).pk)
        start(home, space, target)
        load = context.spaces.load
        monkeypatch.setattr(context.spaces, "load", lambda space_id: (load(space_id), home.store.catalog.finish_reindex())[0])
        finish_job(context, job_id)
        assert home.store.catalog.get_library_space() == target
        assert home.store.catalog.list_chunks(job_id) == []
        monkeypatch.undo()
        run_all_work(context, clock)
        assert (home.state(job_id), home.chunk(job_id).space) == ("done", target.id)


def test_reindex_stopped_releases_its_chunk_and_continues_with_the_next(
    home: Home, space: Space, target: NamedSpace, clock: Clock
) -> None:
    with open_context(home, space, chunk_seconds=2.0) as context:
        work(context, home.add(create_video(5.0, seed=2), "video.mp4"))
        start(home, space, target)
        (job,) = home.store.catalog.create_reindex_jobs(10)
        plan_job(context, job.id)
        first, *others = home.store.catalog.list_chunks(job.id)
        encode_chunk(context, first.pk)
        home.store.catalog.stop_reindex()
        encode_chunk(context, others[0].pk)
        assert [chunk.done for chunk in home.store.catalog.list_chunks(job.id)] == [True, *(False for _ in others)]
        home.store.catalog.resume_reindex(leave_out=False)
        attempts = {chunk.pk: chunk.attempts for chunk in home.store.catalog.list_chunks(job.id)}
        assert attempts == {first.pk: 1, **{chunk.pk: 0 for chunk in others}}
        run_all_work(context, clock)
        assert home.store.catalog.get_library_space() == target


def test_reindex_with_an_item_that_cannot_be_encoded_stops_with_the_reason(
    home: Home, space: Space, target: NamedSpace, clock: Clock
) -> None:
    with open_context(home, space) as context:
        good, bad = home.add(media.image(1), "good.png"), home.add(media.image(2), "bad.png")
        for job_id in (good, bad):
            work(context, job_id)
        item = home.store.catalog.get_item(home.job(bad).item_id)
        assert item is not None
        home.store.blobs.path(item.sha256).write_bytes(b"rotten")
        start(home, space, target)
        run_all_work(context, clock)
        continue_reindex(home.store, context.dispatcher)
        reindex = home.store.catalog.get_latest_reindex()
        assert reindex is not None
        assert reindex.state == "stopped"
        assert reindex.error is not None
        assert reindex.error.startswith("1 items cannot be encoded")
        assert search(home, space) == {home.job(good).item_id, item.id}, "searches use the space that holds all items"
        home.store.catalog.resume_reindex(leave_out=True)
        continue_reindex(home.store, context.dispatcher)
        assert home.store.catalog.get_library_space() == target


def test_reindex_to_a_changed_checkpoint_raises_space_mismatch(home: Home, space: Space, tmp_path: Path, clock: Clock) -> None:
    name = f"openclip:local-dir:{write_model(tmp_path / 'model', 'plain')}"
    named = NamedSpace(name, load_space(name, home.settings).id)
    write_again = tmp_path / "other"
    write_model(write_again, "plain", seed=1)
    for file in write_again.iterdir():
        file.replace(tmp_path / "model" / file.name)
    with open_context(home, space) as context:
        work(context, home.add(media.image(1), "a.png"))
        start(home, space, named)
        with pytest.raises(SpaceMismatch, match="when the reindex began"):
            context.spaces.load(named.id)
        run_all_work(context, clock)
        continue_reindex(home.store, context.dispatcher)
    reindex = home.store.catalog.get_latest_reindex()
    assert reindex is not None
    assert (reindex.state, home.store.catalog.get_library_space()) == ("stopped", None)
