"""Runs a line: source, inspector, decisions and deliveries, each in its own thread."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING

import structlog

from mm.errors import MMError
from mm.line.decision import decide, false_alarm_bound
from mm.line.feeding import IdFeeder, TrackedFeeder
from mm.line.part_book import FrameResult, PartBook, PartState
from mm.line.records.outbox import Outbox
from mm.line.types import MAX_REGIONS, CaughtUp, FoundRegion, LineCounts, PartRecord, SourceFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mm.inspection.types import Inspector
    from mm.line.config import LineConfig
    from mm.line.records.ledger import Ledger
    from mm.line.sinks.sink import Sink
    from mm.line.sources.source import Source
    from mm.media.types import RGB

log = structlog.get_logger()
INTERRUPTED = "The line was interrupted while the part was inside."
MISSING = "The frames of the part are no longer at the source after an interruption."


class Line:
    """One line. `run` may be called once.

    Each part that enters gets exactly one verdict, also when a process is killed in between: the
    journal holds its entry. A file or folder is read again, the parts of a camera are UNDECIDED.
    """

    def __init__(
        self,
        config: LineConfig,
        source: Source,
        inspector: Inspector,
        ledger: Ledger,
        folder: Path,
        sinks: Sequence[Sink] = (),
        on_verdict: Callable[[PartRecord], None] = lambda record: None,
        empty_image: RGB | None = None,
    ) -> None:
        """`ledger` was opened with the names of `sinks`; `folder` holds the background."""
        self._config, self._source, self._inspector, self._ledger = config, source, inspector, ledger
        self._on_verdict = on_verdict
        self._book = PartBook(config.pending_frames)
        self._outbox = Outbox(ledger, sinks)
        self.counts = LineCounts()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._bound = false_alarm_bound(inspector.threshold, config.fail_share)
        self._start = self._ledger.position(source.key) or 0.0
        self._feeder: TrackedFeeder | IdFeeder
        if source.has_part_ids:
            self._feeder = IdFeeder(config, source, self._book, ledger, self.counts)
        else:
            region = sha256(repr(config.region).encode()).hexdigest()[:8]
            background = folder / f"background-{source.key}-{region}.npy"
            self._feeder = TrackedFeeder(
                config, source, self._book, ledger, self.counts, background, self._start, empty_image
            )  # fmt: skip

    def stop(self) -> None:
        """End `run` soon. Parts inside a live source become UNDECIDED, others are read again."""
        self._stop.set()

    def run(self, drain_seconds: float = 5.0) -> LineCounts:
        """Process the source to its end, or until `stop`.

        Waits `drain_seconds` at the end for sinks that have not accepted all verdicts; the next run
        sends the rest. Raises the errors of the source, and `StorageFull`.
        """
        self._decide_interrupted()
        inspecting = threading.Thread(target=self._guard, args=(self._inspect_frames,), name="line-inspector", daemon=True)
        deciding = threading.Thread(target=self._guard, args=(self._decide_parts,), name="line-decider")
        inspecting.start()
        deciding.start()
        self._outbox.start()
        try:
            self._read_source()
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._book.close()
            deciding.join()
            self._outbox.stop(drain_seconds)
        if self._error is not None:
            raise self._error
        return self.counts

    def _read_source(self) -> None:
        recovering: set[str] = set(self._ledger.open_parts)  # of an earlier run
        with closing(self._source.items(self._start, self._stop, self._ledger.is_decided)) as items:  # type: ignore[type-var]
            for item in items:
                self.counts.frames += isinstance(item, SourceFrame)
                self.counts.lost = self._source.num_lost
                self._feeder.feed(item, self._stop)
                if isinstance(item, CaughtUp):
                    self._decide_missing(recovering)
        self.counts.lost = self._source.num_lost
        if not self._stop.is_set():
            self._feeder.finish("end of source")
            self._book.wait_until_decided(self._stop)
            self._decide_missing(recovering)
        elif self._source.is_live:
            self._feeder.finish("interrupted")

    def _decide_interrupted(self) -> None:
        """Decide the parts of an earlier run whose frames cannot be read again."""
        for part, entered in self._ledger.open_parts.items():
            is_readable = self._source.has_part_ids or part.startswith(f"{self._source.key}:")
            if self._source.is_live or not is_readable:
                self._write(self._undecided(part, entered, INTERRUPTED))

    def _decide_missing(self, recovering: set[str]) -> None:
        for part, entered in self._ledger.open_parts.items():
            if part in recovering and not self._book.contains(part):
                self._write(self._undecided(part, entered, MISSING))
        recovering.clear()

    def _inspect_frames(self) -> None:
        while (frame := self._book.take()) is not None:
            try:
                inspection = self._inspector.inspect(frame.image, frame.mask_HW)
            except MMError as error:
                self._book.finish(frame, str(error))
            except Exception as error:  # noqa: BLE001 - one frame must not end the line: its part is UNDECIDED
                log.error("inspection failed", part=frame.part, error=repr(error))
                self._book.finish(frame, f"The inspection failed with {type(error).__name__}.")
            else:
                self._book.finish(frame, FrameResult(inspection, frame.offset))

    def _decide_parts(self) -> None:
        while (state := self._book.take_due()) is not None:
            if self._stop.is_set() and not self._source.is_live and state.num_dropped:
                self._book.remove(state.part)  # stopped before its frames were inspected: the next run reads it again
                continue
            self._write(self._record_of(state))
            self._book.remove(state.part)

    def _record_of(self, state: PartState) -> PartRecord:
        decision = decide(
            [result.inspection.verdict for result in state.results], self._config.min_inspected, self._config.fail_share
        )
        verdict, reason = decision.verdict, decision.reason
        if state.forced_reason:
            verdict, reason = "UNDECIDED", state.forced_reason
        elif verdict == "UNDECIDED" and state.errors:
            reason = f"{reason} {state.errors[0]}"
        elif verdict == "UNDECIDED" and state.num_dropped and len(state.results) < self._config.min_inspected:
            deadline = self._config.deadline_seconds
            limit = "the line was stopped" if deadline is None else f"the deadline of {deadline:g} s"
            reason = f"There was no verdict before {limit}."
        elif verdict == "UNDECIDED" and not state.num_frames:
            reason = "The part was never entirely inside the region."
        worst = max(state.results, key=lambda result: result.inspection.score, default=None)
        return PartRecord(
            part=state.part,
            line=self._config.name,
            verdict=verdict,
            reason=reason,
            score=_finite(worst.inspection.score) if worst else None,
            p_value=_finite(worst.inspection.p_value) if worst else None,
            num_frames=state.num_frames,
            num_inspected=len(state.results),
            num_failed=sum(result.inspection.verdict == "fail" for result in state.results),
            num_dropped=state.num_dropped,
            false_alarm_bound=self._bound,
            entered=state.entered,
            left=state.left if state.left is not None else state.entered,
            decided=datetime.now(UTC).isoformat(timespec="milliseconds"),
            latency_seconds=max(0.0, time.monotonic() - state.last_received),
            inspector=self._inspector.name,
            version=self._inspector.version,
            regions=_regions_of(worst) if worst else (),
        )

    def _undecided(self, part: str, entered: float, reason: str) -> PartRecord:
        state = PartState(part, entered, entered, time.monotonic(), left=entered, forced_reason=reason)
        return self._record_of(state)

    def _write(self, record: PartRecord) -> None:
        position = None
        if isinstance(self._feeder, TrackedFeeder) and not self._source.is_live:
            position = self._book.resume_position(self._feeder.idle_since, record.part)
        numbered = self._ledger.decide(record, self._source.key, position)
        if numbered is not None:
            self.counts.verdicts[numbered.verdict] += 1
            self._on_verdict(numbered)

    def _guard(self, work: Callable[[], None]) -> None:
        """Run the work of a thread; an error ends the line and is raised by `run`."""
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of `run`
            self._error = error
            self._stop.set()


def _finite(value: float) -> float | None:
    """The value, None where JSON has no number for it."""
    return float(value) if isfinite(value) else None


def _regions_of(result: FrameResult) -> tuple[FoundRegion, ...]:
    x, y = result.offset
    return tuple(
        FoundRegion(
            tuple((round(float(px) + x, 1), round(float(py) + y, 1)) for px, py in region.polygon_P2),
            float(region.area_px),
            float(region.score),
            region.kind,
        )
        for region in result.inspection.regions[:MAX_REGIONS]
    )
