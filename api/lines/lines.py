"""Lines of parts: create, start, stop, delete, their states and verdicts."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from api.uploads.folder import resolve_folder
from indexes.catalog.audit import NewAudit
from mm.errors import Conflict, InvalidInput, NotFound, TooMany
from mm.line.open import open_mqtt, open_opcua, open_webhook
from mm.line.records.history import PartHistory
from mm.line.sources.folder import check_pattern
from mm.line.sources.rtsp.address import parse_address
from mm.line.store import CSV, make_config
from mm.private import hide_home
from mm.schemas import LineInfo, LinePart, LinePartPage, LineSink, LineSource

if TYPE_CHECKING:
    from pathlib import Path

    from api.lines.supervisor import LineSupervisor
    from indexes import Store
    from indexes.catalog.audit import Actor
    from mm.line.store import LineStatus, StoredLine
    from mm.schemas import LineRequest
    from mm.schemas.lines import LineSinks, LineState
    from mm.settings import Settings

MAX_LINES = 32
STOP_SECONDS = 10.0
FRESH_SECONDS = 5.0
"""Age up to which a status counts as that of a running process."""


class Lines:
    """The lines of one home folder. Safe to use from several threads."""

    def __init__(self, settings: Settings, store: Store, supervisor: LineSupervisor) -> None:
        self._settings, self._library, self.supervisor = settings, store, supervisor
        self._store = supervisor.store
        self._histories: dict[str, PartHistory] = {}
        self._lock = threading.Lock()

    def create(self, request: LineRequest, actor: Actor) -> LineInfo:
        """Check and store a line, and start it.

        Raises `InvalidInput` and `NotFound` for what it names, `Forbidden` for a folder outside
        MM_IMPORT_ROOT, `Conflict` for a name that is taken, `TooMany` for one line too many.
        """
        if len(self._store.list_names()) >= MAX_LINES:
            raise TooMany(f"There are {MAX_LINES} lines, the maximum; delete one first.", 60.0)
        from mm.inspection.store import InspectorStore  # takes a second to import

        make_config(request)
        path = self.find_source(request.source)
        InspectorStore(self._settings.root).get(request.inspector)
        _check_sinks(request.sinks)
        self._store.create(request, path)
        self._audit(actor, "line.create", request.name)
        self.supervisor.update()
        return self.get(request.name)

    def get(self, name: str) -> LineInfo:
        """The state of a line. Raises `NotFound`."""
        stored, status, history = self._store.read(name), self._store.read_status(name), self._history(name)
        request, counts = stored.request, history.count_verdicts()
        return LineInfo(
            name=name,
            inspector=request.inspector,
            source=_hide_secrets(request.source),
            region=request.region,
            crop=request.crop,
            min_area=request.min_area,
            fail_share=request.fail_share,
            deadline=request.deadline,
            state=_find_state(stored, status),
            error=hide_home(error, self._settings.root) if (error := stored.error or self._read_exit(stored, status)) else None,
            created_at=stored.created_at,
            num_parts=sum(counts.values()),
            verdicts=counts,
            frames=0 if status is None else status.frames,
            dropped=0 if status is None else status.dropped,
            lost=0 if status is None else status.lost,
            reconnects=0 if status is None else status.reconnects,
            sinks=_list_sinks(request.sinks, status),
        )

    def list_all(self) -> list[LineInfo]:
        """All lines, by name."""
        return [self.get(name) for name in self._store.list_names()]

    def start(self, name: str, actor: Actor) -> LineInfo:
        """Start a line; one that runs is not changed. Raises `NotFound`."""
        self._store.set_started(name, is_started=True)
        self._audit(actor, "line.start", name)
        self.supervisor.update()
        return self.get(name)

    def stop(self, name: str, actor: Actor) -> LineInfo:
        """End the process of a line and wait for it. Raises `NotFound`."""
        self._store.set_started(name, is_started=False)
        self._audit(actor, "line.stop", name)
        self.supervisor.wait_stopped(name, STOP_SECONDS)
        return self.get(name)

    def delete(self, name: str, actor: Actor) -> None:
        """Delete a stopped line with its verdicts. Raises `NotFound`, `Conflict` while it runs."""
        if self._store.read(name).is_started or not self.supervisor.wait_stopped(name, 0.0):
            raise Conflict(f"The line {name} is running; stop it first.")
        self._store.delete(name)
        with self._lock:
            self._histories.pop(name, None)
        self._audit(actor, "line.delete", name)

    def read_parts(self, name: str, after: int, limit: int) -> LinePartPage:
        """Verdicts after a sequence number; a negative one counts from the last.

        Raises `NotFound`.
        """
        self._store.read(name)
        history = self._history(name)
        total = history.num_parts
        after = max(0, total + after) if after < 0 else after
        parts = [LinePart.model_validate(verdict) for verdict in history.read(after, limit)]
        last = parts[-1].sequence if parts else after
        return LinePartPage(parts=parts, next=last if last < total else None, total=total)

    def csv_path(self, name: str) -> Path:
        """The CSV file of a line. Raises `NotFound`, also before the first verdict."""
        self._store.read(name)
        path = self._store.folder(name) / CSV
        if not path.is_file():
            raise NotFound(f"The line {name} has no verdict yet.")
        return path

    def find_source(self, source: LineSource) -> str:
        """The path of a folder or video; empty for a camera.

        Raises `InvalidInput`, `NotFound`, and `Forbidden` for a folder outside MM_IMPORT_ROOT.
        """
        check_pattern(source.pattern)
        if source.camera is not None:
            parse_address(source.camera)
            return ""
        if source.folder is not None:
            return str(resolve_folder(self._settings.import_root, source.folder))
        item = self._library.catalog.get_item(source.item or "")
        if item is None:
            raise NotFound(f"There is no item {source.item!r}.")
        if item.kind != "video":
            raise InvalidInput(f"{item.name} is no video; the source of a line is a camera, a folder or a video.")
        return str(self._library.blobs.path(item.sha256))

    def _history(self, name: str) -> PartHistory:
        folder = self._store.folder(name)
        with self._lock:
            return self._histories.setdefault(name, PartHistory(folder))

    def _read_exit(self, stored: StoredLine, status: LineStatus | None) -> str | None:
        """Why a started line does not run."""
        if not stored.is_started or _is_fresh(status):
            return None
        return self.supervisor.last_log_line(stored.request.name)

    def _audit(self, actor: Actor, action: str, name: str) -> None:
        self._library.catalog.record_audit(actor, NewAudit(action=action, subject=name, detail={}))


def _is_fresh(status: LineStatus | None) -> bool:
    return status is not None and status.is_running and time.time() - status.at < FRESH_SECONDS


def _find_state(stored: StoredLine, status: LineStatus | None) -> LineState:
    if stored.is_started:
        return "running" if _is_fresh(status) else "starting" if status is None else "restarting"
    if stored.error is not None:
        return "failed"
    return "ended" if stored.has_ended else "stopped"


def _hide_secrets(source: LineSource) -> LineSource:
    """Without user, password and the query, in which some cameras expect a password."""
    if source.camera is None:
        return source
    return source.model_copy(update={"camera": parse_address(source.camera).name})


def _check_sinks(sinks: LineSinks) -> None:
    """Raises `InvalidInput` for an address or secret that is invalid."""
    if sinks.webhook is not None:
        open_webhook(sinks.webhook.url, sinks.webhook.secret).close()
    if sinks.mqtt is not None:
        open_mqtt(sinks.mqtt).close()
    if sinks.opcua is not None:
        open_opcua(sinks.opcua.url, sinks.opcua.node).close()


def _list_sinks(sinks: LineSinks, status: LineStatus | None) -> list[LineSink]:
    addresses = {
        "csv": "",
        "webhook": None if sinks.webhook is None else sinks.webhook.url,
        "mqtt": sinks.mqtt,
        "opcua": None if sinks.opcua is None else sinks.opcua.url,
    }
    backlog, refused = ({}, {}) if status is None else (status.backlog, status.refused)
    return [
        LineSink(kind=kind, host=urlsplit(url).hostname or "", backlog=backlog.get(kind, 0), refused=refused.get(kind, 0))
        for kind, url in addresses.items()
        if url is not None
    ]
