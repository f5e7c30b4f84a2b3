"""Imports of a long-running process without collections of garbage."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import gc
from mm.startup import pause_collections

collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
try:
    with pause_collections():
        kept = [[number] for number in range(100_000)]
        {body}
except ValueError:
    pass
print(len(collections), gc.isenabled(), gc.get_freeze_count() > len(kept))
"""


@pytest.mark.parametrize("body", ["pass", "raise ValueError"])
def test_pause_collects_nothing_inside_and_exempts_what_exists_at_the_end(body: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True", "True"]
