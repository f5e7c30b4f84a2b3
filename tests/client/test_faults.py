"""A service that breaks, stays silent, or is something else."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest

import mm
from mm.client import events
from mm.errors import ERRORS, InvalidInput, MediaError, MMError, NotFound, Unauthorized, Unavailable
from tests.client import shapes
from tests.client.conftest import Face, Script, replying, streaming


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("error", [error for error in ERRORS.values() if error is not MMError])
def test_a_problem_becomes_the_same_error(script: Script, face: Face, error: type[MMError]) -> None:
    script.on(
        "/healthz", replying(error.status, shapes.problem(error.slug, error.status, "A sentence."), "application/problem+json")
    )
    with pytest.raises(error) as raised:
        face.call(script.url, "health")
    assert type(raised.value) is error
    assert str(raised.value) == "A sentence."


def test_a_media_error_keeps_its_fields(script: Script, face: Face) -> None:
    sent = MediaError("a (1).mp4", "truncated", "the file ends: after 3 bytes")
    document = shapes.problem(sent.slug, sent.status, str(sent), name=sent.name, reason=sent.reason)
    script.on("/v1/media", replying(422, document))
    with pytest.raises(MediaError) as raised:
        face.call(script.url, "add", b"1", name="a")
    assert (raised.value.name, raised.value.reason, raised.value.detail) == (sent.name, sent.reason, sent.detail)
    assert str(raised.value) == str(sent)


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, MMError), (502, Unavailable), (404, NotFound), (418, InvalidInput), (302, MMError), (599, MMError)],
)
def test_an_answer_without_a_problem_is_told_by_its_status(script: Script, face: Face, status: int, error: type[MMError]) -> None:
    script.on("/healthz", replying(status, b"<html>oops</html>", "text/html"))
    with pytest.raises(error, match=rf"/healthz answered {status}") as raised:
        face.call(script.url, "health")
    assert type(raised.value) is error


def test_a_problem_that_nobody_knows_keeps_its_words(script: Script, face: Face) -> None:
    script.on("/healthz", replying(405, shapes.problem("method-not-allowed", 405, "It does not take GET.")))
    with pytest.raises(InvalidInput, match="It does not take GET"):
        face.call(script.url, "health")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"status": "alive", "version": 1}'])
def test_something_else_that_answers_is_not_taken_for_the_service(script: Script, face: Face, body: bytes) -> None:
    script.on("/healthz", replying(200, body))
    with pytest.raises(Unavailable, match="does not answer as this version of mm does"):
        face.call(script.url, "health")


def test_nothing_there(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match=f"Nothing answers at http://127.0.0.1:{port}") as raised:
        face.call(f"http://127.0.0.1:{port}", "health")
    assert str(raised.value).count("\n") == 0


def test_a_silent_service_is_left(silent: str) -> None:
    for asynchronous in (False, True):
        with pytest.raises(Unavailable, match="did not answer in time"):
            Face(asynchronous, {"timeout": 0.1}).call(silent, "health")


def test_a_connection_that_is_cut(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut() -> None:
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.close()

        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(Unavailable, match="broke"):
            face.call(f"http://127.0.0.1:{listener.getsockname()[1]}", "health")
        thread.join()


def test_events_go_on_where_they_broke(script: Script, face: Face) -> None:
    script.on(
        "/v1/jobs/j1/events",
        streaming(b"retry: 1\n\n", shapes.event(3), shapes.event(5) + shapes.event(7)[:20]),
        replying(503, shapes.problem("unavailable", 503, "away")),
        streaming(shapes.event(5), shapes.event(7), shapes.event(9, "done", 1.0)),
    )
    assert [event.id for event in face.events(script.url, "j1")] == [3, 5, 7, 9]
    assert [seen.headers.get("last-event-id") for seen in script.seen] == [None, "5", "5"]


def test_events_begin_behind_a_given_one(script: Script, face: Face) -> None:
    script.on("/v1/jobs/j1/events", replying(204))
    assert face.events(script.url, "j1", after=4) == []
    assert script.seen[0].headers["last-event-id"] == "4"


def test_events_give_up_on_a_service_that_stays_away(script: Script, face: Face) -> None:
    script.on("/v1/jobs/j1/events", streaming(shapes.event(1)), replying(503, shapes.problem("unavailable", 503, "It is away.")))
    with pytest.raises(Unavailable, match="It is away"):
        face.events(script.url, "j1")
    assert len(script.seen) == 1 + len(events.PAUSES)


def test_events_of_no_job(script: Script, face: Face) -> None:
    script.on("/v1/jobs/j1/events", replying(404, shapes.problem("not-found", 404, "There is no job.")))
    with pytest.raises(NotFound, match="no job"):
        face.events(script.url, "j1")
    assert len(script.seen) == 1


@pytest.mark.parametrize("data", [json.dumps(shapes.problem("unauthorized", 401, "The key was revoked.")), "x"])
def test_events_that_end_unauthorized_raise_and_are_not_asked_for_again(script: Script, face: Face, data: str) -> None:
    last = f"event: unauthorized\ndata: {data}\n\n".encode()
    script.on("/v1/jobs/j1/events", streaming(shapes.event(1), last))
    with pytest.raises(Unauthorized, match="key"):
        face.events(script.url, "j1")
    assert len(script.seen) == 1


def test_events_that_are_none(script: Script, face: Face) -> None:
    script.on("/v1/jobs/j1/events", streaming(b"data: {}\n\n"))
    with pytest.raises(Unavailable, match="event that is none"):
        face.events(script.url, "j1")


def test_events_may_be_left_early(script: Script) -> None:
    script.on("/v1/jobs/j1/events", streaming(shapes.event(1), shapes.event(2)))
    with mm.Client(script.url) as client:
        feed = client.events("j1")
        assert next(feed).id == 1
        feed.close()


def test_waiting_may_be_cancelled(script: Script) -> None:
    script.on("/v1/jobs/j1/events", lambda handler: (handler.stream(shapes.event(1)), released.wait(20))[0])
    released = threading.Event()

    async def wait_a_little() -> None:
        async with mm.AsyncClient(script.url) as client:
            heard = asyncio.Event()
            waiting = asyncio.create_task(client.wait("j1", on_progress=lambda fraction, stage: heard.set()))
            await heard.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(wait_a_little())
    released.set()


def test_waiting_may_be_interrupted(script: Script) -> None:
    script.on("/v1/jobs/j1/events", streaming(shapes.event(1), shapes.event(2)))

    def interrupt(fraction: float, stage: str) -> None:
        raise KeyboardInterrupt

    with mm.Client(script.url) as client, pytest.raises(KeyboardInterrupt):
        client.wait("j1", on_progress=interrupt)
