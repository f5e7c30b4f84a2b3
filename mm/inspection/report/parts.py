"""Sizes of regions as text."""

from __future__ import annotations

from mm.metrology import Measured
from mm.schemas import MeasuredValue, RegionRecord


def format_region(region: RegionRecord) -> str:
    """Kind and sizes of a region, or why it has none."""
    kind = f"{region.kind}: " if region.kind else ""
    if region.measures is None:
        reason = f"; {region.notes[0]}" if region.notes else ""
        return f"{kind}{region.area_px:.0f} px² of heat{reason}"
    sizes = region.measures
    notes = f"; {', '.join(region.notes)}" if region.notes else ""
    return f"{kind}length {format_value(sizes.length)}, width {format_value(sizes.width)}, area {format_value(sizes.area)}{notes}"


def format_value(measured: MeasuredValue) -> str:
    """For instance `0.312 ± 0.010 mm (k = 2)`."""
    return str(Measured(measured.value, measured.expanded, measured.unit, {}, measured.k))
