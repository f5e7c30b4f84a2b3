"""Values of a line of parts: what sources produce, and the record that sinks receive.

Times of a source are seconds on its own clock: the presentation clock of a video file, seconds
since 1970 (UTC) of a folder or a camera.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mm.media.types import RGB

LineVerdict = Literal["PASS", "FAIL", "UNDECIDED"]
PART_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
"""Ids start with a letter or digit, so that no spreadsheet takes one for a formula."""
MAX_REGIONS = 20  # of the worst frame of a part, in its record


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame:
    """One frame of a source."""

    time: float
    image: RGB
    received: float  # time.monotonic() when the frame arrived
    part: str = ""  # id of the part that the frame shows; empty where the tracker finds the parts


@dataclass(frozen=True, slots=True)
class PartEnd:
    """No further frame of a part with an external id follows."""

    part: str
    time: float


@dataclass(frozen=True, slots=True)
class UnreadableFrame:
    """An image of a part with an external id that cannot be read, and the reason."""

    part: str
    time: float
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """The source was interrupted; parts inside before it may have left unseen."""

    time: float
    seconds: float  # since the last frame
    is_over: bool = True  # a frame follows; otherwise the source is still interrupted


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A source that can be read again has delivered everything that was there at the start."""

    time: float


SourceItem = SourceFrame | PartEnd | UnreadableFrame | Gap | CaughtUp


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region of the worst frame; coordinates are pixels of the frame of the source."""

    polygon: tuple[tuple[float, float], ...]
    area_px: float
    score: float
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class PartRecord:
    """The verdict of one part, as the journal holds it and sinks receive it."""

    part: str
    line: str
    verdict: LineVerdict
    reason: str  # one sentence; empty for PASS
    score: float | None  # of the worst inspected frame; None when no frame was inspected
    p_value: float | None  # of the same frame
    num_frames: int  # that the source delivered while the part was inside
    num_inspected: int
    num_failed: int  # inspected frames with the verdict "fail"
    num_dropped: int  # frames that were not inspected because the inspector was busy
    false_alarm_bound: float | None  # largest share of good parts that fail, see `mm.line.decision`
    entered: float
    left: float
    decided: str  # UTC, ISO 8601
    latency_seconds: float  # from the arrival of the last frame of the part to the verdict
    inspector: str
    version: int
    regions: tuple[FoundRegion, ...] = ()
    sequence: int = 0  # position in the journal, from 1; 0 before it is written

    @property
    def is_reject(self) -> bool:
        """Whether the part is to be taken off the line: all but PASS."""
        return self.verdict != "PASS"

    def as_json(self) -> dict[str, object]:
        """The form that the journal and the sinks use."""
        return {**asdict(self), "reject": self.is_reject}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> PartRecord:
        """Read what `as_json` returned. Raises `KeyError`, `TypeError`, `ValueError`."""
        fields = {key: item for key, item in value.items() if key != "reject"}
        regions = fields.pop("regions", ())
        if not isinstance(regions, list | tuple):
            raise TypeError("regions are not a list")
        parsed = tuple(
            FoundRegion(
                tuple((float(x), float(y)) for x, y in region["polygon"]), region["area_px"], region["score"], region["kind"]
            )
            for region in regions
        )
        return cls(**fields, regions=parsed)  # type: ignore[arg-type]


@dataclass(slots=True)
class LineCounts:
    """Counters of one run of a line."""

    frames: int = 0
    dropped: int = 0
    lost: int = 0  # by the source, before they were decoded
    reconnects: int = 0
    late_frames: int = 0  # of parts that have their verdict
    repeated_parts: int = 0  # parts of a previous run, which keep their verdict
    verdicts: dict[LineVerdict, int] = field(default_factory=lambda: {"PASS": 0, "FAIL": 0, "UNDECIDED": 0})


def make_part_id(text: str) -> str:
    """Return a valid part id for any text; equal texts give equal ids, others differ.

    Characters that ids exclude are replaced, and then a hash of the text is appended.
    """
    if PART_ID.fullmatch(text):
        return text
    cleaned = re.sub(r"[^A-Za-z0-9._:-]", "_", text).lstrip("._:-")[:150]
    return f"{cleaned or 'part'}-{sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"
