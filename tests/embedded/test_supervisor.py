"""Supervision: a real broker, and programs that stand in for the API and the worker."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from mm.embedded import supervisor as module
from mm.embedded.address_file import AddressFile, address_file_path, find_running_service, read_address_file
from mm.embedded.broker import MEMORY_BYTES
from mm.embedded.home_lock import HomeLock, lock_home
from mm.embedded.supervisor import Supervisor, environment
from mm.errors import Conflict, InvalidInput, Unavailable
from mm.settings import Settings

STANDINS = Path(__file__).with_name("standins.py")


@pytest.fixture(autouse=True)
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_python", lambda name: [sys.executable, str(STANDINS), name, str(tmp_path)])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", port=0)


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def environment_of(stack: Supervisor, name: str) -> dict[str, str]:
    """The environment of a part. The kernel shows an empty one of a process that is being
    replaced."""
    found: dict[str, str] = {}

    def look() -> bool:
        found.update(psutil.Process(stack.pids()[name]).environ())
        return "MM_HOME" in found

    wait_for(look)
    return found


def test_all_parts_run_inside_and_none_outside(settings: Settings) -> None:
    lines: list[str] = []
    with Supervisor(settings, lines.append) as stack:
        stack.wait_ready()
        pids = stack.pids()
        assert set(pids) == {"broker", "API", "worker"}
        assert find_running_service(settings.root) == stack.url
        worker = environment_of(stack, "worker")
        assert re.fullmatch(r"redis://:[\w-]{40,}@127\.0\.0\.1:\d+/0", worker["MM_BROKER_URL"])
        assert worker["MM_HOME"] == str(settings.root)
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert lines == ["starting the broker", "starting the API", "starting the worker", "ready"]
    assert {path.name for path in (settings.root / "log").iterdir()} == {"broker.log", "api.log", "worker.log"}
    assert find_running_service(settings.root) is None


def test_the_embedded_broker_has_a_password_of_its_own_and_limits(settings: Settings) -> None:
    urls: list[str] = []
    for _ in range(2):
        with Supervisor(settings) as stack:
            stack.wait_ready()
            urls.append(environment_of(stack, "worker")["MM_BROKER_URL"])
            password = urlsplit(urls[-1]).password
            assert password is not None
            command_lines = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
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


def test_a_broker_that_is_set_is_used(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"broker_url": "redis://elsewhere:1/0"})
    with Supervisor(elsewhere) as stack:
        stack.wait_ready()
        assert set(stack.pids()) == {"API", "worker"}
        assert psutil.Process(stack.pids()["worker"]).environ()["MM_BROKER_URL"] == "redis://elsewhere:1/0"


@pytest.mark.parametrize("name", ["broker", "API", "worker"])
def test_what_dies_is_started_again_at_the_same_address(settings: Settings, name: str) -> None:
    lines: list[str] = []
    with Supervisor(settings, lines.append) as stack:
        stack.wait_ready()
        before, url = stack.pids(), stack.url
        os.kill(before[name], signal.SIGKILL)
        wait_for(lambda: stack.pids().get(name, before[name]) != before[name])
        if name == "API":
            wait_for(lambda: find_running_service(settings.root) == url)
        after = stack.pids()
        assert {part for part in after if after[part] != before[part]} == {name}
    assert f"the {name} stopped (signal 9" in lines[4]
    assert lines[5] == f"starting the {name} again"


def test_a_stack_at_rest_waits_for_events_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Supervisor(settings) as stack:
        stack.wait_ready()
        monkeypatch.setattr(Supervisor, "_watch", lambda self: pytest.fail("it looked without an event"))
        time.sleep(5 * module.POLL_SECONDS)
        assert not stack.wait_ended(0)


def test_a_part_that_cannot_start_ends_it_with_its_words(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "worker-dies").write_text("The worker lacks a lung.")
    sentence = r"The worker stopped at its start: The worker lacks a lung\. See .*worker\.log"
    with pytest.raises(Unavailable, match=sentence), Supervisor(settings) as stack:
        stack.wait_ready()
    assert stack.wait_ended(0)
    assert stack.pids() == {}
    lock_home(settings.root).release()


def test_an_api_that_cannot_start_ends_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = settings.model_copy(update={"port": taken.getsockname()[1]})
        with pytest.raises(Unavailable, match="The API stopped at its start"), Supervisor(busy):
            pass


def test_what_is_missing_is_said(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 1.0)
    (tmp_path / "not-ready").touch()
    lines: list[str] = []
    sentence = r"not ready after 1 s: The space is away\. Very far"
    with pytest.raises(Unavailable, match=sentence), Supervisor(settings, lines.append) as stack:
        stack.wait_ready()
    assert lines[3:] == ["waiting for space"]


def test_one_folder_has_one_service(settings: Settings) -> None:
    with Supervisor(settings), pytest.raises(Conflict, match=rf"already \(process {os.getpid()}\)"), Supervisor(settings):
        pass
    with Supervisor(settings):
        pass


def test_a_stale_note_is_not_believed(settings: Settings) -> None:
    note = address_file_path(settings.root)
    note.parent.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        note.write_text(f'{{"pid": {2**22 + 1}, "host": "127.0.0.1", "port": {silent.getsockname()[1]}}}')
        assert find_running_service(settings.root) is None
    note.write_text(f'{{"pid": {os.getpid()}, "host": "127.0.0.1", "port": 9}}')
    assert find_running_service(settings.root) is None
    with Supervisor(settings) as stack:
        assert find_running_service(settings.root) == stack.url


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "host": "", "port": 1}'])
def test_a_broken_note_is_none(settings: Settings, text: str) -> None:
    address_file_path(settings.root).parent.mkdir(parents=True)
    address_file_path(settings.root).write_text(text)
    assert read_address_file(settings.root) is None


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:5"), ("0.0.0.0", "http://127.0.0.1:5"), ("::", "http://[::1]:5"), ("::1", "http://[::1]:5")],
)
def test_an_address_to_listen_on_becomes_one_to_go_to(host: str, url: str) -> None:
    assert AddressFile(1, host, 5).url == url


def test_parts_get_these_settings_and_no_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_DATABASE_URL", "postgresql://elsewhere")
    given = environment(settings)
    assert given["MM_HOME"] == str(settings.root)
    assert given["MM_PORT"] == "0"
    assert "MM_DATABASE_URL" not in given
    assert given["PATH"] == os.environ["PATH"]


def test_those_who_share_keep_out_the_one_who_excludes(tmp_path: Path) -> None:
    one, two, alone = (HomeLock(tmp_path, "use") for _ in range(3))
    one.share(pytest.fail)
    two.share(pytest.fail)
    waited = threading.Event()
    thread = threading.Thread(target=alone.exclude, args=(waited.set,))
    thread.start()
    assert waited.wait(20)
    one.release()
    assert thread.is_alive()
    two.release()
    thread.join()
    assert not two.try_exclusive()
    alone.release()
    assert two.try_exclusive()
    two.release()


def test_a_home_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(InvalidInput, match="MM_HOME cannot be used"):
        lock_home(tmp_path / "home")
