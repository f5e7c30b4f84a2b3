"""Report of `mm bench crash`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mm.bench.crash.nemesis import Point


@dataclass
class Outcome:
    """Result of one kill; `recovered` is in seconds from the kill until all is searchable again."""

    point: Point
    killed: bool
    recovered: float
    repeated: int
    """Chunks that were started a second time."""
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        result = f"{len(self.violations)} VIOLATIONS" if self.violations else "ok"
        missed = "" if self.killed else " (the victim did not run)"
        return f"{self.point}  recovered after {self.recovered:5.1f} s, {self.repeated} repeated, {result}{missed}"


@dataclass
class Report:
    """All outcomes, violations at the end of the run, and the result of the locked catalog."""

    seed: int
    outcomes: list[Outcome] = field(default_factory=list)
    final_violations: list[str] = field(default_factory=list)
    lock_summary: str = ""
    operations: Counter[str] = field(default_factory=Counter)

    @property
    def passed(self) -> bool:
        """Whether no guarantee was violated."""
        return not self.final_violations and not any(outcome.violations for outcome in self.outcomes)

    def lines(self) -> Iterator[str]:
        yield "| | points | kills | chunks repeated | recovered after, median s | p99 s | violations |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for victim in sorted({outcome.point.victim for outcome in self.outcomes}):
            yield _row(victim, [outcome for outcome in self.outcomes if outcome.point.victim == victim])
        for phase in sorted({outcome.point.phase for outcome in self.outcomes}):
            yield _row(f"during {phase}", [outcome for outcome in self.outcomes if outcome.point.phase == phase])
        yield _row("all", self.outcomes)
        if self.lock_summary:
            yield self.lock_summary
        yield "operations: " + ", ".join(f"{count} {name}" for name, count in sorted(self.operations.items()))
        for outcome in self.outcomes:
            if outcome.violations:
                yield f"again: --seed {self.seed} --first {outcome.point.number} --points 1"
                yield from (f"  {line}" for line in outcome.violations)
        yield from self.final_violations


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    seconds = np.asarray([outcome.recovered for outcome in outcomes] or [0.0])
    cells = [
        name,
        str(len(outcomes)),
        str(sum(outcome.killed for outcome in outcomes)),
        str(sum(outcome.repeated for outcome in outcomes)),
        f"{np.median(seconds):.1f}",
        f"{np.percentile(seconds, 99):.1f}",
        str(sum(len(outcome.violations) for outcome in outcomes)),
    ]
    return "| " + " | ".join(cells) + " |"
