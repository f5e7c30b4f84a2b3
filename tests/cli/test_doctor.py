"""Each check of `mm doctor`, passed and failed."""

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

from mm.cli.diagnosis import connections, environment, models, sandbox, storage
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


def assert_failed(check: Check, *words: str) -> None:
    assert not check.ok
    assert check.required
    assert "\n" not in check.detail
    assert check.detail.endswith(".")
    for word in words:
        assert word in check.detail


def test_checks_on_a_working_machine_pass_and_create_nothing(settings: Settings) -> None:
    for check in (
        environment.check_python(),
        environment.check_packages(),
        storage.check_home(settings),
        storage.check_disk(settings),
        connections.check_port(settings),
        connections.check_broker(settings),
        connections.check_database(settings),
        environment.check_settings(settings),
        environment.check_torch(),
    ):
        assert check.ok, check
    assert not settings.root.exists(), "checks create nothing"


def test_check_python_of_an_old_version_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert_failed(environment.check_python(), "3.9.2", "3.11")


def test_check_packages_names_the_missing_ones_and_their_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in {"av", "faiss"} else object())
    assert_failed(environment.check_packages(), "av (decoding), faiss (search)", "pip install")


def test_check_decoder_with_a_known_vulnerability_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.check_decoder().ok
    monkeypatch.setattr("mm.media.sandbox.advisories.known_vulnerabilities", lambda *, decoder: ["FFmpeg 8.0.1 has a hole."])
    assert_failed(environment.check_decoder(), "8.0.1 has a hole")


def test_check_decoder_that_cannot_be_imported_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert_failed(environment.check_decoder(), "`av` cannot be loaded")


def test_check_home_of_a_read_only_folder_fails() -> None:
    assert_failed(storage.check_home(Settings(home=Path("/proc/mm"))), "/proc cannot be written", "MM_HOME")


def test_check_disk_with_little_space_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 5_000_000))
    assert_failed(storage.check_disk(settings), "5.0 MB")


def test_check_port_that_is_in_use_fails(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert_failed(connections.check_port(settings.model_copy(update={"port": port})), str(port), "MM_PORT")


@contextmanager
def run_stub_service(home: Path, layers: str) -> Iterator[None]:
    """A stub service of `home` that reports `layers` as its sandbox."""

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


def test_check_sandbox_with_a_service_of_the_same_layers_reports_them_once(settings: Settings) -> None:
    alone = sandbox.check_sandbox(settings)
    with run_stub_service(settings.root, alone.detail):
        assert sandbox.check_sandbox(settings) == alone


def test_check_sandbox_with_a_service_of_other_layers_reports_both(settings: Settings) -> None:
    alone, theirs = (
        sandbox.check_sandbox(settings),
        "Files are decoded with the layers limits. Missing layer: seccomp (no such call).",
    )
    with run_stub_service(settings.root, theirs):
        both = sandbox.check_sandbox(settings)
    assert both.ok
    assert f"In the service: {theirs} In this command: {alone.detail}" in both.detail


def test_check_graphs_reports_their_size(settings: Settings) -> None:
    assert "first start" in models.check_graphs(settings).detail
    folder = settings.root / "cache" / "graphs"
    folder.mkdir(parents=True)
    (folder / "text-1.onnx").write_bytes(b"x" * 2_000_000)
    assert "2.0 MB" in models.check_graphs(settings).detail


def test_check_port_of_the_running_service_passes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "find_running_service", lambda home: "http://127.0.0.1:5")
    assert connections.check_port(settings).ok


def test_check_worker_sandbox_of_a_service_that_does_not_respond_fails(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sandbox.check_worker_sandbox(settings) == [], "no service runs on the folder"
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(sandbox, "find_running_service", lambda home: url)
    (check,) = sandbox.check_worker_sandbox(settings)
    assert_failed(check, "workers", url)


def test_check_space_without_weights_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, settings: Settings) -> None:
        raise Unavailable("The space lite@1 lacks image.safetensors.")

    monkeypatch.setattr("mm.spaces.load_space", missing)
    assert_failed(models.check_space(settings), "lacks image.safetensors")


def test_check_space_of_an_unknown_name_fails(settings: Settings) -> None:
    assert_failed(models.check_space(settings.model_copy(update={"space": "huge"})), "huge")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "not a url", "redis://127.0.0.1:port/0"])
def test_check_broker_that_does_not_respond_fails(settings: Settings, url: str) -> None:
    set_ = settings.model_copy(update={"broker_url": url.format(port=free_port())})
    assert_failed(connections.check_broker(set_), "MM_BROKER_URL")


@pytest.mark.parametrize(
    "url", ["redis://:s3cret@127.0.0.1:{port}/0", "redis://:s3#cret@127.0.0.1:{port}/0", "redis://:x@h:s3cret/0"]
)
def test_check_broker_failure_does_not_show_the_password(settings: Settings, url: str) -> None:
    check = connections.check_broker(settings.model_copy(update={"broker_url": url.format(port=free_port())}))
    assert not check.ok
    assert "s3" not in check.detail


def test_check_broker_without_a_binary_for_this_machine_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    assert_failed(connections.check_broker(settings), "MM_BROKER_URL")


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://127.0.0.1:{port}/mm?connect_timeout=2", "nonsense", "sqlite:////proc/none/catalog.db"]
)
def test_check_database_that_does_not_respond_fails(settings: Settings, url: str) -> None:
    set_ = settings.model_copy(update={"database_url": url.format(port=free_port())})
    assert_failed(connections.check_database(set_), "MM_DATABASE_URL")


def test_check_torch_that_is_missing_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not environment.check_torch().ok
    assert not environment.check_torch().required


def test_doctor_prints_every_check_and_exits_with_1_for_a_failure(tmp_path: Path) -> None:
    environment = {"MM_HOME": str(tmp_path / "home"), "MM_PORT": "0"}
    done = CliRunner().invoke(main, ["doctor", "--json"], env=environment)
    assert done.exit_code == 0, done.output
    readiness = Readiness.model_validate_json(done.stdout)
    assert readiness.ready
    names = [check.name for check in readiness.checks]
    plain = CliRunner().invoke(main, ["doctor"], env=environment)
    assert [line.split("\t")[1] for line in plain.stdout.splitlines()] == names
    broken = CliRunner().invoke(main, ["doctor", "--json"], env={**environment, "MM_SPACE": "huge"})
    assert broken.exit_code == 1
    assert not json.loads(broken.stdout)["ready"]


def test_check_runtime_names_the_runtime_and_fails_without_its_device(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "onnxruntime" in models.check_runtime(settings).detail
    assert "--tune" in models.check_runtime(settings).detail
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert_failed(models.check_runtime(settings.model_copy(update={"runtime": "cuda"})), "needs a GPU")


def test_doctor_tune_prints_the_trials_and_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [Trial(name="openvino", cosine=1.0, worst=1.0, per_second=20.4), Trial(name="cuda", refused="no GPU")]
    choice = Choice(runtime="openvino", key={}, trials=trials)
    monkeypatch.setattr("mm.spaces.registry.tune_runtime", lambda settings, on_progress: on_progress("openvino") or choice)
    environment = {"MM_HOME": str(tmp_path), "MM_RUNTIME": "onnxruntime"}
    done = CliRunner().invoke(main, ["doctor", "--tune"], env=environment)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["openvino\t20\t1.0000\tchosen", "cuda\t\t\tno GPU"]
    assert "measuring openvino" in done.stderr
    assert "MM_RUNTIME is onnxruntime and overrides it" in done.stderr
    as_json = CliRunner().invoke(main, ["doctor", "--tune", "--json"], env=environment)
    assert Choice.model_validate_json(as_json.stdout) == choice


def test_doctor_with_invalid_settings_reports_them(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["doctor"], env={**os.environ, "MM_PORT": "many"})
    assert done.exit_code == 1
    assert "!\tsettings\tInvalid settings. MM_PORT" in done.stdout
