"""Pieces of the report: tables, sizes of regions, and images as data."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from mm.inspection.exports.drawing import encode_jpeg
from mm.media.types import RGB
from mm.metrology import Measured
from mm.schemas import MeasuredValue, RegionRecord


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of texts, which are escaped."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


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


def make_data_url(content: RGB | bytes, media_type: str = "image/jpeg") -> str:
    """Bytes of a media type, or an image as JPEG, as an address that holds its data."""
    if isinstance(content, np.ndarray):
        content = encode_jpeg(content)
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
