"""Measurement of runtimes: once, in idle time, by a process that ends when work arrives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mm.settings import Settings
from mm.spaces.measure import can_measure, start_measuring
from mm.spaces.tuning import choice_path
from tests.graphs import with_graphs
from tests.waiting import wait_for
from workers.tasks.measure_runtimes import IDLE_SECONDS, MAX_TRIES, RuntimeMeasurement


class Machine:
    """A clock set by the test, and processes that sleep or exit with a status."""

    def __init__(self) -> None:
        self.now = 0.0
        self.code = "import time; time.sleep(1000)"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, settings: Settings) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen([sys.executable, "-c", self.code]))
        return self.started[-1]

    def measurement(self, *, due: bool = True) -> RuntimeMeasurement:
        return RuntimeMeasurement(Settings(), self.start, lambda settings: due, lambda: self.now)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_runtime_measurement_starts_after_idle_time_and_ends_for_work(machine: Machine) -> None:
    with machine.measurement() as measurement:
        measurement.step(is_idle=True)
        machine.now += IDLE_SECONDS - 1
        measurement.step(is_idle=False)
        machine.now += IDLE_SECONDS - 1
        measurement.step(is_idle=True)
        assert machine.started == []
        for tries in range(1, MAX_TRIES + 2):
            machine.now += IDLE_SECONDS
            measurement.step(is_idle=True)
            measurement.step(is_idle=True)
            assert len(machine.started) == min(tries, MAX_TRIES)
            measurement.step(is_idle=False)
            assert all(process.returncode is not None for process in machine.started)


def test_runtime_measurement_succeeds_once(machine: Machine) -> None:
    machine.code = ""
    with machine.measurement() as measurement:
        machine.now += IDLE_SECONDS
        measurement.step(is_idle=True)
        machine.started[0].wait(60)
        for _ in range(3):
            machine.now += IDLE_SECONDS
            measurement.step(is_idle=True)
        assert len(machine.started) == 1


def test_runtime_measurement_not_due_starts_no_process(machine: Machine) -> None:
    with machine.measurement(due=False) as measurement:
        machine.now += IDLE_SECONDS
        measurement.step(is_idle=True)
    assert machine.started == []


def test_runtime_measurement_close_ends_its_process(machine: Machine) -> None:
    with machine.measurement() as measurement:
        machine.now += IDLE_SECONDS
        measurement.step(is_idle=True)
    assert machine.started[0].returncode is not None


def test_start_measuring_writes_a_choice_that_is_reused(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path / "home", graphs), threads=1)
    assert can_measure(settings)
    assert not can_measure(settings.model_copy(update={"runtime": "onnxruntime"}))
    process = start_measuring(settings)
    try:
        wait_for(lambda: process.poll() is not None, "the measurement ends", 300)
    finally:
        process.kill()
    assert process.returncode == 0
    assert choice_path(settings).is_file()
    assert not can_measure(settings)
