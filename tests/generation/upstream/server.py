"""A small HTTP server that streams answers as vLLM, llama.cpp or Ollama do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import join_thread

Event = dict[str, Any]


def chunk(delta: Event, reason: str | None = None, **more: Any) -> Event:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **more}]}


def usage(prompt: int = 7, completion: int = 2) -> Event:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def vllm(text: list[str]) -> list[Event | str]:
    """The role first; usage in an event of its own without choices."""
    events = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in text), chunk({}, "stop")]
    return [*events, {"object": "chat.completion.chunk", "choices": [], "usage": usage()}, "[DONE]"]


def llama_cpp(text: list[str]) -> list[Event | str]:
    """Null content first; usage and timings in the last event with a choice."""
    events = [chunk({"role": "assistant", "content": None}), *(chunk({"content": piece}) for piece in text)]
    return [*events, {**chunk({}, "stop"), "usage": usage(), "timings": {"predicted_ms": 3.1}}, "[DONE]"]


def ollama(text: list[str]) -> list[Event | str]:
    """The role in each event, the reason in the last one with text; usage follows."""
    events = [chunk({"role": "assistant", "content": piece}) for piece in text[:-1]]
    return [*events, chunk({"role": "assistant", "content": text[-1]}, "stop"), {"choices": [], "usage": usage()}, "[DONE]"]


DIALECTS: dict[str, Callable[[list[str]], list[Event | str]]] = {"vllm": vllm, "llama.cpp": llama_cpp, "ollama": ollama}


@dataclass
class LanguageServer:
    """Responds to each request with the next entry of `responses`, and records the bodies.

    An entry is a list of events to stream, or a status with a JSON document and headers. `"wait"`
    in a list keeps the connection open until the client closes it.
    """

    url: str = ""
    responses: list[list[Event | str] | tuple[int, object, dict[str, str]]] = field(default_factory=list)
    bodies: list[Event] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    """A client closed its connection before the last event, or during `"wait"`."""


@contextmanager
def run_language_server() -> Iterator[LanguageServer]:
    state = LanguageServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, {"data": [{"id": "first-model"}, {"id": "second-model"}]}, {})

        def do_POST(self) -> None:
            state.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.headers.append(dict(self.headers))
            response = state.responses.pop(0)
            if isinstance(response, tuple):
                self._send(*response)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for event in response:
                if event == "wait":
                    self._wait()
                    return
                data = event if isinstance(event, str) else json.dumps(event)
                try:
                    self.wfile.write((data if data.startswith(("error:", ":")) else f"data: {data}").encode() + b"\n\n")
                except (BrokenPipeError, ConnectionResetError):
                    state.closed.set()
                    return

        def _wait(self) -> None:
            self.connection.settimeout(60)
            if self.connection.recv(1) == b"":
                state.closed.set()

        def _send(self, status: int, document: object, headers: dict[str, str]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """No log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield state
        finally:
            server.shutdown()
            join_thread(thread)
