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
    for name, value in (("WIDTH", 600), ("HEIGHT", 450), ("NUM_MOTIFS", 2), ("BATCH", 2)):
        monkeypatch.setattr(photos, name, value)


@pytest.mark.usefixtures("small")
def test_photos_run_measures_every_photo_with_every_method(tmp_path: Path, graphs: Path) -> None:
    report = photos.run(3, home=with_graphs(tmp_path, graphs))
    assert [result.photos for result in report.methods] == [3] * 4
    assert all(result.peak >= 0 and len(result.rates) == 2 for result in report.methods)
    assert len(report.lines()) == 3 + 4


@pytest.mark.usefixtures("small")
def test_make_photo_has_unique_bytes_and_the_pixels_of_its_motif() -> None:
    motif, other = photos.make_motifs(0)
    assert motif != other
    assert [motif, other] == photos.make_motifs(0)
    assert photos.make_photo(motif, 1) != photos.make_photo(motif, 2)
    pixels = [np.asarray(Image.open(io.BytesIO(data))) for data in (motif, photos.make_photo(motif, 7))]
    assert np.array_equal(*pixels)
