"""`/v1/scales`, over HTTP and with the client."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mm.errors import Conflict, InvalidInput, MissingScale, NotFound, UnsupportedMedia
from mm.metrology.store import ScaleStore
from mm.schemas import BoardPictures, KnownLength
from tests.api import media
from tests.api.conftest import assert_problem
from tests.api.inspection.conftest import InspectionServer, encode_png
from tests.lesions.dicom_files import make_region, write_dicom

pytestmark = pytest.mark.xdist_group("inspection API")

LENGTH = KnownLength(length_mm=20.0, start=(10.0, 40.0), end=(1010.0, 40.0))
SQUARE_PX = 24


def draw_board(columns: int, rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    cells = (np.indices((rows, columns)).sum(0) % 2 * 255).astype(np.uint8)
    board = cv2.copyMakeBorder(
        np.kron(cells, np.ones((SQUARE_PX, SQUARE_PX), np.uint8)), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255
    )
    return np.repeat(np.asarray(cv2.GaussianBlur(board, (0, 0), 0.8), np.uint8)[..., None], 3, 2)


def test_scale_of_a_known_length_is_stored_once(server: InspectionServer) -> None:
    scales = server.client.scales
    added = scales.add("camera-1", length=LENGTH, tilt_degrees=2.0, area=[(0, 0), (100, 0), (0, 100)])
    assert added.mm_per_px == pytest.approx(0.02)
    assert (added.source, added.tilt_degrees, added.has_lens) == ("length", 2.0, False)
    assert scales.get("camera-1") == added
    assert added in scales.list()
    assert ScaleStore(server.context.settings.root).load("camera-1").mm_per_px == added.mm_per_px
    with pytest.raises(Conflict):
        scales.add("camera-1", length=LENGTH)
    scales.delete("camera-1")
    with pytest.raises(NotFound):
        scales.get("camera-1")
    with pytest.raises(NotFound):
        scales.delete("camera-1")
    assert server.actions("camera-1") == ["scale.add", "scale.delete"]


def test_scale_of_a_board_is_measured_in_images_of_the_library(server: InspectionServer) -> None:
    board = server.add(encode_png(draw_board(9, 7)), "board.png")
    added = server.client.scales.add("board", board=BoardPictures(items=[board], columns=9, rows=7, square_mm=1.2))
    assert added.mm_per_px == pytest.approx(1.2 / SQUARE_PX, rel=0.01)
    assert (added.source, added.has_lens) == ("checkerboard", True)
    assert added.area is not None


def test_invalid_scales_are_refused(server: InspectionServer, good: list[str]) -> None:
    scales = server.client.scales
    audio = server.add(media.audio(pitch=500.0), "b.wav")
    for options in (
        {},
        {"length": KnownLength(length_mm=1.0, start=(0.0, 0.0), end=(1.0, 0.0))},
        {"board": BoardPictures(items=[good[0]], columns=9, rows=7, square_mm=1.0)},
        {"board": BoardPictures(items=[audio], columns=9, rows=7, square_mm=1.0)},
    ):
        with pytest.raises(InvalidInput):
            scales.add("bad", **options)
    with pytest.raises(NotFound):
        scales.add("bad", board=BoardPictures(items=["f" * 32], columns=9, rows=7, square_mm=1.0))
    assert_problem(server.api.client.get("/v1/scales/%2e%2e%2fa"), 404, "not-found")
    assert "bad" not in [scale.name for scale in scales.list()]


def test_scale_of_a_dicom_file_is_that_of_a_region_and_the_file_is_deleted(server: InspectionServer, tmp_path: Path) -> None:
    regions = [make_region((0, 0, 59, 59), delta=0.005), make_region((60, 0, 119, 59), delta=0.01)]
    path = write_dicom(tmp_path / "clip.dcm", np.full((1, 60, 120), 90, np.uint8), regions)
    scales, scratch = server.client.scales, server.api.service.scratch
    before = set(scratch.iterdir())
    added = scales.add_dicom("probe", path, region=2)
    assert (added.mm_per_px, added.source) == (pytest.approx(0.1), "dicom")
    assert added.area is not None
    assert added.area[0] == (60, 0)
    with pytest.raises(Conflict):
        scales.add_dicom("probe", path)
    with pytest.raises(MissingScale, match="There is no region 3"):
        scales.add_dicom("third", path, region=3)
    with pytest.raises(UnsupportedMedia):
        scales.add_dicom("third", b"no DICOM file")
    assert set(scratch.iterdir()) == before
    scales.delete("probe")
