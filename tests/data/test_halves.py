"""The halves of a split."""

from __future__ import annotations

from pathlib import Path

from mm.data.captioned_images import CaptionedImage
from mm.data.halves import select_half

ROWS = [CaptionedImage(Path(f"images/{number}.jpg"), ("A dog.",)) for number in range(400)]


def test_select_half_divides_images_by_their_names() -> None:
    first, second = select_half(ROWS, 0), select_half(ROWS, 1)
    assert sorted(row.path for row in (*first, *second)) == sorted(row.path for row in ROWS)
    assert 150 < len(first) < 250
    moved = [CaptionedImage(Path("elsewhere") / row.path.name, ("A cat.",)) for row in reversed(ROWS)]
    assert {row.path.name for row in select_half(moved, 0)} == {row.path.name for row in first}
    assert select_half(ROWS, None) == ROWS
