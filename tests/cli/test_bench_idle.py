"""`mm bench idle` for a second, so that it cannot rot, and its counters. What it measures is not judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mm.bench.idle import IdleReport, Row, at_rest, family, picture, read
from mm.cli import bench_idle

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

WAITS = 20


@pytest.mark.xdist_group("served")
def test_bench_idle_measures_every_process_and_finds_what_it_adds(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_idle, "REST_SECONDS", 0.0)
    done = shell("bench", "idle", "--seconds", "1", "--items", "2", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    rows = [Row(**row) for row in report["rows"]]
    assert {"supervisor", "broker", "API", "worker", "worker: working process"} <= {row.process for row in rows}
    assert all(row.cpu_percent >= 0 and row.wakeups >= 0 for row in rows)
    assert len(report["found"]) == 2
    lines = IdleReport(report["seconds"], rows, report["found"]).lines()
    assert len(lines) == len(rows) + 4


def test_read_counts_wakeups_and_processor_time_of_all_threads() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys\nfor line in sys.stdin: print(line, flush=True)"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        print("x", file=child.stdin, flush=True)
        child.stdout.readline()
        before = read(child.pid)
        for _ in range(WAITS):
            print("x", file=child.stdin, flush=True)
            child.stdout.readlines(1)
        after = read(child.pid)
        child.stdin.close()
    assert before is not None
    assert after is not None
    assert after.wakeups >= before.wakeups + WAITS // 2
    assert after.cpu > before.cpu
    assert read(child.pid) is None


def test_family_names_children_by_the_first_process_given() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert family({"child": child.pid, "parent": os.getpid()})[child.pid] == "child"
        assert family({"parent": os.getpid()})[child.pid] == "parent"
        assert child.stdin is not None
        child.stdin.close()


def test_rows_of_one_name_are_one_row() -> None:
    program = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'input()'])\nprint('up', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        assert len(family({"server": parent.pid})) == 2
        assert [row.process for row in at_rest(lambda: {"server": parent.pid}, 0.01)] == ["server"]
        parent.communicate(b"\n\n")


def test_pictures_of_two_numbers_differ() -> None:
    assert picture(1) == picture(1) != picture(2)
