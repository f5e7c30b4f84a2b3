"""Names and types of the files that exports write."""

from __future__ import annotations

TRACKS = "tracks.webm"
CONTENT_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".png": "image/png",
    ".webm": "video/webm",
    ".dcm": "application/dicom",
}
"""By the suffix of an export."""
