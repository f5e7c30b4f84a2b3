"""The service that a command starts, shares and stops; and `mm serve` under signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import mm
from mm.embedded.address_file import find_running_service
from tests.api import media
from tests.processes import is_alive
from tests.service_process import RunningService, Shell, environment, mm_command, run_command, run_service
from tests.waiting import LIMIT_SECONDS, wait_for, wait_for_exit

pytestmark = pytest.mark.xdist_group("served")


def wait_until_ended(pids: list[int]) -> None:
    wait_for(lambda: not any(is_alive(pid) for pid in pids), f"the end of the processes {pids}")


def list_descendants(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def running_broker(pid: int) -> psutil.Process | None:
    """The broker among the descendants of a process, once it runs."""
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # another child, which has ended meanwhile
            if "valkey" in child.name():
                return child
    return None


def test_doctor_shows_the_sandbox_layers_of_the_running_worker(running_service: RunningService, shell: Shell) -> None:
    def worker_sandbox() -> dict[str, object] | None:
        checks = json.loads(shell("doctor", "--json").stdout)["checks"]
        return next((check for check in checks if check["name"] == "worker sandbox"), None)

    wait_for(lambda: worker_sandbox() is not None, "the layers of a worker, which it reports with its first heartbeat")
    check = worker_sandbox()
    assert check is not None
    assert check["ok"]
    assert str(check["detail"]).startswith("1 worker decodes with the layers limits, no new privileges")


@pytest.fixture
def home(running_service: RunningService, tmp_path: Path) -> Path:
    """A home folder without a service, with the graphs of the towers."""
    shutil.copytree(running_service.home / "cache" / "graphs", tmp_path / "home" / "cache" / "graphs")
    return tmp_path / "home"


def test_concurrent_commands_share_one_service_that_stops_after_the_last(home: Path, tmp_path: Path) -> None:
    commands = []
    for seed in range(3):
        picture = tmp_path / f"{seed}.png"
        picture.write_bytes(media.image(seed))
        commands.append(mm_command("add", str(picture), "--json"))
    started = [
        subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in started:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        assert process.returncode == 0, err
        assert json.loads(out)["item"]["status"] == "ready"
    assert find_running_service(home) is None
    search = subprocess.run(
        mm_command("search", "--picture", str(tmp_path / "1.png"), "--floor", "0", "--json"),
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(search.stdout)["hits"][0]["item"]["name"] == "1.png"


def test_serve_after_sigint_stops_all_processes(home: Path) -> None:
    with run_service(home) as service:
        second = subprocess.run(
            mm_command("serve", "--port", "0"), env=environment(home), capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert f"process {service.process.pid}" in second.stderr
        assert "Traceback" not in second.stderr
        pids = list_descendants(service.process.pid)
        assert set(service.pids.values()) <= set(pids)
        service.process.send_signal(signal.SIGINT)
        assert wait_for_exit(service.process, "mm serve after a signal") == 0
        wait_until_ended(pids)
        assert find_running_service(home) is None


def test_serve_after_its_worker_is_killed_still_processes_uploads(home: Path) -> None:
    with run_service(home) as service, mm.Client(service.url) as client:
        os.kill(service.pids["worker"], signal.SIGKILL)
        assert client.add(media.image(7), name="a.png", wait=True).item.status == "ready"
        pids = list_descendants(service.process.pid)
        service.process.send_signal(signal.SIGTERM)
        assert wait_for_exit(service.process, "mm serve after a signal") == 0
        wait_until_ended(pids)


def test_processes_end_after_serve_is_killed(home: Path) -> None:
    with run_service(home) as service:
        pids = list_descendants(service.process.pid)
        service.process.kill()
        wait_until_ended(pids)


def test_serve_that_cannot_start_prints_one_sentence(tmp_path: Path) -> None:
    broken = {**environment(tmp_path / "home"), "MM_SPACE": "huge"}
    done = subprocess.run(mm_command("serve", "--port", "0"), env=broken, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The API exited during its start: There is no space 'huge'" in done.stderr.splitlines()[-1]


def test_interrupted_command_stops_the_service_that_it_started(home: Path, tmp_path: Path) -> None:
    """The broker is suspended, so that the command cannot finish before it is interrupted."""
    video = tmp_path / "v.mp4"
    video.write_bytes(media.video(2.0, seed=3))
    with run_command(home, "add", str(video)) as process:

        def has_service() -> bool:
            assert process.poll() is None, (tmp_path / "command.log").read_text()
            return find_running_service(home) is not None

        wait_for(has_service, "the service of the command")
        broker = running_broker(process.pid)
        assert broker is not None
        broker.suspend()
        try:
            pids = list_descendants(process.pid)
            process.send_signal(signal.SIGINT)
        finally:  # a suspended broker would keep the command from ending
            broker.resume()
        assert wait_for_exit(process, "mm add after SIGINT") == 130
        wait_until_ended(pids)


def test_interrupted_start_stops_the_processes_that_it_started(home: Path) -> None:
    with run_command(home, "search", "a dog") as process:
        wait_for(lambda: running_broker(process.pid) is not None, "the broker of the command")
        pids = list_descendants(process.pid)
        process.send_signal(signal.SIGINT)
        assert wait_for_exit(process, "mm search after SIGINT") == 130
        wait_until_ended(pids)
