"""Text in images: what screening skips, what it misses, and the cost of each step.

An image has readable text when the recognizer, without screening, reads a line in it. Screening at
a size must skip the others and miss none of these. Text that is drawn on images without any shows
the same for letters of known height.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mm.errors import InvalidInput, MMError
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.models.ocr.dbnet import find_boxes
from mm.models.ocr.recognizer import DETECTION_SIDE, SCREENING_PROBABILITY, SCREENING_SIDE
from mm.spaces.encode.frames import longest_decoded_side
from mm.spaces.encode.ocr import MAX_SIDE
from mm.spaces.encode.text_regions import find_text_regions

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import RGB
    from mm.models.ocr.recognizer import TextRecognizer

SIDES = (256, 320, 480, 640)
"""Sizes at which images are screened by the boxes that are detected, in pixels of the longest
side."""
PROBABILITIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""The same by the probability of the likeliest pixel, at `SCREENING_SIDE`."""
IN_USE = f"probability {SCREENING_PROBABILITY:g} at {SCREENING_SIDE} pixels"
LETTER_HEIGHTS = (0.02, 0.03, 0.05, 0.08)
"""Heights of drawn letters, as shares of the longest side."""
WORDS = ("FERRY", "HARBOUR", "PLATFORM", "INVOICE", "GARDEN", "MARKET", "TICKET", "BRIDGE", "COPPER", "STATION")
IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jp2"))
FRAME_SIDE = 256
"""Shorter side of a sampled frame, as the image tower of `lite` has it."""
PROGRESS_IMAGES = 25


@dataclass(frozen=True, slots=True)
class ReadImage:
    """The results of one image."""

    texts: tuple[str, ...]
    """Its lines, read without screening."""
    is_kept: dict[str, bool]
    """Whether each kind of screening keeps it."""
    seconds: dict[str, float]
    """Processor time of each step: `cells`, `full`, and screening by its size; time of `decode`."""

    @property
    def is_readable(self) -> bool:
        return bool(self.texts)


def list_images(root: Path, limit: int) -> list[Path]:
    """Up to `limit` image files below a folder: a fixed random sample.

    Raises `InvalidInput` for a folder without images.
    """
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not files:
        raise InvalidInput(f"{root} has no image file.")
    chosen = np.random.default_rng(0).permutation(len(files))[:limit]
    return [files[index] for index in sorted(chosen)]


def evaluate(
    recognizer: TextRecognizer, reader: MediaReader, root: Path, limit: int, num_drawn: int, report: Callable[[str], None]
) -> list[Report]:
    """Read up to `limit` images of a folder with and without screening.

    Words are drawn on `num_drawn` of those without text, and read in the same way.

    Images that cannot be decoded are counted in a note. Raises `InvalidInput` for a folder without
    an image that can be decoded.
    """
    results: list[ReadImage] = []
    plain: list[RGB] = []
    failed: list[str] = []
    files = list_images(root, limit)
    for number, path in enumerate(files, 1):
        started = time.perf_counter()
        try:
            image = reader.image(path, path.name, longest=MAX_SIDE)
        except MMError as error:
            failed.append(str(error))
            continue
        results.append(_read(recognizer, image, time.perf_counter() - started))
        if not results[-1].is_readable:
            plain.append(image)
        if number % PROGRESS_IMAGES == 0:
            report(f"{number} of {len(files)} images")
    if not results:
        raise InvalidInput(f"None of the {len(files)} images below {root} can be decoded: {failed[0]}")
    notes = [f"{len(failed)} images could not be decoded: {failed[0]}"] if failed else []
    reports = [_report_screening(results, notes), _report_cost(results)]
    if plain[:num_drawn]:
        report("words drawn on images without text")
        reports.append(_report_drawn(recognizer, plain[:num_drawn]))
    return reports


def draw_text(image: RGB, share: float, seed: int) -> tuple[RGB, str]:
    """Draw a word in capital letters about `share` of the longest side high. Returns both."""
    rng = np.random.default_rng(seed)
    text = WORDS[int(rng.integers(len(WORDS)))]
    longest = max(image.shape[:2])
    font = ImageFont.load_default(max(share * longest / 0.7, 4))  # capitals are 0.7 of the size of this font
    drawn = Image.fromarray(image)
    draw = ImageDraw.Draw(drawn)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    space = (max(image.shape[1] - (right - left), 1), max(image.shape[0] - (bottom - top), 1))
    at = (int(rng.integers(space[0])) - left, int(rng.integers(space[1])) - top)
    ink, ground = (("white", "black"), ("black", "white"))[int(rng.integers(2))]
    draw.rectangle((at[0] + left - 4, at[1] + top - 4, at[0] + right + 4, at[1] + bottom + 4), fill=ground)
    draw.text(at, text, font=font, fill=ink)
    return np.asarray(drawn), text


def _read(recognizer: TextRecognizer, image: RGB, decode_seconds: float) -> ReadImage:
    seconds = {"decode": decode_seconds}
    frame = _as_frame(image)
    seconds["cells"] = _time(lambda: find_text_regions(frame))
    kept: dict[str, bool] = {}
    most = 0.0
    for side in SIDES:
        started = time.process_time()
        probabilities = recognizer.map_text(image, side)
        kept[f"boxes at {side} pixels"] = bool(find_boxes(probabilities, *image.shape[:2]))
        seconds[str(side)] = time.process_time() - started
        if side == SCREENING_SIDE:
            most = float(probabilities.max())
    kept |= {f"probability {least:g} at {SCREENING_SIDE} pixels": most >= least for least in PROBABILITIES}
    started = time.process_time()
    lines = recognizer.recognize(image, screening=False)
    seconds["full"] = time.process_time() - started
    return ReadImage(tuple(line.text for line in lines), kept, seconds)


def _as_frame(image: RGB) -> RGB:
    """The image at the size of a sampled frame."""
    height, width = image.shape[:2]
    scale = longest_decoded_side(width, height, FRAME_SIDE) / max(height, width)
    return np.asarray(Image.fromarray(image).resize((max(round(width * scale), 1), max(round(height * scale), 1))))


def _time(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _report_screening(results: Sequence[ReadImage], notes: Sequence[str]) -> Report:
    readable = [result for result in results if result.is_readable]
    plain = [result for result in results if not result.is_readable]
    letters = np.array([sum(map(len, result.texts)) for result in readable], float)
    measures: list[Measure] = []
    for kind in results[0].is_kept:
        name = f"screening by {kind}{', in use' if kind == IN_USE else ''}"
        if plain:
            skipped = np.array([not result.is_kept[kind] for result in plain])
            measures.append(Measure(f"{name}: images without text that are skipped", bootstrap(skipped)))
        if readable:
            missed = np.array([not result.is_kept[kind] for result in readable])
            measures.append(Measure(f"{name}: images with text that are missed", bootstrap(missed), is_higher_better=False))
            lost = bootstrap(missed * letters / letters.mean())
            measures.append(Measure(f"{name}: letters that are missed", lost, is_higher_better=False))
    of = f"{len(results):,} images, {len(readable):,} with text that is readable at {DETECTION_SIDE} pixels"
    return Report(of, tuple(measures), tuple(notes))


def _report_cost(results: Sequence[ReadImage]) -> Report:
    names = {"decode": f"decode at {MAX_SIDE} pixels, in a process of its own", "cells": "cells of a sampled frame"}
    names |= {str(side): f"detect at {side} pixels" for side in SIDES}
    names["full"] = f"detect at {DETECTION_SIDE} pixels and recognize"
    measures = [
        Measure(
            f"milliseconds: {title}", bootstrap(np.array([1000 * result.seconds[name] for result in results])), is_share=False
        )
        for name, title in names.items()
    ]
    screened = [
        result.seconds[str(SCREENING_SIDE)] + (result.seconds["full"] if result.is_kept[IN_USE] else 0.0) for result in results
    ]
    measures.append(
        Measure("milliseconds: an image as it is read, after decoding", bootstrap(1000 * np.array(screened)), is_share=False)
    )
    return Report("Cost of an image: processor time, of decoding time", tuple(measures))


def _report_drawn(recognizer: TextRecognizer, images: Sequence[RGB]) -> Report:
    measures = []
    for share in LETTER_HEIGHTS:
        found, read = [], []
        for seed, image in enumerate(images):
            drawn, text = draw_text(image, share, seed)
            found.append(recognizer.may_have_text(drawn))
            lines = recognizer.recognize(drawn, screening=False)
            read.append(any(text in line.text.upper() for line in lines))
        height = f"capital letters of {100 * share:g} % of the longest side"
        measures.append(Measure(f"{height}: kept by screening", bootstrap(np.array(found))))
        measures.append(Measure(f"{height}: read without screening", bootstrap(np.array(read))))
    return Report(f"A word drawn on {len(images):,} images without text", tuple(measures))
