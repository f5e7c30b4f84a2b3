"""A line that is killed again and again loses no part and doubles none."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.line.line_process import DEFECTS

NUM_KILLS = 5


def start(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.line.line_process", str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_line_killed_repeatedly_writes_each_part_once(tmp_path: Path) -> None:
    random, num_killed = np.random.default_rng(11), 0
    for _ in range(NUM_KILLS):
        with start(tmp_path) as process:
            assert process.stdout is not None
            for _ in range(int(random.integers(1, 3))):
                process.stdout.readline()
            time.sleep(float(random.uniform(0, 0.08)))  # into the next part
            num_killed += process.poll() is None
            process.kill()
    with start(tmp_path) as process:
        process.communicate()
    assert process.returncode == 0
    with (tmp_path / "parts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert num_killed >= 3
    assert [row["sequence"] for row in rows] == [str(number) for number in range(1, len(DEFECTS) + 1)]
    assert len({row["part"] for row in rows}) == len(DEFECTS)
    assert [row["verdict"] for row in rows] == ["FAIL" if defect else "PASS" for defect in DEFECTS]
