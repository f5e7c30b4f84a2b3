"""Marks by part: what a person says of each image, all marks of it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm.inspection.marks.types import Mark
from mm.inspection.types import Mask


@dataclass(frozen=True, slots=True)
class MarkedPart:
    """An image and the marks that count: the last verdict, and the outlines that agree with it."""

    image: str
    group: str
    is_good: bool
    marks: tuple[Mark, ...]

    @property
    def has_outline(self) -> bool:
        return any(mark.has_outline for mark in self.marks)

    def draw_masks(self, height: int, width: int) -> list[tuple[Mask, str | None]]:
        """The marked pixels (H, W) of each mark that has an outline, and its kind."""
        return [(mark.draw_mask(height, width), mark.kind) for mark in self.marks if mark.has_outline]


def collect_parts(marks: Sequence[Mark]) -> list[MarkedPart]:
    """The parts of marks in force, which are in the order in which they were made.

    A later verdict replaces an earlier one: outlines that were drawn before the part was accepted
    do not count. The group is that of the last mark.
    """
    by_image: dict[str, list[Mark]] = {}
    for mark in marks:
        own = by_image.setdefault(mark.image, [])
        if own and own[-1].verdict != mark.verdict:
            own.clear()
        own.append(mark)
    return [MarkedPart(image, own[-1].group_name, own[-1].verdict == "accept", tuple(own)) for image, own in by_image.items()]


def count_observations(marks: Sequence[Mark]) -> tuple[int, int]:
    """False alarms and confirmed good parts, as `thresholds.binomial.add_observations` takes them.

    Marks count whose verdict of the inspector is known. The rate holds if parts were chosen for
    review without regard to that verdict: it is too high if only failed parts are reviewed.
    """
    confirmed = [part.marks[-1] for part in collect_parts(marks) if part.is_good and part.marks[-1].inspected is not None]
    return sum(mark.inspected == "fail" for mark in confirmed), len(confirmed)


def count_catches(marks: Sequence[Mark]) -> tuple[int, int]:
    """Parts confirmed as defective that did not pass, and all of them; as `count_observations`."""
    confirmed = [part.marks[-1] for part in collect_parts(marks) if not part.is_good and part.marks[-1].inspected is not None]
    return sum(mark.inspected != "pass" for mark in confirmed), len(confirmed)
