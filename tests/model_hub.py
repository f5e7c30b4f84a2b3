"""A hub of models on this machine, for requests of the Hugging Face libraries, with ranges."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLOCK = 1 << 16


@dataclass
class ModelHub:
    """A running hub. `files` maps repository/name to a path."""

    url: str = ""
    files: dict[str, Path] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    """Range of each request for contents."""
    break_after: int | None = None
    """Bytes of a response after which the connection is closed."""
    hold_after: int | None = None
    """Bytes of a response after which it waits for `released`."""
    released: threading.Event = field(default_factory=threading.Event)
    etags: dict[str, str] = field(default_factory=dict)
    """Checksums that are stated instead of the right ones."""


@contextmanager
def run_hub() -> Iterator[ModelHub]:
    hub = ModelHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._respond(with_body=False)

        def do_GET(self) -> None:
            self._respond(with_body=True)

        def _respond(self, *, with_body: bool) -> None:
            if (found := re.match(r"/api/models/(.+)/(?:revision|tree)/", self.path)) is not None:
                self._list_files(found[1])
                return
            match = re.fullmatch(r"/(?P<repository>.+)/resolve/[^/]+/(?P<name>[^?]+)", self.path)
            if match is None:
                self._reply(200 if self.path == "/" else 404, {"Content-Length": "0"})
                return
            key = f"{match['repository']}/{match['name']}"
            path = hub.files.get(key)
            if path is None:
                self._reply(404, {"Content-Length": "0", "X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
                return
            self._send_file(key, path, with_body=with_body)

        def _list_files(self, repository: str) -> None:
            names = [key.removeprefix(f"{repository}/") for key in hub.files if key.startswith(f"{repository}/")]
            if "/tree/" in self.path:
                listed: object = [
                    {"type": "file", "path": name, "size": hub.files[f"{repository}/{name}"].stat().st_size, "oid": "0" * 40}
                    for name in names
                ]
            else:
                listed = {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
            body = json.dumps(listed).encode()
            self._reply(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
            self.wfile.write(body)

        def _send_file(self, key: str, path: Path, *, with_body: bool) -> None:
            data = path.read_bytes()
            requested = self.headers.get("Range", "")
            start = int(found[1]) if (found := re.fullmatch(r"bytes=(\d+)-", requested)) else 0
            headers = {
                "ETag": f'"{hub.etags.get(key) or hashlib.sha256(data).hexdigest()}"',
                "X-Repo-Commit": COMMIT,
                "Accept-Ranges": "bytes",
                "Content-Length": str(len(data) - start),
            }
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._reply(206 if start else 200, headers)
            if not with_body:
                return
            hub.ranges.append(requested)
            limit = len(data) if hub.break_after is None else min(len(data), start + hub.break_after)
            with suppress(BrokenPipeError, ConnectionResetError):  # the client was stopped
                held = limit if hub.hold_after is None else min(limit, start + hub.hold_after)
                self.wfile.write(data[start:held])
                if held < limit:
                    hub.released.wait()
                    self.wfile.write(data[held:limit])
            if limit < len(data):
                self.close_connection = True

        def _reply(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.released.set()
            server.shutdown()
            thread.join()
