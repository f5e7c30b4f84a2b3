"""Tables, images as data, and the document around its sections."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from mm.documents.style import STYLE
from mm.media.types import RGB

JPEG_QUALITY = 85
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def format_document(title: str, subtitle: str, sections: Sequence[str], *, style: str = "", policy: str = POLICY) -> str:
    """A whole HTML document; title and subtitle are escaped, sections and style are not.

    `policy` is its content security policy, `style` follows the common one.
    """
    escaped = escape(title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escaped}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<header><h1>{escaped}</h1>
<p>{escape(subtitle)}</p></header>
<main>{"".join(sections)}</main>
</body>
</html>
"""


def format_section(heading: str, *parts: str) -> str:
    """A section with a heading, which is escaped; empty without parts."""
    body = "".join(parts)
    return f"<section tabindex='0'><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of texts, which are escaped."""
    return format_html_table(columns, [[escape(cell) for cell in row] for row in rows])


def format_html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of HTML cells; the names of the columns are escaped."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def make_data_url(content: RGB | bytes, media_type: str = "image/jpeg") -> str:
    """Bytes of a media type, or an image as JPEG, as an address that holds its data."""
    if isinstance(content, np.ndarray):
        content = encode_jpeg(content)
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def encode_jpeg(image_HWC: RGB) -> bytes:
    """A JPEG file of an image, uint8 RGB (H, W, 3)."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", np.ascontiguousarray(image_HWC[..., ::-1]), parameters)[1].tobytes()
