"""A line in a process of its own, which a test kills: `python -m tests.line.line_process HOME`."""

from __future__ import annotations

import sys
from pathlib import Path

from mm.line.config import LineConfig
from mm.line.line import Line
from mm.line.records.ledger import Ledger
from mm.line.sinks.csv_file import CsvSink
from tests.line.conveyor import ConveyorSource, SpotInspector

DEFECTS = [number % 3 == 1 for number in range(12)]


def main() -> None:
    home = Path(sys.argv[1])
    sink = CsvSink(home / "parts.csv")
    with Ledger(home / "press", [sink.name]) as ledger:
        source = ConveyorSource(DEFECTS, frame_seconds=0.002)
        config = LineConfig("press", deadline_seconds=None)
        Line(config, source, SpotInspector(), ledger, home / "press", [sink], lambda record: print(record.part, flush=True)).run()  # noqa: T201


if __name__ == "__main__":
    main()
