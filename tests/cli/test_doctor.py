"""Each check of `mm doctor`, on a machine that is well and on one where that thing is broken."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.diagnosis import checks
from mm.cli.main import main
from mm.embedded.address_file import address_file_path
from mm.errors import Unavailable
from mm.runtimes.choice import Choice
from mm.runtimes.tune import Trial
from mm.schemas import Check, Readiness
from mm.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", port=0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def assert_bad(check: Check, *words: str) -> None:
    assert not check.ok
    assert check.required
    assert "\n" not in check.detail
    assert check.detail.endswith(".")
    for word in words:
        assert word in check.detail


def test_a_machine_that_is_well(settings: Settings) -> None:
    for check in (checks.python(), checks.wheels(), checks.home(settings), checks.disk(settings), checks.port(settings)):
        assert check.ok, check
    for check in (checks.broker(settings), checks.database(settings), checks.check_settings(settings), checks.torch()):
        assert check.ok, check
    assert not settings.root.exists(), "looking changes nothing"


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert_bad(checks.python(), "3.9.2", "3.11")


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in {"av", "faiss"} else object())
    assert_bad(checks.wheels(), "av (decoding), faiss (search)", "pip install")


def test_a_decoder_with_a_known_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.decoder().ok
    monkeypatch.setattr("mm.media.sandbox.advisories.known_vulnerabilities", lambda *, decoder: ["FFmpeg 8.0.1 has a hole."])
    assert_bad(checks.decoder(), "8.0.1 has a hole")


def test_a_decoder_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert_bad(checks.decoder(), "`av` cannot be loaded")


def test_a_folder_that_cannot_be_written() -> None:
    assert_bad(checks.home(Settings(home=Path("/proc/mm"))), "/proc cannot be written", "MM_HOME")


def test_a_full_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 5_000_000))
    assert_bad(checks.disk(settings), "5.0 MB")


def test_a_taken_port(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_bad(checks.port(settings.model_copy(update={"port": port})), str(port), "MM_PORT")


@contextmanager
def serving(home: Path, layers: str) -> Iterator[None]:
    """Something on `home` that answers as a service whose decoding children stand behind
    `layers`."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            checks = [{"name": "sandbox", "ok": True, "detail": layers}]
            body = json.dumps({"ready": True, "checks": checks} if self.path == "/readyz" else {"version": "0"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address_file_path(home).parent.mkdir(parents=True)
        address_file_path(home).write_text(
            json.dumps({"pid": os.getpid(), "host": "127.0.0.1", "port": server.server_address[1]})
        )
        yield
        server.shutdown()


def test_sandbox_check_with_a_service_says_what_the_service_says(settings: Settings) -> None:
    alone = checks.sandbox(settings)
    with serving(settings.root, alone.detail):
        assert checks.sandbox(settings) == alone


def test_sandbox_check_says_both_where_the_service_has_other_layers(settings: Settings) -> None:
    alone, theirs = checks.sandbox(settings), "Files are decoded behind limits. Missing layer: seccomp (no such call)."
    with serving(settings.root, theirs):
        both = checks.sandbox(settings)
    assert both.ok
    assert f"In the service: {theirs} In this command: {alone.detail}" in both.detail


def test_graphs_check_says_what_they_take(settings: Settings) -> None:
    assert "first start" in checks.graphs(settings).detail
    folder = settings.root / "cache" / "graphs"
    folder.mkdir(parents=True)
    (folder / "text-1.onnx").write_bytes(b"x" * 2_000_000)
    assert "2.0 MB" in checks.graphs(settings).detail


def test_a_port_that_our_own_service_has(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_running_service", lambda home: "http://127.0.0.1:5")
    assert checks.port(settings).ok


def test_a_service_that_does_not_say_what_holds_in_its_workers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.worker_sandbox(settings) == [], "no service runs on the folder"
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(checks, "find_running_service", lambda home: url)
    (check,) = checks.worker_sandbox(settings)
    assert_bad(check, "workers", url)


def test_a_space_without_weights(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, settings: Settings) -> None:
        raise Unavailable("The space lite@1 lacks image.safetensors.")

    monkeypatch.setattr("mm.spaces.load_space", missing)
    assert_bad(checks.space(settings), "lacks image.safetensors")


def test_a_space_that_nobody_knows(settings: Settings) -> None:
    assert_bad(checks.space(settings.model_copy(update={"space": "huge"})), "huge")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "not a url", "redis://127.0.0.1:port/0"])
def test_a_broker_that_does_not_answer(settings: Settings, url: str) -> None:
    set_ = settings.model_copy(update={"broker_url": url.format(port=free_port())})
    assert_bad(checks.broker(set_), "MM_BROKER_URL")


@pytest.mark.parametrize(
    "url", ["redis://:s3cret@127.0.0.1:{port}/0", "redis://:s3#cret@127.0.0.1:{port}/0", "redis://:x@h:s3cret/0"]
)
def test_a_broker_that_does_not_answer_keeps_its_password(settings: Settings, url: str) -> None:
    check = checks.broker(settings.model_copy(update={"broker_url": url.format(port=free_port())}))
    assert not check.ok
    assert "s3" not in check.detail


def test_no_embedded_broker_for_this_machine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    assert_bad(checks.broker(settings), "MM_BROKER_URL")


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://127.0.0.1:{port}/mm?connect_timeout=2", "nonsense", "sqlite:////proc/none/catalog.db"]
)
def test_a_database_that_does_not_answer(settings: Settings, url: str) -> None:
    set_ = settings.model_copy(update={"database_url": url.format(port=free_port())})
    assert_bad(checks.database(set_), "MM_DATABASE_URL")


def test_no_torch_is_only_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not checks.torch().ok
    assert not checks.torch().required


def test_the_command_says_it_all(tmp_path: Path) -> None:
    environment = {"MM_HOME": str(tmp_path / "home"), "MM_PORT": "0"}
    done = CliRunner().invoke(main, ["doctor", "--json"], env=environment)
    assert done.exit_code == 0, done.output
    found = Readiness.model_validate_json(done.stdout)
    assert found.ready
    names = [check.name for check in found.checks]
    plain = CliRunner().invoke(main, ["doctor"], env=environment)
    assert [line.split("\t")[1] for line in plain.stdout.splitlines()] == names
    broken = CliRunner().invoke(main, ["doctor", "--json"], env={**environment, "MM_SPACE": "huge"})
    assert broken.exit_code == 1
    assert not json.loads(broken.stdout)["ready"]


def test_what_the_image_tower_runs_in(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "onnxruntime" in checks.runtime(settings).detail
    assert "--tune" in checks.runtime(settings).detail
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert_bad(checks.runtime(settings.model_copy(update={"runtime": "cuda"})), "needs a GPU")


def test_tuning_shows_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [Trial(name="openvino", cosine=1.0, worst=1.0, per_second=20.4), Trial(name="cuda", refused="no GPU")]
    choice = Choice(runtime="openvino", key={}, trials=seen)
    monkeypatch.setattr("mm.spaces.registry.tune_runtime", lambda settings, told: told("openvino") or choice)
    environment = {"MM_HOME": str(tmp_path), "MM_RUNTIME": "onnxruntime"}
    done = CliRunner().invoke(main, ["doctor", "--tune"], env=environment)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["openvino\t20\t1.0000\tchosen", "cuda\t\t\tno GPU"]
    assert "measuring openvino" in done.stderr
    assert "MM_RUNTIME is onnxruntime and goes before it" in done.stderr
    told = CliRunner().invoke(main, ["doctor", "--tune", "--json"], env=environment)
    assert Choice.model_validate_json(told.stdout) == choice


def test_bad_settings_are_a_finding(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["doctor"], env={**os.environ, "MM_PORT": "many"})
    assert done.exit_code == 1
    assert "!\tsettings\tBad settings. MM_PORT" in done.stdout
