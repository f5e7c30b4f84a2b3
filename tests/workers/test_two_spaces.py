"""Items in a larger space next to items in `lite`: encoded, found and never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexes.search.searcher import Searcher
from mm.errors import SpaceMismatch
from mm.schemas import Filters
from mm.spaces import Space, load_space
from mm.spaces.query import build_query
from tests.api import media
from tests.openclip_models import write_model
from tests.workers.conftest import Home, open_context, work
from tests.workers.videos import create_video
from workers.app import CHILD_KIBIBYTES, create_app
from workers.tasks.encode import encode_chunk
from workers.tasks.plan import plan_job


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The value of MM_SPACE."""
    return f"openclip:local-dir:{write_model(tmp_path_factory.mktemp('models') / 'plain', 'plain')}"


def search(home: Home, space: Space, text: str) -> dict[str, set[str]]:
    """Kinds of evidence by item, of all hits of a text query in a space."""
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        hits = searcher.search(build_query(space, text=text), 50, Filters(), 0.0)
        return {hit.item_id: {evidence.kind for evidence in hit.evidence} for hit in hits}


def test_two_spaces_items_are_found_only_in_the_space_of_their_encoding(home: Home, space: Space, model: str) -> None:
    large = load_space(model, home.settings)
    jobs = {}
    for name, encoding_space in {"lite": space, "large": large}.items():
        with open_context(home, encoding_space) as context:
            jobs[name] = [
                home.add(create_video(3.0, seed=len(name)), f"market {name}.mp4"),
                home.add(media.image(len(name)), f"garden {name}.png"),
            ]
            for job_id in jobs[name]:
                work(context, job_id)
                assert home.state(job_id) == "done"
    items = {name: {home.job(job_id).item_id for job_id in of_space} for name, of_space in jobs.items()}
    for name, encoding_space in {"lite": space, "large": large}.items():
        hits = search(home, encoding_space, "a market")
        assert hits.keys() == items[name]
        assert set.union(*hits.values()) == {"picture", "name"}
    shard = home.chunk(jobs["large"][1]).shard_id
    assert shard is not None
    assert home.store.shards.read(shard, large.id).vectors["picture"].shape == (1, 24)
    with pytest.raises(SpaceMismatch, match=r"lite@1"):
        home.store.shards.read(shard, space.id)
    with Searcher(home.store, large.id, home.settings) as searcher, pytest.raises(SpaceMismatch, match=r"lite@1"):
        searcher.search(build_query(space, text="a market"), 5, Filters(), 0.0)


def test_two_spaces_job_planned_for_another_space_fails(home: Home, space: Space, model: str) -> None:
    job_id = home.add(media.image(9), "a.png")
    with open_context(home, space) as context:
        plan_job(context, job_id)
    with open_context(home, load_space(model, home.settings)) as context:
        encode_chunk(context, home.chunk(job_id).pk)
    assert "this worker has openclip-plain" in str(home.job(job_id).error)
    assert home.store.catalog.count_rows().evidence == 0


def test_create_app_with_a_larger_space_has_no_memory_limit(home: Home, model: str, tmp_path: Path) -> None:
    assert create_app(home.settings).conf.worker_max_memory_per_child == CHILD_KIBIBYTES
    larger = home.settings.model_copy(update={"space": model})
    assert create_app(larger).conf.worker_max_memory_per_child is None
