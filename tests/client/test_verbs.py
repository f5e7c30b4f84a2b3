"""The request of each method, and the result it returns; both clients."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

import mm
from mm.errors import Conflict, InvalidInput
from mm.schemas import Filters, Like, Weights
from tests.client import documents
from tests.client.conftest import ClientKind, ScriptedService, reply_with, stream_of

VERBS = [
    "add",
    "import_folder",
    "item",
    "items",
    "segments",
    "tags",
    "timeline",
    "cameras",
    "places",
    "retry",
    "delete",
    "edit",
    "change_items",
    "restore",
    "trash",
    "delete_for_good",
    "empty_trash",
    "content",
    "thumbnail",
    "job",
    "jobs",
    "cancel",
    "wait",
    "search",
    "export_hits",
    "ask",
    "summarize",
    "embed",
    "caption",
    "captions",
    "models",
    "chat",
    "generate",
    "create_line",
    "lines",
    "line",
    "start_line",
    "stop_line",
    "delete_line",
    "line_parts",
    "line_frame",
    "space",
    "space_options",
    "measure_space",
    "move_space",
    "stop_move",
    "resume_move",
    "undo_move",
    "wait_for_move",
    "drop_space",
    "sessions",
    "end_session",
    "audit",
    "health",
    "ready",
    "events",
    "line_events",
    "close",
]


def test_add_streams_file_with_length_name_and_tags(service: ScriptedService, kind: ClientKind, tmp_path: Path) -> None:
    path = tmp_path / "ä b.mp4"
    path.write_bytes(bytes(range(256)) * 4096)
    service.on("/v1/media", reply_with(202, documents.upload()))
    reported: list[tuple[float, str]] = []
    upload = kind.call(service.url, "add", path, tags=["x", "y"], on_progress=lambda *args: reported.append(args))
    assert upload.created
    (request,) = service.requests
    assert request.query == {"name": ["ä b.mp4"], "tag": ["x", "y"]}
    assert request.headers["content-length"] == str(1 << 20)
    assert request.body == path.read_bytes()
    assert reported[-1] == (1.0, "uploading")
    assert [fraction for fraction, _ in reported] == sorted(fraction for fraction, _ in reported)


def test_add_accepts_str_path_and_requires_name_for_bytes(service: ScriptedService, kind: ClientKind, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1234567")
    service.on("/v1/media", reply_with(200, documents.upload(created=False)))
    assert not kind.call(service.url, "add", str(tmp_path / "a.png")).created
    kind.call(service.url, "add", b"89", name="b.png")
    assert [(request.query["name"], request.body) for request in service.requests] == [
        (["a.png"], b"1234567"),
        (["b.png"], b"89"),
    ]
    with pytest.raises(InvalidInput, match="name"):
        kind.call(service.url, "add", b"89")


@pytest.mark.parametrize("what", ["missing.png", ".", "pipe"])
def test_add_of_unreadable_file_raises_invalid_input(kind: ClientKind, tmp_path: Path, what: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="cannot be read"):
        kind.call("http://127.0.0.1:9", "add", tmp_path / what)


def test_add_with_wait_reports_progress_and_returns_ready_item(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/media", reply_with(202, documents.upload()))
    service.on(
        "/v1/jobs/j1/events", stream_of(b"retry: 1000\n\n: beat\n\n", documents.event(1), documents.event(2, "done", 1.0, "done"))
    )
    service.on("/v1/jobs/j1", reply_with(200, documents.job(state="done", progress=1.0)))
    service.on(f"/v1/media/{'i' * 32}", reply_with(200, documents.item(status="ready")))
    reported: list[tuple[float, str]] = []
    upload = kind.call(service.url, "add", b"1", name="a", wait=True, on_progress=lambda *args: reported.append(args))
    assert (upload.item.status, upload.job.state) == ("ready", "done")
    assert reported == [(1.0, "uploading"), (0.5, "seeing"), (1.0, "done")]


def test_wait_reports_queue_position_and_time_left(service: ScriptedService, kind: ClientKind) -> None:
    values = [
        {"position": 3, "seconds_left": 7200.0},
        {"position": 1, "seconds_left": 240.0},
        {"position": 0, "seconds_left": 59.0},
    ]
    waiting = [documents.event(1, "queued", 0.0, "waiting", **value) for value in values]
    service.on("/v1/jobs/j1/events", stream_of(*waiting, waiting[-1], documents.event(2, "done", 1.0, "done")))
    service.on("/v1/jobs/j1", reply_with(200, documents.job(state="done", progress=1.0)))
    reported: list[str] = []
    kind.call(service.url, "wait", "j1", on_progress=lambda _, stage: reported.append(stage))
    assert reported == [
        "waiting, jobs before it: 3, about 2 h left",
        "waiting, jobs before it: 1, about 4 min left",
        "waiting, jobs before it: 0, about 59 s left",
        "done",
    ]


def test_add_with_wait_raises_reason_of_failed_job(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/media", reply_with(202, documents.upload()))
    service.on("/v1/jobs/j1/events", stream_of(documents.event(1, "failed")))
    service.on("/v1/jobs/j1", reply_with(200, documents.job(state="failed", error="talk.mp4: no frames (truncated)")))
    with pytest.raises(Conflict, match=r"failed: talk\.mp4: no frames"):
        kind.call(service.url, "add", b"1", name="a", wait=True)


def test_text_search_is_sent_as_json(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/search", reply_with(200, documents.search_response(notes=["n"])))
    composed = {"also": ["snow"], "without": ["people"], "weights": Weights(text=2), "parse": False}
    answer = kind.call(service.url, "search", "a dog", k=3, filters=Filters(tags=["x"]), floor=0.25, fold=False, **composed)
    assert answer.notes == ["n"]
    sent = json.loads(service.requests[0].body)
    assert (sent["text"], sent["k"], sent["floor"], sent["filters"]["tags"]) == ("a dog", 3, 0.25, ["x"])
    assert sent["fold"] is False
    assert sent["parse"] is False
    assert (sent["also"], sent["without"], sent["weights"]["text"]) == (["snow"], ["people"], 2)


def test_search_with_files_is_sent_as_form(service: ScriptedService, kind: ClientKind, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"PICTURE")
    service.on("/v1/search", reply_with(200, documents.search_response()))
    kind.call(service.url, "search", "in snow", picture=tmp_path / "p.png", sound=b"SOUND", k=2, without=["a cat", "a dog"])
    body = service.requests[0].body.decode()
    assert service.requests[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    for expected in (
        'name="picture"; filename="p.png"',
        "PICTURE",
        'name="sound"; filename="sound"',
        "SOUND",
        "in snow",
        'name="fold"\r\n\r\ntrue',
        'name="parse"\r\n\r\ntrue',
        'name="without"\r\n\r\na cat',
        'name="without"\r\n\r\na dog',
    ):
        assert expected in body
    assert 'name="floor"' not in body


def test_search_does_not_validate_parameters_locally(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/search", reply_with(400, documents.problem("invalid-input", 400, "k must be at least 1.")))
    with pytest.raises(InvalidInput, match="k must be at least 1"):
        kind.call(service.url, "search", "a dog", k=0)


def test_embed_sends_texts_and_images(service: ScriptedService, kind: ClientKind, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"PICTURE")
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    service.on("/v1/embeddings", reply_with(200, {"model": "lite@1", "data": [{"index": 0, "embedding": [0.5]}], "usage": usage}))
    assert kind.call(service.url, "embed", ["a", tmp_path / "p.png", b"x"]).data[0].embedding == [0.5]
    text, path, data = json.loads(service.requests[0].body)["input"]
    assert text == "a"
    assert path == "data:image/any;base64,UElDVFVSRQ=="
    assert data.startswith("data:image/")


def test_simple_methods_send_path_and_parameters(service: ScriptedService, kind: ClientKind) -> None:
    media = f"/v1/media/{'i' * 32}"
    service.on("/v1/media", reply_with(200, {"items": [documents.item()], "next": "n"}))
    page = kind.call(service.url, "items", kinds=["video"], tags=["a", "b"], status="ready", limit=7, cursor="c")
    assert page.next == "n"
    assert service.requests[-1].query == {
        "kind": ["video"],
        "tag": ["a", "b"],
        "limit": ["7"],
        "status": ["ready"],
        "cursor": ["c"],
    }
    service.on(media, reply_with(204))
    assert kind.call(service.url, "delete", "i" * 32) is None
    service.on(f"{media}/content", reply_with(206, b"bytes", "video/mp4"))
    assert kind.call(service.url, "content", "i" * 32, start=2, end=7) == b"bytes"
    assert service.requests[-1].headers["range"] == "bytes=2-6"
    service.on(f"{media}/thumbnail", reply_with(200, b"webp", "image/webp"))
    assert kind.call(service.url, "thumbnail", "i" * 32, time=1.5, size=96) == b"webp"
    assert service.requests[-1].query == {"t": ["1.5"], "size": ["96"]}
    service.on("/v1/jobs", reply_with(200, {"data": [documents.job()]}))
    assert [job.id for job in kind.call(service.url, "jobs", limit=3)] == ["j1"]
    service.on("/v1/jobs/j1/cancel", reply_with(200, documents.job(state="cancelled")))
    assert kind.call(service.url, "cancel", "j1").state == "cancelled"
    service.on("/v1/media/import", reply_with(200, {"uploads": [], "refused": {"a": "why"}}))
    assert kind.call(service.url, "import_folder", "f", tags=["t"]).refused == {"a": "why"}
    service.on("/healthz", reply_with(200, {"status": "alive", "version": "1"}))
    assert kind.call(service.url, "health").version == "1"


def test_retry_posts_to_item_and_returns_new_job(service: ScriptedService, kind: ClientKind) -> None:
    service.on(f"/v1/media/{'i' * 32}/retry", reply_with(202, documents.upload(created=False)))
    assert kind.call(service.url, "retry", "i" * 32).job.id == "j1"
    assert (service.requests[-1].method, service.requests[-1].body) == ("POST", b"")
    service.on("/v1/jobs/j1/events", stream_of(documents.event(1, "failed")))
    service.on("/v1/jobs/j1", reply_with(200, documents.job(state="failed", error="no frames")))
    with pytest.raises(Conflict, match="failed: no frames"):
        kind.call(service.url, "retry", "i" * 32, wait=True)


def test_items_and_timeline_send_filters_by_metadata(service: ScriptedService, kind: ClientKind) -> None:
    after = datetime(2024, 5, 1, 12, 30)
    capture = {"taken_at": "2024-05-01T12:30:00+02:00", "make": "Canon", "latitude": 48.5, "longitude": 2.25}
    service.on("/v1/media", reply_with(200, {"items": [documents.item(capture=capture)], "total": 1}))
    service.on("/v1/timeline", reply_with(200, {"days": [{"day": "2024-05-01", "items": 2}]}))
    service.on("/v1/cameras", reply_with(200, {"data": [{"camera": "Canon EOS", "items": 2}]}))
    service.on("/v1/places", reply_with(200, {"data": [{"place": "Paris, France", "items": 2}]}))
    filters = {"taken_after": after, "camera": "canon", "has_place": True, "place": "paris", "language": "de"}
    page = kind.call(service.url, "items", offset=0, sort="taken", **filters)
    assert page.items[0].capture.taken_at.utcoffset() == timedelta(hours=2)
    assert page.items[0].capture.model is None
    (day,) = kind.call(service.url, "timeline", kinds=["image"], taken_before=after, **filters)
    assert (day.day, day.items) == (date(2024, 5, 1), 2)
    assert kind.call(service.url, "cameras", limit=3)[0].camera == "Canon EOS"
    assert kind.call(service.url, "places", limit=4)[0].place == "Paris, France"
    sent = {
        "taken_after": ["2024-05-01T12:30:00"],
        "camera": ["canon"],
        "has_place": ["true"],
        "place": ["paris"],
        "language": ["de"],
    }
    assert [request.query for request in service.requests] == [
        {"limit": ["50"], "offset": ["0"], "sort": ["taken"], **sent},
        {"kind": ["image"], "taken_before": ["2024-05-01T12:30:00"], **sent},
        {"limit": ["3"]},
        {"limit": ["4"]},
    ]


def test_items_segments_and_tags_send_paging_parameters(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/media", reply_with(200, {"items": [], "total": 7}))
    assert kind.call(service.url, "items", offset=5, sort="name", name="a").total == 7
    assert service.requests[-1].query == {"limit": ["50"], "offset": ["5"], "sort": ["name"], "name": ["a"]}
    line = {"start": 1.0, "end": 2.0, "text": "words"}
    segment = {"start": 0.0, "end": 4.0, "shot": 0, "said": [line]}
    service.on(f"/v1/media/{'i' * 32}/segments", reply_with(200, {"segments": [segment], "next": 4.0}))
    page = kind.call(service.url, "segments", "i" * 32, after=0.0, limit=1)
    assert (page.segments[0].said[0].text, page.next) == ("words", 4.0)
    assert service.requests[-1].query == {"limit": ["1"], "after": ["0.0"]}
    service.on("/v1/tags", reply_with(200, {"data": [{"tag": "lab", "items": 3}]}))
    assert [(count.tag, count.items) for count in kind.call(service.url, "tags")] == [("lab", 3)]


def test_reindex_methods_send_requests_and_wait(service: ScriptedService, kind: ClientKind) -> None:
    space_entry = {"id": "lite@1", "items": 4, "role": "served"}
    service.on(
        "/v1/space", reply_with(200, {"id": "lite@1", "name": "lite", "spaces": [space_entry], "move": documents.move("done", 4)})
    )
    service.on("/v1/space/move", reply_with(202, documents.move("running", 1)))
    assert kind.call(service.url, "space").spaces[0].items == 4
    assert kind.call(service.url, "move_space", "openclip:a/b").moved == 1
    assert json.loads(service.requests[-1].body) == {"to": "openclip:a/b", "download": False}
    kind.call(service.url, "move_space", "openclip:a/b", download=True)
    assert json.loads(service.requests[-1].body) == {"to": "openclip:a/b", "download": True}
    service.on("/v1/space/options", reply_with(200, documents.SPACE_OPTIONS))
    assert kind.call(service.url, "space_options", network=True).options[0].name == "openclip:a/b"
    assert service.requests[-1].query == {"network": ["true"]}
    service.on("/v1/space/measure", reply_with(200, documents.SPACE_OPTIONS))
    assert kind.call(service.url, "measure_space", "openclip:a/b").images == 3
    assert json.loads(service.requests[-1].body) == {"to": "openclip:a/b"}
    reported: list[tuple[float, str]] = []
    moved = kind.call(service.url, "move_space", "lite", wait=True, on_progress=lambda *args: reported.append(args))
    assert (moved.state, reported) == ("done", [(1.0, "4 of 4 items")])
    for verb in ("stop", "undo"):
        service.on(f"/v1/space/move/{verb}", reply_with(200, documents.move("stopped", 1)))
        assert kind.call(service.url, f"{verb}_move").state == "stopped"
    service.on("/v1/space/move/resume", reply_with(200, documents.move("running", 1)))
    kind.call(service.url, "resume_move", leave_out=True)
    assert json.loads(service.requests[-1].body) == {"leave_out": True}
    service.on("/v1/space/lite%401", reply_with(204))
    assert kind.call(service.url, "drop_space", "lite@1") is None


def test_wait_for_move_reports_the_download_first(service: ScriptedService, kind: ClientKind) -> None:
    library = {"id": "lite@1", "name": "lite", "spaces": []}
    downloading = {**documents.move("downloading", 0), "downloaded_bytes": 3_000_000, "download_bytes": 6_000_000}
    service.on(
        "/v1/space",
        reply_with(200, {**library, "move": downloading}),
        reply_with(200, {**library, "move": documents.move("done", 4)}),
    )
    reported: list[tuple[float, str]] = []
    assert kind.call(service.url, "wait_for_move", on_progress=lambda *args: reported.append(args)).state == "done"
    assert reported == [(0.0, "downloaded 3 of 6 MB (50%)"), (1.0, "4 of 4 items")]


def test_wait_for_move_without_move_raises_not_found(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/space", reply_with(200, {"id": "lite@1", "name": "lite", "spaces": []}))
    with pytest.raises(mm.errors.NotFound, match="never been reindexed"):
        kind.call(service.url, "wait_for_move")


def test_search_like_is_sent_in_json_and_form(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/search", reply_with(200, documents.search_response()))
    like = Like(item="i" * 32, time=1.5)
    kind.call(service.url, "search", like=like)
    assert json.loads(service.requests[-1].body)["like"] == {"item": "i" * 32, "time": 1.5}
    kind.call(service.url, "search", like=like, picture=b"PICTURE")
    assert like.model_dump_json() in service.requests[-1].body.decode()


def test_ready_returns_checks_of_503_response(service: ScriptedService, kind: ClientKind) -> None:
    check = {"name": "broker", "ok": False, "detail": "away"}
    service.on("/readyz", reply_with(503, {"ready": False, "checks": [check]}))
    assert kind.call(service.url, "ready").checks[0].detail == "away"


@pytest.mark.parametrize("bad", ["", "..", "."])
def test_invalid_id_raises_before_request(kind: ClientKind, bad: str) -> None:
    with pytest.raises(InvalidInput, match="not an id"):
        kind.call("http://127.0.0.1:9", "item", bad)


def test_id_is_quoted_as_one_path_segment(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/media/a%2F..%2Fb%3F", reply_with(404, documents.problem("not-found", 404, "no item")))
    with pytest.raises(mm.errors.NotFound, match="no item"):
        kind.call(service.url, "item", "a/../b?")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8321", "ftp://x", "http://", "http://x:port"])
def test_invalid_url_raises_invalid_input(kind: ClientKind, url: str) -> None:
    with pytest.raises(InvalidInput):
        kind.call(url, "health")


def test_both_clients_have_same_methods_and_parameters() -> None:
    with mm.Client() as blocking:
        awaited = mm.AsyncClient()
        for verb in set(VERBS):
            assert inspect.signature(getattr(blocking, verb)).parameters == inspect.signature(getattr(awaited, verb)).parameters
            assert getattr(blocking, verb).__doc__
        asyncio.run(awaited.close())
    public = {name for name in dir(mm.Client) if not name.startswith("_")}
    assert public == {*VERBS, "run"}
