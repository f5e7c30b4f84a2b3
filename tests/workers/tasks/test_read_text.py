"""Deferred text recognition: after all jobs, once, despite interrupts of the worker."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from indexes.search.searcher import Searcher
from mm.errors import MediaError, Unavailable
from mm.media.types import RGB
from mm.models.image.sample_photos import load_sample_photos
from mm.schemas import Filters
from mm.spaces import Space
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.query import build_query
from tests.waiting import wait_for
from tests.workers.conftest import Home, open_context, work
from tests.workers.process import WorkerProcess
from tests.writing import written
from workers.context import WorkerContext
from workers.messaging.dispatch import Dispatcher
from workers.sweeper import Sweeper
from workers.tasks import read_text
from workers.tasks.read_text import has_waiting_text, read_unread_text

COFFEE = load_sample_photos()[2]


@pytest.fixture
def no_budget(home: Home, space: Space) -> Iterator[WorkerContext]:
    """Context of a worker whose time budget for text recognition is used up."""
    with open_context(home, space) as context:
        yield replace(context, ocr_budget=OcrBudget("auto", lambda: 0.0))


def png(image: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def sign(words: str) -> bytes:
    return png(written(COFFEE, (words, 40, 60)))


def create_sign_video(words: str) -> bytes:
    """A video with four seconds of a photo, then four of a sign."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=4, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for image in (np.flip(COFFEE, 1), written(COFFEE, (words, 40, 60))):
            frame = np.asarray(Image.fromarray(image).resize((640, 480)))
            for _ in range(16):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def create_screen_recording(titles: Sequence[str]) -> bytes:
    """A video of one shot: pages that differ in their text, three seconds each."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=4, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for title in titles:
            image = Image.new("RGB", (640, 360), "white")
            for top, line in ((40, title), (90, "A line that every page has"), (140, f"and one about the {title.lower()}")):
                ImageDraw.Draw(image).text((30, top), line, font=ImageFont.load_default(24), fill="black")
            for _ in range(12):
                output.mux(stream.encode(av.VideoFrame.from_image(image)))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def search(home: Home, space: Space, words: str) -> list[tuple[str, float, str | None]]:
    """Item, start and text of the likely hits whose evidence contains text."""
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        query = build_query(space, text=words)
        hits = searcher.search(query, 5, Filters(), query.floor)
    texts = [(hit, {piece.kind: piece.text for piece in hit.evidence}.get("written")) for hit in hits]
    return [(hit.item_id, hit.best_start, text) for hit, text in texts if text]


def test_read_unread_text_image_is_found_by_its_text_afterwards(home: Home, no_budget: WorkerContext, space: Space) -> None:
    job_id = home.add(sign("Ferry to Zanzibar"), "IMG_1.png")
    work(no_budget, job_id)
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    assert (home.state(job_id), item.status, item.num_unread_images) == ("done", "ready", 1)
    assert search(home, space, "zanzibar") == []
    assert has_waiting_text(no_budget)
    read_unread_text(no_budget)
    assert search(home, space, "zanzibar") == [(item.id, 0.0, "Ferry to Zanzibar")]
    assert home.store.catalog.count_unread_images(space.id) == 0
    assert not has_waiting_text(no_budget)
    head = home.store.catalog.get_head()
    read_unread_text(no_budget)
    assert home.store.catalog.get_head() == head, "no text is read twice"


def test_read_unread_text_video_is_found_in_the_shot_with_the_text(home: Home, no_budget: WorkerContext, space: Space) -> None:
    job_id = home.add(create_sign_video("Ferry to Zanzibar"), "clip.mp4")
    work(no_budget, job_id)
    assert home.store.catalog.count_unread_images(space.id) >= 2
    assert search(home, space, "zanzibar") == []
    read_unread_text(no_budget)
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    (hit,) = search(home, space, "zanzibar")
    assert hit[0] == item.id
    assert hit[1] == pytest.approx(4.0, abs=0.5)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_read_unread_text_screen_recording_of_one_shot_is_found_by_each_page(
    home: Home, no_budget: WorkerContext, space: Space
) -> None:
    job_id = home.add(create_screen_recording(["Lighthouse invoice", "Zanzibar timetable", "Rhubarb recipe"]), "screen.mp4")
    work(no_budget, job_id)
    read_unread_text(no_budget)
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    assert (item.text.num_done, item.text.num_left) == (3, 0)
    assert len({row.shot for row in home.store.catalog.list_evidence([1], space.id)}) == 1
    written = [row for row in home.store.catalog.list_evidence([1], space.id) if row.kind == "written"]
    for number, word in enumerate(("lighthouse", "zanzibar", "rhubarb")):
        (piece,) = [row for row in written if word in (row.text or "").lower()]
        assert (piece.start, piece.end) == pytest.approx((3 * number, 3 * number + 3), abs=0.3)
        assert [hit[0] for hit in search(home, space, word)] == [item.id]


def test_read_unread_text_image_without_text_counts_as_read(home: Home, no_budget: WorkerContext, space: Space) -> None:
    work(no_budget, home.add(png(COFFEE), "IMG_1.png"))
    read_unread_text(no_budget)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_read_unread_text_pauses_for_a_job_and_continues_after_it(
    home: Home, no_budget: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        work(no_budget, home.add(sign(f"Gate {number}"), f"IMG_{number}.png"))
    read = read_text._read_segment
    uploads: list[str] = []

    def upload_meanwhile(*arguments: object) -> object:
        uploads.append(home.add(sign("Arrivals"), "IMG_9.png"))
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(read_text, "_read_segment", upload_meanwhile)
    read_unread_text(no_budget)
    assert len(uploads) == 1, "no other image is started"
    assert home.store.catalog.count_unread_images(space.id) == 2, "earlier text is committed"
    monkeypatch.undo()
    assert not has_waiting_text(no_budget)
    work(no_budget, uploads[0])
    assert has_waiting_text(no_budget)
    read_unread_text(no_budget)
    assert home.store.catalog.count_unread_images(space.id) == 0


def test_read_unread_text_worker_killed_before_the_commit_loses_no_text(
    home: Home, no_budget: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(no_budget, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))
    monkeypatch.setattr(read_text, "_lease_seconds", lambda _: 0.0)  # the lease of the killed worker has expired

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    many_attempts = replace(no_budget, settings=no_budget.settings.model_copy(update={"max_attempts": 10}))
    for place in ("_read_segment", "write_text_shard", "write_segments"):
        with monkeypatch.context() as patch:
            patch.setattr(read_text, place, die)
            patch.setattr(no_budget.store.catalog, "extend_text_lease", lambda *_: True)
            with pytest.raises(Killed):
                read_unread_text(many_attempts)
        assert home.store.catalog.count_unread_images(space.id) == 1
        assert search(home, space, "zanzibar") == []
    monkeypatch.undo()
    read_unread_text(many_attempts)
    assert len(search(home, space, "zanzibar")) == 1


def test_read_unread_text_error_is_retried_until_the_last_attempt(
    home: Home, no_budget: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(no_budget, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))

    def unavailable(*_: object, **__: object) -> RGB:
        raise Unavailable("The decoder does not respond.")

    monkeypatch.setattr(no_budget.reader, "image", unavailable)
    read_unread_text(no_budget)
    assert not has_waiting_text(no_budget), "max_attempts is 2 here, and one task makes all attempts"
    assert (home.store.catalog.count_unread_images(space.id), home.store.catalog.count_failed_images(space.id)) == (0, 1)
    monkeypatch.undo()
    assert home.store.catalog.retry_text() == 1
    read_unread_text(no_budget)
    assert len(search(home, space, "zanzibar")) == 1


def test_read_unread_text_image_that_cannot_be_decoded_is_recorded_as_failed(
    home: Home, no_budget: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = home.add(sign("Ferry to Zanzibar"), "IMG_1.png")
    work(no_budget, job_id)

    def broken(*_: object, **__: object) -> RGB:
        raise MediaError("IMG_1.png", "unreadable", "The image cannot be decoded.")

    monkeypatch.setattr(no_budget.reader, "image", broken)
    read_unread_text(no_budget)
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    (failed,) = item.text.failed
    assert "cannot be decoded" in failed.reason
    assert (item.text.num_done, item.text.num_left) == (0, 0)


def test_read_unread_text_off_or_unsupported_does_nothing(
    home: Home, no_budget: WorkerContext, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(no_budget, home.add(sign("Ferry to Zanzibar"), "IMG_1.png"))
    off = replace(no_budget, settings=no_budget.settings.model_copy(update={"read_text": "off"}))
    read_unread_text(off)
    assert not has_waiting_text(off)
    monkeypatch.setattr(Space, "can_recognize_text", property(lambda _: False))
    read_unread_text(no_budget)
    assert not has_waiting_text(no_budget)
    assert home.store.catalog.count_unread_images(space.id) == 1


def test_sweeper_dispatches_text_reading_when_no_message_waits(home: Home, context: WorkerContext) -> None:
    has_text = [True]
    sweeper = Sweeper(home.store, context.dispatcher, home.settings, has_waiting_text=lambda: has_text[0])
    sweeper.sweep()
    assert home.broker.tasks() == ["mm.read"]
    sweeper.sweep()
    assert home.broker.tasks() == ["mm.read"], "one message is enough"
    home.broker.empty()
    has_text[0] = False
    sweeper.sweep()
    assert home.broker.tasks() == ["mm.ping"]


def test_worker_process_encodes_a_job_before_it_reads_deferred_text(home: Home, no_budget: WorkerContext, space: Space) -> None:
    for words in ("Ferry to Zanzibar", "Departures to Reykjavik"):
        work(no_budget, home.add(sign(words), f"{len(words)}.png"))
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
        assert len(search(home, space, word)) == 1
