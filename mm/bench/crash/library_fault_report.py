"""What a run of library faults saw, as lines and a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class FaultOutcome(BaseModel):
    """One fault on one copy of a library, as `python -m indexes.bench.library_faults` prints it."""

    fault: str
    number: int
    running: bool
    """Whether it happened while the library was open."""
    way: str
    """How it was mended."""
    refused: bool
    """Whether the library was not opened as long as the fault was there."""
    violations: list[str]

    def line(self) -> str:
        fate = "ok" if not self.violations else f"{len(self.violations)} VIOLATIONS"
        start = "start refused" if self.refused else "started"
        when = "while open" if self.running else "at rest"
        return f"{self.number:4d} {self.fault:<26} {when:<10} {start:<13} {self.way:<8} {fate}"


@dataclass
class FaultReport:
    """All points. `late` is what was found beside them, `encoded` what became of a library that was
    rebuilt and processed."""

    seed: int
    outcomes: list[FaultOutcome] = field(default_factory=list)
    final_violations: list[str] = field(default_factory=list)
    encoded: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing was lost."""
        return not self.final_violations and not any(outcome.violations for outcome in self.outcomes)

    def lines(self) -> Iterator[str]:
        yield "| fault | points | while the library was open | start refused | mended by | lost |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for fault in dict.fromkeys(outcome.fault for outcome in self.outcomes):
            yield _row(fault, [outcome for outcome in self.outcomes if outcome.fault == fault])
        yield _row("all", self.outcomes)
        if self.encoded:
            yield self.encoded
        for outcome in self.outcomes:
            if outcome.violations:
                yield f"again: --library-faults 1 --seed {self.seed} --first {outcome.number}: {outcome.fault}"
                yield from (f"  {line}" for line in outcome.violations)
        yield from self.final_violations


def _row(name: str, outcomes: Sequence[FaultOutcome]) -> str:
    ways = dict.fromkeys(outcome.way for outcome in outcomes)
    mended = ", ".join(f"{way} {sum(outcome.way == way for outcome in outcomes)}" for way in ways)
    cells = [
        name,
        str(len(outcomes)),
        str(sum(outcome.running for outcome in outcomes)),
        str(sum(outcome.refused for outcome in outcomes)),
        mended,
        str(sum(len(outcome.violations) for outcome in outcomes)),
    ]
    return "| " + " | ".join(cells) + " |"
