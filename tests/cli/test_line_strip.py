"""Strip of parts on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console
from rich.live import Live

from mm.cli.line_strip import LiveStrip, describe_promise
from mm.line.config import LineConfig
from mm.line.types import LineCounts
from tests.line.conveyor import THRESHOLD
from tests.line.parts import record


def test_live_strip_shows_cells_last_parts_and_counts() -> None:
    text = io.StringIO()
    with Live(console=Console(file=text, force_terminal=True, width=120), auto_refresh=False) as live:
        strip, counts = LiveStrip(live), LineCounts(dropped=4)
        strip.start(counts, THRESHOLD, LineConfig("press"))
        for number in range(12):
            strip.add(record(f"part-{number}", "PASS" if number % 2 else "FAIL"))
            counts.verdicts["PASS" if number % 2 else "FAIL"] += 1
        strip.add(record("last\x1b[2J", "UNDECIDED"))
        live.refresh()
    shown = text.getvalue()
    assert "part-11" in shown
    assert "part-2 " not in shown
    assert "4 frames dropped" in shown
    assert "\x1b[2J" not in shown


def test_describe_promise_unreachable_rate_names_the_smallest() -> None:
    threshold = replace(THRESHOLD, num_groups=8, smallest_rate=1 / 9)
    assert "the smallest is 11.1%" in describe_promise(threshold, LineConfig("press"))
