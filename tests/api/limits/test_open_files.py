"""The limit of open files, tested in a child process."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
from api.limits.open_files import allow_open_files
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(allow_open_files(connections), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected"),
    [
        pytest.param(256, 2048, 1000, "1000 1200 2048", id="raised"),
        pytest.param(256, 1024, 1000, "824 1024 1024", id="raised to the hard limit"),
        pytest.param(2048, 2048, 1000, "1000 2048 2048", id="high enough"),
        pytest.param(128, 128, 1000, "1 128 128", id="very low"),
    ],
)
def test_allow_open_files_raises_soft_limit(soft: int, hard: int, connections: int, expected: str) -> None:
    command = [sys.executable, "-c", CODE, str(soft), str(hard), str(connections)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == expected
