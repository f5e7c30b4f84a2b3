"""Report of `mm bench crash --library-faults`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class FaultOutcome(BaseModel):
    """One fault on one copy of a library, as `python -m indexes.bench.library_faults` prints it."""

    fault: str
    number: int
    running: bool
    """Whether the fault was caused while the library was open."""
    repair: str = Field(alias="way")
    """The repair of the library."""
    refused: bool
    """Whether the library could not be opened until the repair."""
    violations: list[str]

    def line(self) -> str:
        result = "ok" if not self.violations else f"{len(self.violations)} VIOLATIONS"
        start = "start refused" if self.refused else "started"
        when = "while open" if self.running else "at rest"
        return f"{self.number:4d} {self.fault:<26} {when:<10} {start:<13} {self.repair:<8} {result}"


@dataclass
class FaultReport:
    """All outcomes, further violations, and the result of a rebuilt and processed library."""

    seed: int
    outcomes: list[FaultOutcome] = field(default_factory=list)
    final_violations: list[str] = field(default_factory=list)
    rebuild_summary: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing was lost."""
        return not self.final_violations and not any(outcome.violations for outcome in self.outcomes)

    def lines(self) -> Iterator[str]:
        yield "| fault | points | while the library was open | start refused | repaired by | lost |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for fault in dict.fromkeys(outcome.fault for outcome in self.outcomes):
            yield _row(fault, [outcome for outcome in self.outcomes if outcome.fault == fault])
        yield _row("all", self.outcomes)
        if self.rebuild_summary:
            yield self.rebuild_summary
        for outcome in self.outcomes:
            if outcome.violations:
                yield f"again: --library-faults 1 --seed {self.seed} --first {outcome.number}: {outcome.fault}"
                yield from (f"  {line}" for line in outcome.violations)
        yield from self.final_violations


def _row(label: str, outcomes: Sequence[FaultOutcome]) -> str:
    names = dict.fromkeys(outcome.repair for outcome in outcomes)
    repairs = ", ".join(f"{name} {sum(outcome.repair == name for outcome in outcomes)}" for name in names)
    cells = [
        label,
        str(len(outcomes)),
        str(sum(outcome.running for outcome in outcomes)),
        str(sum(outcome.refused for outcome in outcomes)),
        repairs,
        str(sum(len(outcome.violations) for outcome in outcomes)),
    ]
    return "| " + " | ".join(cells) + " |"
