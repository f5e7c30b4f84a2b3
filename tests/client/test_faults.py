"""Broken connections, services that send nothing, and responses of another service."""

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
from tests.client import documents
from tests.client.conftest import ClientKind, ScriptedService, reply_with, stream_of
from tests.waiting import join_thread


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("error", [error for error in ERRORS.values() if error is not MMError])
def test_problem_response_raises_error_of_its_slug(service: ScriptedService, kind: ClientKind, error: type[MMError]) -> None:
    service.on(
        "/healthz",
        reply_with(error.status, documents.problem(error.slug, error.status, "A sentence."), "application/problem+json"),
    )
    with pytest.raises(error) as raised:
        kind.call(service.url, "health")
    assert type(raised.value) is error
    assert str(raised.value) == "A sentence."


def test_media_error_response_keeps_name_reason_detail(service: ScriptedService, kind: ClientKind) -> None:
    sent = MediaError("a (1).mp4", "truncated", "the file ends: after 3 bytes")
    document = documents.problem(sent.slug, sent.status, str(sent), name=sent.name, reason=sent.reason)
    service.on("/v1/media", reply_with(422, document))
    with pytest.raises(MediaError) as raised:
        kind.call(service.url, "add", b"1", name="a")
    assert (raised.value.name, raised.value.reason, raised.value.detail) == (sent.name, sent.reason, sent.detail)
    assert str(raised.value) == str(sent)


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, MMError), (502, Unavailable), (404, NotFound), (418, InvalidInput), (302, MMError), (599, MMError)],
)
def test_response_without_problem_raises_error_of_its_status(
    service: ScriptedService, kind: ClientKind, status: int, error: type[MMError]
) -> None:
    service.on("/healthz", reply_with(status, b"<html>oops</html>", "text/html"))
    with pytest.raises(error, match=rf"/healthz responded {status}") as raised:
        kind.call(service.url, "health")
    assert type(raised.value) is error


def test_problem_with_unknown_slug_keeps_its_detail(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/healthz", reply_with(405, documents.problem("method-not-allowed", 405, "It does not take GET.")))
    with pytest.raises(InvalidInput, match="It does not take GET"):
        kind.call(service.url, "health")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"status": "alive", "version": 1}'])
def test_invalid_response_body_raises_unavailable(service: ScriptedService, kind: ClientKind, body: bytes) -> None:
    service.on("/healthz", reply_with(200, body))
    with pytest.raises(Unavailable, match="does not match this version of mm"):
        kind.call(service.url, "health")


def test_closed_port_raises_unavailable(kind: ClientKind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match=f"No service responds at http://127.0.0.1:{port}") as raised:
        kind.call(f"http://127.0.0.1:{port}", "health")
    assert str(raised.value).count("\n") == 0


def test_silent_service_raises_unavailable_after_timeout(silent: str) -> None:
    for asynchronous in (False, True):
        with pytest.raises(Unavailable, match="did not respond within"):
            ClientKind(asynchronous, {"timeout": 0.1}).call(silent, "health")


def test_cut_connection_raises_unavailable(kind: ClientKind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut() -> None:
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.close()

        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(Unavailable, match="was lost"):
            kind.call(f"http://127.0.0.1:{listener.getsockname()[1]}", "health")
        join_thread(thread)


def test_events_resume_after_broken_connection(service: ScriptedService, kind: ClientKind) -> None:
    service.on(
        "/v1/jobs/j1/events",
        stream_of(b"retry: 1\n\n", documents.event(3), documents.event(5) + documents.event(7)[:20]),
        reply_with(503, documents.problem("unavailable", 503, "away")),
        stream_of(documents.event(5), documents.event(7), documents.event(9, "done", 1.0)),
    )
    assert [event.id for event in kind.events(service.url, "j1")] == [3, 5, 7, 9]
    assert [request.headers.get("last-event-id") for request in service.requests] == [None, "5", "5"]


def test_events_after_sends_last_event_id(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/jobs/j1/events", reply_with(204))
    assert kind.events(service.url, "j1", after=4) == []
    assert service.requests[0].headers["last-event-id"] == "4"


def test_events_raise_unavailable_after_all_retries(service: ScriptedService, kind: ClientKind) -> None:
    service.on(
        "/v1/jobs/j1/events", stream_of(documents.event(1)), reply_with(503, documents.problem("unavailable", 503, "It is away."))
    )
    with pytest.raises(Unavailable, match="It is away"):
        kind.events(service.url, "j1")
    assert len(service.requests) == 1 + len(events.PAUSES)


def test_events_of_unknown_job_raise_not_found(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/jobs/j1/events", reply_with(404, documents.problem("not-found", 404, "There is no job.")))
    with pytest.raises(NotFound, match="no job"):
        kind.events(service.url, "j1")
    assert len(service.requests) == 1


@pytest.mark.parametrize("data", [json.dumps(documents.problem("unauthorized", 401, "The key was revoked.")), "x"])
def test_unauthorized_event_raises_without_retry(service: ScriptedService, kind: ClientKind, data: str) -> None:
    last = f"event: unauthorized\ndata: {data}\n\n".encode()
    service.on("/v1/jobs/j1/events", stream_of(documents.event(1), last))
    with pytest.raises(Unauthorized, match="key"):
        kind.events(service.url, "j1")
    assert len(service.requests) == 1


def test_invalid_event_raises_unavailable(service: ScriptedService, kind: ClientKind) -> None:
    service.on("/v1/jobs/j1/events", stream_of(b"data: {}\n\n"))
    with pytest.raises(Unavailable, match="invalid event"):
        kind.events(service.url, "j1")


def test_line_events_count_from_the_last_and_resume_after_broken_connection(service: ScriptedService, kind: ClientKind) -> None:
    first = stream_of(b"retry: 1\n\n", documents.part(3), documents.part(4) + documents.part(5)[:20])
    service.on("/v1/lines/press/events", first, stream_of(documents.part(4), documents.part(5), documents.part(6)))
    found = kind.collect(service.url, "line_events", "press", after=-2, count=4)
    assert [(part.sequence, part.part) for part in found] == [(3, "p3"), (4, "p4"), (5, "p5"), (6, "p6")]
    assert [(request.query, request.headers.get("last-event-id")) for request in service.requests] == [
        ({"after": ["-2"]}, None),
        ({}, "4"),
    ]


def test_line_events_of_deleted_line_raise_not_found(service: ScriptedService, kind: ClientKind) -> None:
    gone = reply_with(404, documents.problem("not-found", 404, "There is no line."))
    service.on("/v1/lines/press/events", stream_of(documents.part(1)), gone)
    with pytest.raises(NotFound, match="no line"):
        kind.collect(service.url, "line_events", "press")


def test_events_generator_can_be_closed_early(service: ScriptedService) -> None:
    service.on("/v1/jobs/j1/events", stream_of(documents.event(1), documents.event(2)))
    with mm.Client(service.url) as client:
        feed = client.events("j1")
        assert next(feed).id == 1
        feed.close()


def test_async_wait_can_be_cancelled(service: ScriptedService) -> None:
    service.on("/v1/jobs/j1/events", lambda handler: (handler.stream(documents.event(1)), released.wait(20))[0])
    released = threading.Event()

    async def wait_a_little() -> None:
        async with mm.AsyncClient(service.url) as client:
            reported = asyncio.Event()
            waiting = asyncio.create_task(client.wait("j1", on_progress=lambda fraction, stage: reported.set()))
            await reported.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(wait_a_little())
    released.set()


def test_blocking_wait_can_be_interrupted(service: ScriptedService) -> None:
    service.on("/v1/jobs/j1/events", stream_of(documents.event(1), documents.event(2)))

    def interrupt(fraction: float, stage: str) -> None:
        raise KeyboardInterrupt

    with mm.Client(service.url) as client, pytest.raises(KeyboardInterrupt):
        client.wait("j1", on_progress=interrupt)
