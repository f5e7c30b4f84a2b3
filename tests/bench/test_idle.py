"""`mm bench idle` for a second, and its counters; the measured values are not checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import psutil
import pytest

from mm.bench.idle import service as idle_service
from mm.bench.idle.processes import IdleReport, Row, list_process_tree, make_image, measure_at_rest, read_counters
from tests.waiting import wait_for

if TYPE_CHECKING:
    from tests.service_process import Shell

WAITS = 4


@pytest.mark.xdist_group("served")
def test_bench_idle_measures_every_process_and_finds_added_items(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_service, "REST_SECONDS", 0.0)
    done = shell("bench", "idle", "--seconds", "1", "--items", "2", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    rows = [Row(**row) for row in report["rows"]]
    assert {"supervisor", "broker", "API", "worker", "worker: working process"} <= {row.process for row in rows}
    assert all(row.cpu_percent >= 0 and row.wakeups >= 0 for row in rows)
    assert len(report["found"]) == 2
    lines = IdleReport(report["seconds"], rows, report["found"]).lines()
    assert len(lines) == len(rows) + 4


def test_read_counters_sums_wakeups_and_processor_time_of_all_threads() -> None:
    echo = "import sys\nfor line in sys.stdin: print(sum(range(100_000)), flush=True)"
    with subprocess.Popen([sys.executable, "-c", echo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        counters = []
        for _ in range(WAITS):
            print("x", file=child.stdin, flush=True)
            child.stdout.readline()
            wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_SLEEPING, "it waits for the next line")
            counters.append(read_counters(child.pid))
        child.stdin.close()
    for before, after in pairwise(counters):
        assert before is not None
        assert after is not None
        assert after.wakeups > before.wakeups
        assert after.cpu >= before.cpu
    assert read_counters(child.pid) is None


def test_list_process_tree_names_children_after_the_first_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert list_process_tree({"child": child.pid, "parent": os.getpid()})[child.pid] == "child"
        assert list_process_tree({"parent": os.getpid()})[child.pid] == "parent"
        assert child.stdin is not None
        child.stdin.close()


def test_measure_at_rest_merges_processes_of_one_name() -> None:
    program = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'input()'])\nprint('up', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        assert len(list_process_tree({"server": parent.pid})) == 2
        assert [row.process for row in measure_at_rest(lambda: {"server": parent.pid}, 0.01)] == ["server"]
        parent.communicate(b"\n\n")


def test_make_image_is_reproducible_by_number() -> None:
    assert make_image(1) == make_image(1) != make_image(2)
