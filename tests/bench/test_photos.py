"""`mm bench photos` on a few small photos."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from mm.bench.ingest import photos
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WIDTH", 600), ("HEIGHT", 450), ("MOTIFS", 2), ("BATCH", 2)):
        monkeypatch.setattr(photos, name, value)


@pytest.mark.usefixtures("small")
def test_every_way_takes_every_photo(tmp_path: Path, graphs: Path) -> None:
    report = photos.run(3, home=with_graphs(tmp_path, graphs))
    assert [way.photos for way in report.ways] == [3] * 4
    assert all(way.peak >= 0 and len(way.rates) == 2 for way in report.ways)
    assert len(report.lines()) == 3 + 4


@pytest.mark.usefixtures("small")
def test_photos_have_bytes_of_their_own_and_the_picture_of_their_motif() -> None:
    motif, other = photos.motifs(0)
    assert motif != other
    assert [motif, other] == photos.motifs(0)
    assert photos.photo(motif, 1) != photos.photo(motif, 2)
    shown = [np.asarray(Image.open(io.BytesIO(data))) for data in (motif, photos.photo(motif, 7))]
    assert np.array_equal(*shown)
