"""Text that encoding left out is read later: behind all jobs, once, whatever ends the worker
meanwhile."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from indexes.search.searcher import Searcher
from mm.errors import MediaError, Unavailable
from mm.media.types import RGB
from mm.models.image.sample_photos import load_sample_photos
from mm.schemas import Filters
from mm.spaces import Space
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.query import build_query
from tests.workers.conftest import Home, open_context, work
from tests.workers.process import WorkerProcess, wait_for
from tests.writing import written
from workers.context import WorkerContext
from workers.messaging.dispatch import Dispatcher
from workers.sweeper import Sweeper
from workers.tasks import read_text
from workers.tasks.read_text import has_waiting_text, read_unread_text

COFFEE = load_sample_photos()[2]


@pytest.fixture
def late(home: Home, space: Space) -> Iterator[WorkerContext]:
    """WorkerContext of a worker whose time for reading is always used up."""
    with open_context(home, space) as context:
        yield replace(context, ocr_budget=OcrBudget("auto", lambda: 0.0))


def png(picture: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def sign(words: str) -> bytes:
    return png(written(COFFEE, (words, 40, 60)))


def create_video(words: str) -> bytes:
    """Four seconds of a photograph, then four of a sign."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=4, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for picture in (np.flip(COFFEE, 1), written(COFFEE, (words, 40, 60))):
            image = np.asarray(Image.fromarray(picture).resize((640, 480)))
            for _ in range(16):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def found(home: Home, space: Space, words: str) -> list[tuple[str, float, str | None]]:
    """Item, place and text of the likely hits that are found by what is written in them."""
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        question = build_query(space, text=words)
        hits = searcher.search(question, 5, Filters(), question.floor)
    texts = [(hit, {piece.kind: piece.text for piece in hit.evidence}.get("written")) for hit in hits]
    return [(hit.item_id, hit.best_start, text) for hit, text in texts if text]


def test_a_photo_is_searchable_at_once_and_found_by_its_text_after_it_was_read(
    home: Home, late: WorkerContext, space: Space
) -> None:
    job_id = home.add(sign("Ferry to Zanzibar"), "IMG_1.png")
    work(late, job_id)
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    assert (home.state(job_id), item.status, item.num_unread_images) == ("done", "ready", 1)
    assert found(home, space, "zanzibar") == []
    assert has_waiting_text(late)
    read_unread_text(late)
    assert found(home, space, "zanzibar") == [(item.id, 0.0, "Ferry to Zanzibar")]
    assert home.store.catalog.count_unread_images(space.id) == 0
    assert not has_waiting_text(late)
    head = home.store.catalog.get_head()
    read_unread_text(late)
    assert home.store.catalog.get_head() == head, "nothing is read twice"


def test_text_in_a_video_is_found_in_its_shot_after_it_was_read(home: Home, late: WorkerContext, space: Space) -> None:
    job_id = home.add(create_video("Ferry to Zanzibar"), "clip.mp4")
    work(late, job_id)
    assert home.store.catalog.count_unread_images(space.id) >= 2
    assert found(home, space, "zanzibar") == []
    read_unread_text(late)
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    (hit,) = found(home, space, "zanzibar")
    assert hit[0] == item.id
    assert hit[1] == pytest.approx(4.0, abs=0.5)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_a_picture_without_text_counts_as_read(home: Home, late: WorkerContext, space: Space) -> None:
    work(late, home.add(png(COFFEE), "IMG_1.png"))
    read_unread_text(late)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_reading_stops_for_a_job_and_goes_on_behind_it(
    home: Home, late: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        work(late, home.add(sign(f"Gate {number}"), f"IMG_{number}.png"))
    read = read_text._read_segment
    uploads: list[str] = []

    def upload_meanwhile(*arguments: object) -> object:
        uploads.append(home.add(sign("Arrivals"), "IMG_9.png"))
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(read_text, "_read_segment", upload_meanwhile)
    read_unread_text(late)
    assert len(uploads) == 1, "no other picture is begun"
    assert home.store.catalog.count_unread_images(space.id) == 2, "what was read is kept"
    monkeypatch.undo()
    assert not has_waiting_text(late)
    work(late, uploads[0])
    assert has_waiting_text(late)
    read_unread_text(late)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_a_worker_that_dies_before_the_commit_loses_no_text(
    home: Home, late: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(late, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))
    monkeypatch.setattr(read_text, "_lease_seconds", lambda _: 0.0)  # the lease of the dead worker has run out

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    patient = replace(late, settings=late.settings.model_copy(update={"max_attempts": 10}))
    for place in ("_read_segment", "write_text_shard", "write_segments"):
        with monkeypatch.context() as patch:
            patch.setattr(read_text, place, die)
            patch.setattr(late.store.catalog, "extend_text_lease", lambda *_: True)
            with pytest.raises(Killed):
                read_unread_text(patient)
        assert home.store.catalog.count_unread_images(space.id) == 1
        assert found(home, space, "zanzibar") == []
    monkeypatch.undo()
    read_unread_text(patient)
    assert len(found(home, space, "zanzibar")) == 1


def test_an_error_is_tried_again_and_given_up_after_the_last_attempt(
    home: Home, late: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(late, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))

    def unavailable(*_: object, **__: object) -> RGB:
        raise Unavailable("The decoder does not answer.")

    monkeypatch.setattr(late.reader, "image", unavailable)
    read_unread_text(late)
    assert not has_waiting_text(late), "max_attempts is 2 here, and one task tries until then"
    assert home.store.catalog.count_unread_images(space.id) == 1


def test_a_picture_that_cannot_be_decoded_any_more_is_not_tried_again(
    home: Home, late: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(late, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))

    def broken(*_: object, **__: object) -> RGB:
        raise MediaError("IMG_1.png", "unreadable", "The picture cannot be decoded.")

    monkeypatch.setattr(late.reader, "image", broken)
    read_unread_text(late)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_nothing_is_read_where_it_is_off_or_cannot_be(
    home: Home, late: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(late, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))
    off = replace(late, settings=late.settings.model_copy(update={"read_text": "off"}))
    read_unread_text(off)
    assert not has_waiting_text(off)
    monkeypatch.setattr(Space, "can_recognize_text", property(lambda _: False))
    read_unread_text(late)
    assert not has_waiting_text(late)
    assert home.store.catalog.count_unread_images(space.id) == 1


def test_the_sweeper_sends_for_reading_when_nothing_else_waits(home: Home, context: WorkerContext) -> None:
    waits = [True]
    sweeper = Sweeper(home.store, context.dispatcher, home.settings, has_waiting_text=lambda: waits[0])
    sweeper.sweep()
    assert home.broker.tasks() == ["mm.read"]
    sweeper.sweep()
    assert home.broker.tasks() == ["mm.read"], "one message is enough"
    home.broker.empty()
    waits[0] = False
    sweeper.sweep()
    assert home.broker.tasks() == ["mm.ping"]


def test_a_real_worker_reads_what_another_left_out_and_encodes_before_it(home: Home, late: WorkerContext, space: Space) -> None:
    for words in ("Ferry to Zanzibar", "Departures to Reykjavik"):
        work(late, home.add(sign(words), f"{len(words)}.png"))
    assert home.store.catalog.count_unread_images(space.id) == 2
    job_id = home.add(sign("Platform Timbuktu"), "IMG_3.png")
    dispatcher = Dispatcher(home.settings)
    dispatcher.dispatch()
    dispatcher.close()
    with WorkerProcess(home.settings, home.settings.root.parent / "worker.log") as worker:
        wait_for(lambda: home.job(job_id).is_final, "the upload is encoded")
        wait_for(lambda: home.store.catalog.count_unread_images(space.id) == 0, worker.log.read_text()[-2000:])
    assert home.state(job_id) == "done"
    for word in ("zanzibar", "reykjavik", "timbuktu"):
        assert len(found(home, space, word)) == 1
