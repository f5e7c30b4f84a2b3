"""Shows the parts of a line while it runs: a strip on a terminal, lines elsewhere."""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from mm.inspection.types import Threshold
    from mm.line.config import LineConfig
    from mm.line.types import LineCounts, PartRecord

STRIP_PARTS = 60
ROWS = 8
STYLES = {"PASS": "black on green", "FAIL": "white on red", "UNDECIDED": "black on yellow"}
REFRESH_PER_SECOND = 4


class Strip(Protocol):
    """Receives the verdicts of a line, from the thread that decides."""

    def start(self, counts: LineCounts, threshold: Threshold, config: LineConfig) -> None: ...

    def add(self, record: PartRecord) -> None: ...

    def finish(self, pending: Mapping[str, int]) -> None:
        """Print what sinks have yet to accept, by the name of the sink."""


class PlainStrip:
    """One line for each part: tab-separated, or JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def start(self, counts: LineCounts, threshold: Threshold, config: LineConfig) -> None:
        self._counts = counts
        if not self._as_json:
            click.echo(describe_promise(threshold, config), err=True)

    def add(self, record: PartRecord) -> None:
        text = json.dumps(record.as_json()) if self._as_json else "\t".join(_cells(record))
        click.echo(text)
        sys.stdout.flush()

    def finish(self, pending: Mapping[str, int]) -> None:
        click.echo(describe_counts(self._counts), err=True)
        for name, count in pending.items():
            if count:
                click.echo(f"{name}: {count} verdicts are not delivered yet; the next run of the line sends them.", err=True)


class LiveStrip(PlainStrip):
    """A coloured cell for each of the last parts, and the last few in a table."""

    def __init__(self, live: Live) -> None:
        super().__init__(as_json=False)
        self._live, self._lock = live, threading.Lock()
        self._records: deque[PartRecord] = deque(maxlen=STRIP_PARTS)

    def add(self, record: PartRecord) -> None:
        with self._lock:
            self._records.append(record)
            self._live.update(self._render())

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        cells = Text()
        for record in self._records:
            cells.append(record.verdict[0], STYLES[record.verdict])
        table = Table(box=None, pad_edge=False)
        for name in ("verdict", "part", "score", "p", "frames", "ms", "reason"):
            table.add_column(name, no_wrap=name != "reason")
        for record in list(self._records)[-ROWS:]:
            first, *rest = _cells(record)
            table.add_row(Text(first, STYLES[record.verdict]), *map(Text, rest))
        return Group(cells, table, Text(describe_counts(self._counts)))


@contextmanager
def open_strip(*, as_json: bool) -> Iterator[Strip]:
    """A live strip if standard output is a terminal, else lines."""
    if as_json or not sys.stdout.isatty():
        yield PlainStrip(as_json=as_json)
        return
    from rich.live import Live

    with Live(refresh_per_second=REFRESH_PER_SECOND) as live:
        yield LiveStrip(live)


def describe_promise(threshold: Threshold, config: LineConfig) -> str:
    """What the threshold promises about good parts, in one sentence."""
    from mm.line.decision import false_alarm_bound

    bound = false_alarm_bound(threshold, config.fail_share)
    if bound is None:
        return (
            f"{threshold.num_groups} groups of good images do not allow a false-alarm rate of {threshold.rate_requested:.1%}; "
            f"the smallest is {threshold.smallest_rate:.1%}. Parts above it are UNDECIDED."
        )
    return (
        f"At most {threshold.rate_requested:.1%} of the images of good parts fail, so at most {bound:.1%} of good parts, "
        f"as {config.fail_share:.0%} of the frames of a part must fail."
    )


def describe_counts(counts: LineCounts) -> str:
    """The counters of a run in one line."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.verdicts.items())
    extra = {
        "frames dropped": counts.dropped,
        "frames lost before decoding": counts.lost,
        "reconnections": counts.reconnects,
        "frames of decided parts": counts.late_frames,
        "parts of an earlier run": counts.repeated_parts,
    }
    return "; ".join([verdicts, *(f"{count} {name}" for name, count in extra.items() if count)])


def _cells(record: PartRecord) -> list[str]:
    score, p_value = ("" if value is None else f"{value:.3g}" for value in (record.score, record.p_value))
    frames, milliseconds = f"{record.num_inspected}/{record.num_frames}", f"{1000 * record.latency_seconds:.0f}"
    return [record.verdict, clean(record.part), score, p_value, frames, milliseconds, clean(record.reason)]
