"""The table of recommended models, and which of them fit in a machine."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from mm.machine import Machine

TABLE = Path(__file__).with_name("recommendations.toml")
MAX_AGE = timedelta(days=365)
"""Age after which a row is marked as old."""
SHARE = 0.5
"""Of the machine's memory, for a model without a GPU; the rest is for mm and its workers."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    name: str
    memory_gb: float
    """Memory that it needs, in GiB, with the cache of a few conversations."""
    reads: tuple[str, ...]
    runs: str
    """`builtin`, or `url` for a server."""
    source: str
    read: date
    """When the source was read."""

    def is_old(self, today: date) -> bool:
        return today - self.read > MAX_AGE

    def place(self, machine: Machine) -> str | None:
        """Where it fits: `GPU` or `CPU`; None where it does not."""
        if any(gpu.memory_gb >= self.memory_gb for gpu in machine.gpus):
            return "GPU"
        return "CPU" if SHARE * machine.memory_gb >= self.memory_gb else None


def read_recommendations(path: Path = TABLE) -> list[Recommendation]:
    """The rows of the table, smallest model first."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["model"]
    listed = [Recommendation(**{**row, "memory_gb": float(row["memory_gb"]), "reads": tuple(row["reads"])}) for row in rows]
    return sorted(listed, key=lambda row: row.memory_gb)


def find_largest(rows: list[Recommendation], machine: Machine) -> Recommendation | None:
    """The largest model that fits, the last row of several equal ones."""
    fitting = [row for row in rows if row.place(machine) is not None]
    return fitting[-1] if fitting else None
