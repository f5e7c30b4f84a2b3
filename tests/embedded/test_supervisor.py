"""The supervisor with a real broker, a stub API and a stub worker."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from mm.embedded import supervisor as module
from mm.embedded.address_file import AddressFile, address_file_path, find_running_service, read_address_file
from mm.embedded.broker import MEMORY_BYTES
from mm.embedded.environment import build_environment
from mm.embedded.home_lock import HomeLock, lock_home
from mm.embedded.supervisor import Supervisor
from mm.errors import Conflict, InvalidInput, Unavailable
from mm.settings import Settings
from tests.processes import read_command_line
from tests.waiting import LIMIT_SECONDS, wait_for

STUBS = Path(__file__).with_name("stub_processes.py")


@pytest.fixture(autouse=True)
def stub_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_python", lambda name: [sys.executable, str(STUBS), name, str(tmp_path)])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", port=0)


def environment_of(supervisor: Supervisor, name: str) -> dict[str, str]:
    """The environment of a process; it is empty while the process is being replaced by execve."""
    variables: dict[str, str] = {}

    def is_complete() -> bool:
        variables.update(psutil.Process(supervisor.pids()[name]).environ())
        return "MM_HOME" in variables

    wait_for(is_complete, f"the environment of the {name}")
    return variables


def test_supervisor_runs_all_processes_within_the_block_and_none_after_it(settings: Settings) -> None:
    lines: list[str] = []
    with Supervisor(settings, lines.append) as supervisor:
        supervisor.wait_ready()
        pids = supervisor.pids()
        assert set(pids) == {"broker", "API", "worker"}
        assert find_running_service(settings.root) == supervisor.url
        worker = environment_of(supervisor, "worker")
        assert re.fullmatch(r"redis://:[\w-]{40,}@127\.0\.0\.1:\d+/0", worker["MM_BROKER_URL"])
        assert worker["MM_HOME"] == str(settings.root)
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert lines == ["starting the broker", "starting the API", "starting the worker", "ready"]
    assert {path.name for path in (settings.root / "log").iterdir()} == {"broker.log", "api.log", "worker.log"}
    assert find_running_service(settings.root) is None


def test_embedded_broker_has_a_private_password_and_limits(settings: Settings) -> None:
    urls: list[str] = []
    for _ in range(2):
        with Supervisor(settings) as supervisor:
            supervisor.wait_ready()
            urls.append(environment_of(supervisor, "worker")["MM_BROKER_URL"])
            password = urlsplit(urls[-1]).password
            assert password is not None
            command_lines = [" ".join(read_command_line(process)) for process in psutil.Process().children(recursive=True)]
            assert any("valkey" in line for line in command_lines)
            assert not any(password in line for line in command_lines)
            config = settings.root / "broker" / "valkey.conf"
            assert stat.S_IMODE(config.stat().st_mode) == 0o600
            assert not any(password in path.read_text() for path in (settings.root / "log").iterdir())
            with pytest.raises(redis.AuthenticationError), redis.Redis.from_url(re.sub(":[^:]+@", "", urls[-1])) as stranger:
                stranger.ping()
            with redis.Redis.from_url(urls[-1]) as client:
                assert int(client.config_get("maxmemory")["maxmemory"]) == MEMORY_BYTES
                assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
                with pytest.raises(redis.RedisError):
                    client.lpush("mm", b"x" * (2 << 20))
    assert urls[0] != urls[1]


def test_supervisor_with_a_broker_url_starts_no_broker(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"broker_url": "redis://elsewhere:1/0"})
    with Supervisor(elsewhere) as supervisor:
        supervisor.wait_ready()
        assert set(supervisor.pids()) == {"API", "worker"}
        assert environment_of(supervisor, "worker")["MM_BROKER_URL"] == "redis://elsewhere:1/0"


@pytest.mark.parametrize("name", ["broker", "API", "worker"])
def test_supervisor_restarts_a_killed_process_at_the_same_address(settings: Settings, name: str) -> None:
    lines: list[str] = []
    with Supervisor(settings, lines.append) as supervisor:
        supervisor.wait_ready()
        before, url = supervisor.pids(), supervisor.url
        os.kill(before[name], signal.SIGKILL)
        wait_for(lambda: supervisor.pids().get(name, before[name]) != before[name], f"the restart of the {name}")
        if name == "API":
            wait_for(lambda: find_running_service(settings.root) == url, "the API at its address")
        after = supervisor.pids()
        assert {other for other in after if after[other] != before[other]} == {name}
    assert f"the {name} exited (signal 9" in lines[4]
    assert lines[5] == f"restarting the {name}"


def test_supervisor_at_rest_does_not_poll(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Supervisor(settings) as supervisor:
        supervisor.wait_ready()
        monkeypatch.setattr(Supervisor, "_check_processes", lambda self: pytest.fail("checked without an event"))
        time.sleep(5 * module.POLL_SECONDS)
        assert not supervisor.wait_ended(0)


def test_worker_that_cannot_start_ends_the_supervisor_with_its_last_log_line(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "worker-fails").write_text("The worker lacks a file.")
    sentence = r"The worker exited during its start: The worker lacks a file\. See .*worker\.log"
    with pytest.raises(Unavailable, match=sentence), Supervisor(settings) as supervisor:
        supervisor.wait_ready()
    assert supervisor.wait_ended(0)
    assert supervisor.pids() == {}
    lock_home(settings.root).release()


def test_api_that_cannot_start_ends_the_supervisor(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        busy = settings.model_copy(update={"port": listener.getsockname()[1]})
        with pytest.raises(Unavailable, match="The API exited during its start"), Supervisor(busy):
            pass


def test_wait_ready_after_the_start_limit_names_the_failing_checks(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "not-ready").touch()
    lines: list[str] = []
    sentence = r"not ready after 1 s: The space is away\. Very far"
    with pytest.raises(Unavailable, match=sentence), Supervisor(settings, lines.append, start_seconds=1.0) as supervisor:
        supervisor.wait_ready()
    assert lines[3:] == ["waiting for space"]


def test_second_supervisor_of_a_home_folder_is_refused(settings: Settings) -> None:
    with Supervisor(settings), pytest.raises(Conflict, match=rf"already \(process {os.getpid()}\)"), Supervisor(settings):
        pass
    with Supervisor(settings):
        pass


def test_find_running_service_with_a_stale_address_file_returns_none(settings: Settings) -> None:
    path = address_file_path(settings.root)
    path.parent.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path.write_text(f'{{"pid": {2**22 + 1}, "host": "127.0.0.1", "port": {silent.getsockname()[1]}}}')
        assert find_running_service(settings.root) is None
    path.write_text(f'{{"pid": {os.getpid()}, "host": "127.0.0.1", "port": 9}}')
    assert find_running_service(settings.root) is None
    with Supervisor(settings) as supervisor:
        assert find_running_service(settings.root) == supervisor.url


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "host": "", "port": 1}'])
def test_read_address_file_with_invalid_content_returns_none(settings: Settings, text: str) -> None:
    address_file_path(settings.root).parent.mkdir(parents=True)
    address_file_path(settings.root).write_text(text)
    assert read_address_file(settings.root) is None


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:5"), ("0.0.0.0", "http://127.0.0.1:5"), ("::", "http://[::1]:5"), ("::1", "http://[::1]:5")],
)
def test_address_file_url_of_a_wildcard_address_is_loopback(host: str, url: str) -> None:
    assert AddressFile(1, host, 5).url == url


def test_build_environment_passes_only_the_given_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_DATABASE_URL", "postgresql://elsewhere")
    variables = build_environment(settings)
    assert variables["MM_HOME"] == str(settings.root)
    assert variables["MM_PORT"] == "0"
    assert "MM_DATABASE_URL" not in variables
    assert variables["PATH"] == os.environ["PATH"]


def test_exclusive_lock_waits_for_all_shared_locks(tmp_path: Path) -> None:
    first, second, exclusive = (HomeLock(tmp_path, "use") for _ in range(3))
    first.acquire_shared(pytest.fail)
    second.acquire_shared(pytest.fail)
    waited = threading.Event()
    thread = threading.Thread(target=exclusive.acquire_exclusive, args=(waited.set,))
    thread.start()
    assert waited.wait(20)
    first.release()
    assert thread.is_alive()
    second.release()
    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()
    assert not second.try_exclusive()
    exclusive.release()
    assert second.try_exclusive()
    second.release()


def test_lock_home_of_a_file_raises_invalid_input(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(InvalidInput, match="MM_HOME cannot be used"):
        lock_home(tmp_path / "home")
