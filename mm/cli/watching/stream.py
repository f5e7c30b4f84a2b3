"""`mm watch rtsp://...`: records a camera in chunks that are uploaded, and lists what it has."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from mm.cli.batch_upload import FileSender
from mm.cli.format import format_bytes
from mm.cli.watching.amounts import format_duration
from mm.cli.watching.folder import state_folder
from mm.cli.watching.printing import EventPrinter
from mm.cli.watching.stopping import stopping
from mm.embedded.connect import connect, print_status
from mm.errors import InvalidInput, Unavailable
from mm.line.config import NAME
from mm.line.sources.rtsp.address import parse_address
from mm.line.sources.rtsp.units import CameraUnits
from mm.settings import load_settings
from mm.watch.jobs import JobFollower
from mm.watch.stream.recorder import Recorder
from mm.watch.stream.ring import Retention, Ring
from mm.watch.stream.sender import ChunkSender
from mm.watch.stream.spool import list_chunks
from mm.watch.stream.state import StreamState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mm.client import Client


def stream_name(source: str, name: str | None) -> str:
    """The name of a stream, by default the host of its address. Raises `InvalidInput`."""
    host = parse_address(source).host
    chosen = name if name is not None else re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:50]
    if not NAME.fullmatch(chosen) or len(chosen) > 50:
        raise InvalidInput(f"{chosen!r} is not a name of a stream: use up to 50 small letters, digits and hyphens.")
    return chosen


def watch_stream(
    source: str,
    name: str,
    tags: Sequence[str],
    chunk_seconds: float,
    retention: Retention,
    spool_bytes: int,
    *,
    url: str | None,
    as_json: bool,
) -> None:
    """Record until Ctrl+C. Raises `InvalidInput`, `Unavailable`, `Conflict`, and as the service."""
    camera, print_event = CameraUnits(source), EventPrinter(as_json=as_json)
    all_tags = [f"stream:{name}", *tags]
    stop, stop_sending, errors = threading.Event(), threading.Event(), list[BaseException]()
    with ExitStack() as stack:
        state = stack.enter_context(StreamState(_folder(source, name, url)))
        client = stack.enter_context(connect(url))
        stack.enter_context(stopping(stop.set))
        jobs = JobFollower(client.job, print_event)
        ring = _make_ring(retention, state, all_tags, client, print_event)
        uploads = FileSender(client, all_tags)

        def send(path: Path) -> object:
            return uploads.send(path, lambda fraction, stage: None)

        recorder = Recorder(name, camera, state, print_event, chunk_seconds, spool_bytes=spool_bytes)
        sender = ChunkSender(name, state, send, jobs, ring, print_event)  # type: ignore[arg-type]
        print_status(f"recording {camera.name} as stream:{name} in chunks of {chunk_seconds:g} s; Ctrl+C ends it")
        for line in _describe_retention(retention, state):
            print_status(line)

        def run_sender() -> None:
            try:
                sender.run(stop_sending)
            except BaseException as error:  # noqa: BLE001 - raised again in the main thread
                errors.append(error)
                stop.set()

        thread = threading.Thread(target=run_sender, name="watch-send")
        thread.start()
        try:
            recorder.run(stop)
        finally:
            stop_sending.set()
            thread.join()
        if errors:
            raise errors[0]
        try:
            sender.send_waiting()
        except Unavailable as error:
            print_status(str(error))
        waiting = len(list_chunks(state.folder))
    rest = f"; {waiting} chunks wait for the next run" if waiting else ""
    rest += f"; {jobs.num_open} not searchable yet, the service continues with them" if jobs.num_open else ""
    click.echo(f"{print_event.summary()}{rest}", err=True)


def print_stream(source: str, name: str, *, url: str | None, as_json: bool) -> None:
    """Print the recorded times and the gaps of a stream, in order. Raises as the journal."""
    with StreamState(_folder(source, name, url)) as state:
        if as_json:
            click.echo(json.dumps(_stream_json(state)))
            return
        for line in _stream_lines(state):
            click.echo(line)


def _folder(source: str, name: str, url: str | None) -> Path:
    return state_folder(load_settings().root, f"{parse_address(source).url}\n{name}", name, url)


def _make_ring(
    retention: Retention, state: StreamState, tags: Sequence[str], client: Client, print_event: EventPrinter
) -> Ring | None:
    if retention.seconds is None and retention.num_bytes is None:
        return None

    def delete(item: str) -> None:
        client.delete(item)
        client.delete_for_good(item)  # the trash would keep the space that the user limits

    return Ring(retention, state, tags, client.item, delete, print_event)


def _describe_retention(retention: Retention, state: StreamState) -> Iterator[str]:
    """What will be deleted, by which option."""
    chunks = state.chunks()
    size = format_bytes(sum(chunk.num_bytes for chunk in chunks))
    if retention.seconds is not None:
        age = format_duration(retention.seconds)
        yield f"--keep: deletes chunks of this stream from the library for good that ended more than {age} ago"
    if retention.num_bytes is not None:
        yield (
            f"--keep-size: deletes the oldest chunks of this stream from the library for good while they have more than "
            f"{format_bytes(retention.num_bytes)}"
        )
    if retention != Retention():
        expired = retention.expired(chunks, time.time())
        yield f"the library has {len(chunks)} chunks of this stream ({size}); {len(expired)} are deleted now"


def _stream_json(state: StreamState) -> dict[str, object]:
    return {
        "chunks": [{"name": chunk.name, "start": chunk.start, "end": chunk.end, "item": chunk.item} for chunk in state.chunks()],
        "gaps": [{"start": gap.start, "end": gap.end, "reason": gap.reason} for gap in state.gaps()],
    }


def _stream_lines(state: StreamState) -> Iterator[str]:
    rows = [(chunk.start, chunk.end, "chunk", chunk.item) for chunk in state.chunks()]
    rows += [(gap.start, gap.end, "gap", gap.reason) for gap in state.gaps()]
    for start, end, kind, detail in sorted(rows):
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(start))
        yield f"{clock}\t{end - start:.1f} s\t{kind}\t{detail}"
