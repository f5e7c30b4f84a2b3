"""Defects are traced inside loose regions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm.errors import NotMeasurable
from mm.metrology.measure import measure
from mm.metrology.scale import Scale
from mm.metrology.tracing import trace

SCALE = Scale(0.02, 0.00002, None, "length")


def render(sign: int, *, edge: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image with a line of 60 px, its mask, and a region of patches around it."""
    image = np.random.default_rng(seed).normal(120, 3, (240, 240))
    if edge:
        image[:, 150:] -= 60  # the straight edge of a part
    line = np.zeros((240, 240), np.uint8)
    cv2.line(line, (80, 100), (140, 100), 255, 3, cv2.LINE_AA)
    image += sign * 60.0 * (line / 255)
    region = np.zeros((240, 240), bool)
    region[72:136, 64:168] = True
    return np.clip(np.rint(cv2.GaussianBlur(image, (0, 0), 0.6)), 0, 255).astype(np.uint8), line > 127, region


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("edge", [False, True])
def test_trace_finds_a_line_in_a_loose_region_and_its_length(sign: int, edge: bool) -> None:
    image, line, region = render(sign, edge=edge)
    mask = trace(region, image)
    near = cv2.dilate(line.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    assert (mask & line).sum() > 0.8 * line.sum()
    assert not (mask & ~near).any()
    assert measure(mask, image, SCALE).length.value == pytest.approx(62 * 0.02, rel=0.05)


def test_trace_follows_a_line_that_leaves_the_region() -> None:
    image, line, region = render(1)
    region[:, 132:] = False
    assert (trace(region, image) & line).sum() > 0.8 * line.sum()


def test_trace_finds_a_blob_that_fills_most_of_the_region() -> None:
    image = np.random.default_rng(1).normal(120, 3, (200, 200))
    cv2.circle(image, (100, 100), 22, 60, -1)
    region = np.zeros((200, 200), bool)
    region[72:128, 72:128] = True
    mask = trace(region, np.clip(image, 0, 255).astype(np.uint8))
    assert mask.sum() == pytest.approx(np.pi * 22**2, rel=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_trace_of_noise_alone_is_refused(seed: int) -> None:
    image = np.clip(np.random.default_rng(seed).normal(120, 5, (240, 240)), 0, 255).astype(np.uint8)
    with pytest.raises(NotMeasurable, match="times the noise"):
        trace(render(1)[2], image)


def test_trace_without_pixels_or_background_is_refused() -> None:
    image = np.full((40, 40), 100, np.uint8)
    with pytest.raises(NotMeasurable, match="no pixels"):
        trace(np.zeros((40, 40), bool), image)
    with pytest.raises(NotMeasurable, match="no pixels"):
        trace(np.ones((30, 40), bool), image)
    with pytest.raises(NotMeasurable, match="too little background"):
        trace(np.ones((40, 40), bool), image)
