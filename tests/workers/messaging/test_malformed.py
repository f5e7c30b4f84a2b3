"""Malformed messages: each one is dropped, and the worker continues."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import Unavailable
from tests.api import media
from tests.waiting import wait_for
from tests.workers.conftest import Home
from tests.workers.process import WorkerProcess
from workers.messaging.dispatch import Dispatcher
from workers.messaging.messages import QUEUE, TASKS, sanitize_message


def message(home: Home) -> dict[str, Any]:
    """A valid message, as the dispatcher sends it."""
    dispatcher = Dispatcher(home.settings)
    dispatcher.dispatch()
    dispatcher.close()
    with home.broker.client() as client:
        raw = client.rpop(QUEUE)
    received: dict[str, Any] = json.loads(raw)
    return received


def changed(valid: dict[str, Any], *path: str, value: object = None, drop: bool = False) -> bytes:
    """The message with one value replaced or removed."""
    copy = json.loads(json.dumps(valid))
    inside = copy
    for name in path[:-1]:
        inside = inside[name]
    if drop:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return json.dumps(copy).encode()


def body(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


def malformed(valid: dict[str, Any]) -> dict[str, bytes]:
    """Malformed messages by their defect."""
    strange: list[object] = [None, 7, "text", [1, 2], {"a": 1}]
    nested = {
        f"{'.'.join(path)} {value!r}": changed(valid, *path, value=value)
        for path in (("properties",), ("headers",), ("body",), ("content-type",), ("content-encoding",), ("headers", "task"))
        for value in strange
    }
    inside = {
        f"{'.'.join(path)} {value!r}": changed(valid, *path, value=value)
        for path in (
            ("properties", "delivery_tag"), ("properties", "delivery_info"), ("properties", "body_encoding"), ("headers", "id"),
            ("headers", "eta"), ("headers", "expires"), ("headers", "timelimit"), ("headers", "retries"), ("headers", "argsrepr"),
        )
        for value in ([1, 2], {"a": 1}, "text")
    }  # fmt: skip
    lacking = {
        f"no {'.'.join(path)}": changed(valid, *path, drop=True)
        for path in (
            ("headers",),
            ("body",),
            ("properties",),
            ("headers", "id"),
            ("headers", "task"),
            ("properties", "delivery_tag"),
        )
    }
    plain = {
        "text": b"not json", "list": b"[1,2]", "null": b"null", "number": b"7", "string": b'"text"', "object": b"{}",
        "empty": b"", "bytes": b"\xff\xfe\x00", "deep": b"[" * 100_000, "digits": b"7" * 5000,
        "huge": json.dumps("x" * (8 << 20)).encode(),
        "unknown task": changed(valid, "headers", "task", value="os.system"),
        "a task of an earlier version": changed(valid, "headers", "task", value="mm.encode"),
        "pickle": changed(valid, "content-type", value="application/x-python-serialize"),
        "arguments": changed(valid, "body", value=body('[[1, 2], {"a": 1}, {}]')),
        "no arguments": changed(valid, "body", value=body("null")),
        "huge headers": changed(valid, "headers", "argsrepr", value="x" * (1 << 20)),
    }  # fmt: skip
    return {**plain, **nested, **inside, **lacking}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TASKS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["headers", "task", "id", "expires"]), inner),
    max_leaves=12,
)


@given(values)
def test_sanitize_message_returns_safe_fields_or_raises_value_error(value: object) -> None:
    try:
        clean = sanitize_message(value)
    except ValueError:
        return
    assert clean["headers"]["task"] in TASKS
    assert clean["properties"]["delivery_info"] == {"exchange": "", "routing_key": QUEUE}


def test_sanitize_message_keeps_task_id_and_expiry(home: Home) -> None:
    valid = message(home)
    valid["headers"]["expires"] = "2026-01-01T00:00:00+00:00"
    clean = sanitize_message({**valid, "body": "any", "properties": None})
    assert {name: clean["headers"][name] for name in ("task", "id", "expires")} == {
        name: valid["headers"][name] for name in ("task", "id", "expires")
    }


def test_worker_process_survives_a_broker_without_memory_and_continues(home: Home) -> None:
    dispatcher = Dispatcher(home.settings)
    dispatcher.dispatch(3)
    with home.broker.client() as client:
        client.config_set("maxmemory", "1")
        job_id = home.add(media.image(1), "a.png")
        with pytest.raises(Unavailable, match="no memory left"):
            dispatcher.dispatch()
        with WorkerProcess(home.settings, home.settings.root.parent / "worker.log") as worker:
            wait_for(lambda: not worker.running() or client.llen(QUEUE) == 0, "the waiting messages are received")
            assert worker.running(), worker.log.read_text()[-3000:]
            client.config_set("maxmemory", "0")
            wait_for(lambda: not worker.running() or home.job(job_id).is_final, "it encodes")
            assert worker.running(), worker.log.read_text()[-3000:]
    dispatcher.close()
    assert home.state(job_id) == "done"
    assert "no memory left" in worker.log.read_text()


def test_worker_process_drops_malformed_messages_and_continues(home: Home) -> None:
    bad = malformed(message(home))
    with home.broker.client() as client:  # as after the death of a worker that had received them
        for tag, data in {"text": b"not json", "null": b"null", "list": b"[1,2,3]", "object": b'[{"a": 1}, "", "mm"]'}.items():
            client.hset("unacked", tag, data)
            client.zadd("unacked_index", {tag: 1.0})
    with WorkerProcess(home.settings, home.settings.root.parent / "worker.log") as worker:
        wait_for(lambda: home.store.catalog.get_last_heartbeat() is not None, "the worker works")
        with home.broker.client() as client:
            for data in bad.values():
                client.lpush(QUEUE, data)
            wait_for(lambda: not worker.running() or client.llen(QUEUE) == 0, "all messages were received")
            assert worker.running(), worker.log.read_text()[-3000:]
        job_id = home.add(media.image(1), "a.png")
        wait_for(lambda: not worker.running() or home.job(job_id).is_final, "the worker continues")
        assert worker.running(), worker.log.read_text()[-3000:]
        assert home.state(job_id) == "done"
    log = worker.log.read_text()
    assert log.count("message dropped") >= 10
    assert "x" * 1000 not in log, "not all of a large message is logged"
