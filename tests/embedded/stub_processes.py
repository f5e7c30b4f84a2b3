"""Stub API and worker, run as a script: `stub_processes.py ROLE FOLDER`.

A file `worker-fails` in FOLDER holds the message with which the worker exits; with a file
`not-ready` the API is never ready.
"""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Api(BaseHTTPRequestHandler):
    folder: Path

    def do_GET(self) -> None:
        ready = not any((self.folder / name).exists() for name in ("not-ready", "worker-fails"))
        checks = [{"name": "space", "ok": ready, "detail": "The space is away.\nVery far."}]
        body = json.dumps({"ready": ready, "checks": checks} if self.path == "/readyz" else {"version": "0"}).encode()
        self.send_response(200 if ready or self.path != "/readyz" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def api(folder: Path) -> None:
    Api.folder = folder
    server = HTTPServer(("127.0.0.1", int(os.environ["MM_PORT"])), Api)
    address = Path(os.environ["MM_HOME"]) / "run" / "api.json"
    address.write_text(json.dumps({"pid": os.getpid(), "host": "127.0.0.1", "port": server.server_address[1]}))
    server.serve_forever()


def worker(folder: Path) -> None:
    message = folder / "worker-fails"
    if message.exists():
        sys.exit(message.read_text())
    time.sleep(1000)


if __name__ == "__main__":
    {"api": api, "workers": worker}[sys.argv[1]](Path(sys.argv[2]))
