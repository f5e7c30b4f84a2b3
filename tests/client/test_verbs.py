"""What each verb sends, and what it makes of the answer; both clients, the same."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from pathlib import Path

import pytest

import mm
from mm.errors import Conflict, InvalidInput
from mm.schemas import Filters, Like, Weights
from tests.client import shapes
from tests.client.conftest import Face, Script, replying, streaming

VERBS = [
    "add",
    "import_folder",
    "item",
    "items",
    "segments",
    "tags",
    "retry",
    "delete",
    "content",
    "thumbnail",
    "job",
    "jobs",
    "cancel",
    "wait",
    "search",
    "embed",
    "models",
    "space",
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
    "close",
]


def test_a_file_is_streamed_with_its_length_name_and_tags(script: Script, face: Face, tmp_path: Path) -> None:
    path = tmp_path / "ä b.mp4"
    path.write_bytes(bytes(range(256)) * 4096)
    script.on("/v1/media", replying(202, shapes.upload()))
    heard: list[tuple[float, str]] = []
    upload = face.call(script.url, "add", path, tags=["x", "y"], on_progress=lambda *args: heard.append(args))
    assert upload.created
    (seen,) = script.seen
    assert seen.query == {"name": ["ä b.mp4"], "tag": ["x", "y"]}
    assert seen.headers["content-length"] == str(1 << 20)
    assert seen.body == path.read_bytes()
    assert heard[-1] == (1.0, "uploading")
    assert [fraction for fraction, _ in heard] == sorted(fraction for fraction, _ in heard)


def test_a_path_may_be_text_and_bytes_need_a_name(script: Script, face: Face, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1234567")
    script.on("/v1/media", replying(200, shapes.upload(created=False)))
    assert not face.call(script.url, "add", str(tmp_path / "a.png")).created
    face.call(script.url, "add", b"89", name="b.png")
    assert [(seen.query["name"], seen.body) for seen in script.seen] == [(["a.png"], b"1234567"), (["b.png"], b"89")]
    with pytest.raises(InvalidInput, match="name"):
        face.call(script.url, "add", b"89")


@pytest.mark.parametrize("what", ["missing.png", ".", "pipe"])
def test_a_file_that_cannot_be_read_is_one_sentence(face: Face, tmp_path: Path, what: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="cannot be read"):
        face.call("http://127.0.0.1:9", "add", tmp_path / what)


def test_waiting_tells_progress_and_gives_the_item_as_it_became(script: Script, face: Face) -> None:
    script.on("/v1/media", replying(202, shapes.upload()))
    script.on(
        "/v1/jobs/j1/events", streaming(b"retry: 1000\n\n: beat\n\n", shapes.event(1), shapes.event(2, "done", 1.0, "done"))
    )
    script.on("/v1/jobs/j1", replying(200, shapes.job(state="done", progress=1.0)))
    script.on(f"/v1/media/{'i' * 32}", replying(200, shapes.item(status="ready")))
    heard: list[tuple[float, str]] = []
    upload = face.call(script.url, "add", b"1", name="a", wait=True, on_progress=lambda *args: heard.append(args))
    assert (upload.item.status, upload.job.state) == ("ready", "done")
    assert heard == [(1.0, "uploading"), (0.5, "seeing"), (1.0, "done")]


def test_waiting_says_how_many_jobs_come_before_it_and_how_long_it_takes(script: Script, face: Face) -> None:
    told = [
        {"position": 3, "seconds_left": 7200.0},
        {"position": 1, "seconds_left": 240.0},
        {"position": 0, "seconds_left": 59.0},
    ]
    waiting = [shapes.event(1, "queued", 0.0, "waiting", **one) for one in told]
    script.on("/v1/jobs/j1/events", streaming(*waiting, waiting[-1], shapes.event(2, "done", 1.0, "done")))
    script.on("/v1/jobs/j1", replying(200, shapes.job(state="done", progress=1.0)))
    heard: list[str] = []
    face.call(script.url, "wait", "j1", on_progress=lambda _, stage: heard.append(stage))
    assert heard == [
        "waiting, 3 before it, about 2 h left",
        "waiting, 1 before it, about 4 min left",
        "waiting, 0 before it, about 59 s left",
        "done",
    ]


def test_waiting_for_what_fails_raises_the_reason(script: Script, face: Face) -> None:
    script.on("/v1/media", replying(202, shapes.upload()))
    script.on("/v1/jobs/j1/events", streaming(shapes.event(1, "failed")))
    script.on("/v1/jobs/j1", replying(200, shapes.job(state="failed", error="talk.mp4: no frames (truncated)")))
    with pytest.raises(Conflict, match=r"failed: talk\.mp4: no frames"):
        face.call(script.url, "add", b"1", name="a", wait=True)


def test_a_question_in_words_is_json(script: Script, face: Face) -> None:
    script.on("/v1/search", replying(200, shapes.answer(notes=["n"])))
    composed = {"also": ["snow"], "without": ["people"], "weights": Weights(text=2)}
    answer = face.call(script.url, "search", "a dog", k=3, filters=Filters(tags=["x"]), floor=0.25, fold=False, **composed)
    assert answer.notes == ["n"]
    sent = json.loads(script.seen[0].body)
    assert (sent["text"], sent["k"], sent["floor"], sent["filters"]["tags"]) == ("a dog", 3, 0.25, ["x"])
    assert sent["fold"] is False
    assert (sent["also"], sent["without"], sent["weights"]["text"]) == (["snow"], ["people"], 2)


def test_a_question_with_files_is_a_form(script: Script, face: Face, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"PICTURE")
    script.on("/v1/search", replying(200, shapes.answer()))
    face.call(script.url, "search", "in snow", picture=tmp_path / "p.png", sound=b"SOUND", k=2, without=["a cat", "a dog"])
    body = script.seen[0].body.decode()
    assert script.seen[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (
        'name="picture"; filename="p.png"',
        "PICTURE",
        'name="sound"; filename="sound"',
        "SOUND",
        "in snow",
        'name="fold"\r\n\r\ntrue',
        'name="without"\r\n\r\na cat',
        'name="without"\r\n\r\na dog',
    ):
        assert part in body
    assert 'name="floor"' not in body


def test_what_makes_no_sense_is_left_to_the_service(script: Script, face: Face) -> None:
    script.on("/v1/search", replying(400, shapes.problem("invalid-input", 400, "k must be at least 1.")))
    with pytest.raises(InvalidInput, match="k must be at least 1"):
        face.call(script.url, "search", "a dog", k=0)


def test_texts_and_pictures_are_embedded(script: Script, face: Face, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"PICTURE")
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    script.on("/v1/embeddings", replying(200, {"model": "lite@1", "data": [{"index": 0, "embedding": [0.5]}], "usage": usage}))
    assert face.call(script.url, "embed", ["a", tmp_path / "p.png", b"x"]).data[0].embedding == [0.5]
    text, path, data = json.loads(script.seen[0].body)["input"]
    assert text == "a"
    assert path == "data:image/any;base64,UElDVFVSRQ=="
    assert data.startswith("data:image/")


def test_lists_and_small_verbs(script: Script, face: Face) -> None:
    media = f"/v1/media/{'i' * 32}"
    script.on("/v1/media", replying(200, {"items": [shapes.item()], "next": "n"}))
    page = face.call(script.url, "items", kinds=["video"], tags=["a", "b"], status="ready", limit=7, cursor="c")
    assert page.next == "n"
    assert script.seen[-1].query == {"kind": ["video"], "tag": ["a", "b"], "limit": ["7"], "status": ["ready"], "cursor": ["c"]}
    script.on(media, replying(204))
    assert face.call(script.url, "delete", "i" * 32) is None
    script.on(f"{media}/content", replying(206, b"bytes", "video/mp4"))
    assert face.call(script.url, "content", "i" * 32, start=2, end=7) == b"bytes"
    assert script.seen[-1].headers["range"] == "bytes=2-6"
    script.on(f"{media}/thumbnail", replying(200, b"webp", "image/webp"))
    assert face.call(script.url, "thumbnail", "i" * 32, time=1.5, size=96) == b"webp"
    assert script.seen[-1].query == {"t": ["1.5"], "size": ["96"]}
    script.on("/v1/jobs", replying(200, {"data": [shapes.job()]}))
    assert [job.id for job in face.call(script.url, "jobs", limit=3)] == ["j1"]
    script.on("/v1/jobs/j1/cancel", replying(200, shapes.job(state="cancelled")))
    assert face.call(script.url, "cancel", "j1").state == "cancelled"
    script.on("/v1/media/import", replying(200, {"uploads": [], "refused": {"a": "why"}}))
    assert face.call(script.url, "import_folder", "f", tags=["t"]).refused == {"a": "why"}
    script.on("/healthz", replying(200, {"status": "alive", "version": "1"}))
    assert face.call(script.url, "health").version == "1"


def test_retry_posts_to_the_item_and_gives_its_new_job(script: Script, face: Face) -> None:
    script.on(f"/v1/media/{'i' * 32}/retry", replying(202, shapes.upload(created=False)))
    assert face.call(script.url, "retry", "i" * 32).job.id == "j1"
    assert (script.seen[-1].method, script.seen[-1].body) == ("POST", b"")
    script.on("/v1/jobs/j1/events", streaming(shapes.event(1, "failed")))
    script.on("/v1/jobs/j1", replying(200, shapes.job(state="failed", error="no frames")))
    with pytest.raises(Conflict, match="failed: no frames"):
        face.call(script.url, "retry", "i" * 32, wait=True)


def test_the_library_is_looked_through(script: Script, face: Face) -> None:
    script.on("/v1/media", replying(200, {"items": [], "total": 7}))
    assert face.call(script.url, "items", offset=5, sort="name", name="a").total == 7
    assert script.seen[-1].query == {"limit": ["50"], "offset": ["5"], "sort": ["name"], "name": ["a"]}
    line = {"start": 1.0, "end": 2.0, "text": "words"}
    segment = {"start": 0.0, "end": 4.0, "shot": 0, "said": [line]}
    script.on(f"/v1/media/{'i' * 32}/segments", replying(200, {"segments": [segment], "next": 4.0}))
    page = face.call(script.url, "segments", "i" * 32, after=0.0, limit=1)
    assert (page.segments[0].said[0].text, page.next) == ("words", 4.0)
    assert script.seen[-1].query == {"limit": ["1"], "after": ["0.0"]}
    script.on("/v1/tags", replying(200, {"data": [{"tag": "lab", "items": 3}]}))
    assert [(one.tag, one.items) for one in face.call(script.url, "tags")] == [("lab", 3)]


def test_a_library_is_moved_and_followed(script: Script, face: Face) -> None:
    held = {"id": "lite@1", "items": 4, "role": "served"}
    script.on("/v1/space", replying(200, {"id": "lite@1", "name": "lite", "spaces": [held], "move": shapes.move("done", 4)}))
    script.on("/v1/space/move", replying(202, shapes.move("running", 1)))
    assert face.call(script.url, "space").spaces[0].items == 4
    assert face.call(script.url, "move_space", "openclip:a/b").moved == 1
    assert json.loads(script.seen[-1].body) == {"to": "openclip:a/b"}
    heard: list[tuple[float, str]] = []
    moved = face.call(script.url, "move_space", "lite", wait=True, on_progress=lambda *args: heard.append(args))
    assert (moved.state, heard) == ("done", [(1.0, "4 of 4 items")])
    for verb in ("stop", "undo"):
        script.on(f"/v1/space/move/{verb}", replying(200, shapes.move("stopped", 1)))
        assert face.call(script.url, f"{verb}_move").state == "stopped"
    script.on("/v1/space/move/resume", replying(200, shapes.move("running", 1)))
    face.call(script.url, "resume_move", leave_out=True)
    assert json.loads(script.seen[-1].body) == {"leave_out": True}
    script.on("/v1/space/lite%401", replying(204))
    assert face.call(script.url, "drop_space", "lite@1") is None


def test_who_waits_for_a_move_that_never_was_is_told(script: Script, face: Face) -> None:
    script.on("/v1/space", replying(200, {"id": "lite@1", "name": "lite", "spaces": []}))
    with pytest.raises(mm.errors.NotFound, match="never moved"):
        face.call(script.url, "wait_for_move")


def test_a_moment_is_asked_with_in_json_and_in_a_form(script: Script, face: Face) -> None:
    script.on("/v1/search", replying(200, shapes.answer()))
    like = Like(item="i" * 32, time=1.5)
    face.call(script.url, "search", like=like)
    assert json.loads(script.seen[-1].body)["like"] == {"item": "i" * 32, "time": 1.5}
    face.call(script.url, "search", like=like, picture=b"PICTURE")
    assert like.model_dump_json() in script.seen[-1].body.decode()


def test_not_ready_is_an_answer(script: Script, face: Face) -> None:
    check = {"name": "broker", "ok": False, "detail": "away"}
    script.on("/readyz", replying(503, {"ready": False, "checks": [check]}))
    assert face.call(script.url, "ready").checks[0].detail == "away"


@pytest.mark.parametrize("bad", ["", "..", "."])
def test_what_cannot_be_an_id_is_not_sent(face: Face, bad: str) -> None:
    with pytest.raises(InvalidInput, match="no id"):
        face.call("http://127.0.0.1:9", "item", bad)


def test_an_id_stays_one_segment_of_the_path(script: Script, face: Face) -> None:
    script.on("/v1/media/a%2F..%2Fb%3F", replying(404, shapes.problem("not-found", 404, "no item")))
    with pytest.raises(mm.errors.NotFound, match="no item"):
        face.call(script.url, "item", "a/../b?")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8321", "ftp://x", "http://", "http://x:port"])
def test_a_bad_address_is_refused(face: Face, url: str) -> None:
    with pytest.raises(InvalidInput):
        face.call(url, "health")


def test_both_clients_have_every_verb_with_the_same_parameters() -> None:
    with mm.Client() as blocking:
        awaited = mm.AsyncClient()
        for verb in set(VERBS):
            assert inspect.signature(getattr(blocking, verb)).parameters == inspect.signature(getattr(awaited, verb)).parameters
            assert getattr(blocking, verb).__doc__
        asyncio.run(awaited.close())
    public = {name for name in dir(mm.Client) if not name.startswith("_")}
    assert public == {*VERBS, "run"}
