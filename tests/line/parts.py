"""Records of parts for tests of the journal and the sinks."""

from __future__ import annotations

from dataclasses import replace

from mm.line.types import FoundRegion, LineVerdict, PartRecord

RECORD = PartRecord(
    part="part-1",
    line="press",
    verdict="FAIL",
    reason="2 of 3 inspected frames fail.",
    score=1.25,
    p_value=0.02,
    num_frames=4,
    num_inspected=3,
    num_failed=2,
    num_dropped=1,
    false_alarm_bound=0.1,
    entered=1.5,
    left=2.5,
    decided="2026-01-02T03:04:05.678+00:00",
    latency_seconds=0.04,
    inspector="spots",
    version=3,
    regions=(FoundRegion(((1.0, 2.0), (3.0, 2.0), (3.0, 4.0)), 12.0, 0.9, "spot"),),
)


def record(part: str, verdict: LineVerdict = "FAIL") -> PartRecord:
    return replace(RECORD, part=part, verdict=verdict, reason="" if verdict == "PASS" else RECORD.reason)
