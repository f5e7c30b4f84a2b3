"""A library moves to another space by the steps of workers: beside uploads, with stops, and with
files that will not go along."""

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
from workers.tasks.work_unit import run_work_unit

LATER = 1000.0
"""Seconds after which whatever was put off is due."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"openclip:local-dir:{write_model(tmp_path_factory.mktemp('models') / 'plain', 'plain')}"


@pytest.fixture
def there(model: str, home: Home) -> NamedSpace:
    return NamedSpace(model, load_space(model, home.settings).id)


def start(home: Home, space: Space, there: NamedSpace) -> None:
    home.store.catalog.start_reindex(NamedSpace("lite", space.id), there)


def do_all(context: WorkerContext, clock: Clock) -> None:
    """What a worker does until nothing is due any more."""
    continue_reindex(context.store, context.dispatcher)
    for _ in range(2):
        while context.store.catalog.count_due_work(LEASE_SECONDS):
            run_work_unit(context)
        clock.now += LATER


def encode_without_finish(context: WorkerContext, chunk_pk: int) -> None:
    """As a worker that is killed between the last chunk and the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.tasks.encode.finish_job", lambda context, job_id: None)
        encode_chunk(context, chunk_pk)


def found(home: Home, space: Space, text: str = "a market") -> set[str]:
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        return {
            hit.item_id for hit in searcher.search(build_query(space, text=text), 50, Filters(), 0.0, merge_near_duplicates=False)
        }


def test_everything_is_found_in_the_new_space_and_back_again(home: Home, space: Space, there: NamedSpace, clock: Clock) -> None:
    large = load_space(there.name, home.settings)
    with open_context(home, space, chunk_seconds=2.0) as context:
        uploads = [home.add(create_video(5.0, seed=1), "film.mp4"), *(home.add(media.image(n), f"{n}.png") for n in range(3))]
        for job_id in uploads:
            work(context, job_id)
        items = {home.job(job_id).item_id for job_id in uploads}
        assert found(home, space) == items
        assert not needs_larger_space(home.store.catalog)
        start(home, space, there)
        assert needs_larger_space(home.store.catalog)
        do_all(context, clock)
        move = home.store.catalog.get_latest_reindex()
        assert move is not None
        assert (move.state, home.store.catalog.get_library_space()) == ("done", there)
        assert apply_library_space(home.settings, home.store.catalog).space == there.name
        assert found(home, large) == found(home, space) == items
        assert {home.state(job_id) for job_id in uploads} == {"done"}

        new = home.add(media.image(9), "new.png")
        work(context, new)
        assert home.chunk(new).space == large.id
        home.store.catalog.start_reindex(there, NamedSpace("lite", space.id))
        before = home.store.catalog.get_head()
        do_all(context, clock)
        assert len(home.store.catalog.get_changes_after(before, space.id, 10).publications) == 1, "only what was added since"
        assert found(home, space) == items | {home.job(new).item_id}

        assert home.store.drop_space(large.id) == 5
        assert not (home.settings.root / "index" / str(large.id)).exists()
        before_sweep = len(list((home.settings.root / "shards").rglob("*.safetensors")))
        swept = home.store.collect_garbage(0.0)
        assert 0 < swept < before_sweep
        assert not (home.settings.root / "shards" / "trash").exists(), "a command released them"
        assert found(home, large) == set()
        assert found(home, space) == items | {home.job(new).item_id}


def test_an_upload_in_the_middle_of_a_move_ends_where_the_library_is(
    home: Home, space: Space, there: NamedSpace, clock: Clock
) -> None:
    with open_context(home, space) as context:
        work(context, home.add(media.image(1), "a.png"))
        planned, encoded = home.add(media.image(2), "planned.png"), home.add(media.image(3), "encoded.png")
        plan_job(context, planned)
        plan_job(context, encoded)
        encode_without_finish(context, home.chunk(encoded).pk)
        start(home, space, there)
        rows = home.store.catalog.create_reindex_jobs(10)
        assert len(rows) == 1, "only what is ready"
        work(context, rows[0].id)
        assert home.store.catalog.get_library_space() == there
        encode_chunk(context, home.chunk(planned).pk)
        finish_job(context, encoded)
        assert home.store.catalog.list_chunks(planned) == home.store.catalog.list_chunks(encoded) == []
        do_all(context, clock)
        assert {home.state(job_id) for job_id in (planned, encoded)} == {"done"}
        assert home.chunk(planned).space == home.chunk(encoded).space == there.id
    assert len(found(home, load_space(there.name, home.settings))) == 3


def test_an_upload_that_is_committed_while_the_library_moves_is_begun_anew(
    home: Home, space: Space, there: NamedSpace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_context(home, space) as context:
        job_id = home.add(media.image(1), "a.png")
        plan_job(context, job_id)
        encode_without_finish(context, home.chunk(job_id).pk)
        start(home, space, there)
        of = context.spaces.load
        monkeypatch.setattr(context.spaces, "load", lambda space_id: (of(space_id), home.store.catalog.finish_reindex())[0])
        finish_job(context, job_id)
        assert home.store.catalog.get_library_space() == there
        assert home.store.catalog.list_chunks(job_id) == []
        monkeypatch.undo()
        do_all(context, clock)
        assert (home.state(job_id), home.chunk(job_id).space) == ("done", there.id)


def test_a_stopped_move_gives_its_chunk_back_and_goes_on_with_the_next(
    home: Home, space: Space, there: NamedSpace, clock: Clock
) -> None:
    with open_context(home, space, chunk_seconds=2.0) as context:
        work(context, home.add(create_video(5.0, seed=2), "film.mp4"))
        start(home, space, there)
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
        do_all(context, clock)
        assert home.store.catalog.get_library_space() == there


def test_what_cannot_be_encoded_holds_the_move_up_and_says_why(home: Home, space: Space, there: NamedSpace, clock: Clock) -> None:
    with open_context(home, space) as context:
        good, bad = home.add(media.image(1), "good.png"), home.add(media.image(2), "bad.png")
        for job_id in (good, bad):
            work(context, job_id)
        item = home.store.catalog.get_item(home.job(bad).item_id)
        assert item is not None
        home.store.blobs.path(item.sha256).write_bytes(b"rotten")
        start(home, space, there)
        do_all(context, clock)
        continue_reindex(home.store, context.dispatcher)
        move = home.store.catalog.get_latest_reindex()
        assert move is not None
        assert move.state == "stopped"
        assert move.error is not None
        assert move.error.startswith("1 items cannot be encoded")
        assert found(home, space) == {home.job(good).item_id, item.id}, "questions are answered from where everything is"
        home.store.catalog.resume_reindex(leave_out=True)
        continue_reindex(home.store, context.dispatcher)
        assert home.store.catalog.get_library_space() == there


def test_a_checkpoint_that_changed_under_its_name_is_another_space(
    home: Home, space: Space, tmp_path: Path, clock: Clock
) -> None:
    name = f"openclip:local-dir:{write_model(tmp_path / 'model', 'plain')}"
    named = NamedSpace(name, load_space(name, home.settings).id)
    write_again = tmp_path / "other"
    write_model(write_again, "plain", seed=1)
    for file in write_again.iterdir():
        file.replace(tmp_path / "model" / file.name)
    with open_context(home, space) as context:
        work(context, home.add(media.image(1), "a.png"))
        start(home, space, named)
        with pytest.raises(SpaceMismatch, match="when the move began"):
            context.spaces.load(named.id)
        do_all(context, clock)
        continue_reindex(home.store, context.dispatcher)
    move = home.store.catalog.get_latest_reindex()
    assert move is not None
    assert (move.state, home.store.catalog.get_library_space()) == ("stopped", None)
