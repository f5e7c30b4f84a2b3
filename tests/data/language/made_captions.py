"""Captioned images whose captions are made from parts: enough for every kind of question."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from mm.data.captioned_images import CaptionedImage
from mm.data.language.sources import SourcePool

SUBJECTS = ("dog", "man", "woman", "girl", "boy", "horse", "cat", "cyclist")
ACTIONS = ("running", "standing", "resting", "jumping", "turning")
OBJECTS = ("ball", "tent", "umbrella", "bench", "kite", "guitar", "boat", "car")
PLACES = ("in the snow", "on the beach", "near a river", "in a park")
COLOURS = ("red", "blue", "black", "yellow")


def make_images(split: str, count: int = 150) -> list[CaptionedImage]:
    """Images with five captions each that agree on what is there."""
    draw = random.Random(split)
    images = []
    for number in range(count):
        subject, action, thing = draw.choice(SUBJECTS), draw.choice(ACTIONS), draw.choice(OBJECTS)
        place, colour, size = draw.choice(PLACES), draw.choice(COLOURS), draw.choice(("big", "small", "lively"))
        several = draw.random() < 0.3
        plural = {"man": "men", "woman": "women"}.get(subject, f"{subject}s")
        who, be = (f"{draw.choice(('two', 'three'))} {plural}", "are") if several else (f"a {subject}", "is")
        captions = (
            f"{who.capitalize()} {be} {action} with a {colour} {thing} {place} .",
            f"{who.capitalize()} {be} {action} {place} .",
            f"{who.capitalize()} {be} next to a {colour} {thing} .",
            f"{who.capitalize()} {be} {action} near a {thing} .",
            f"{who.capitalize()} and a {size} {colour} {thing} {place} .",
        )
        images.append(CaptionedImage(Path(f"{split}{number}_x.jpg"), captions))
    return images


@cache
def make_pool(split: str) -> SourcePool:
    """The sources of a split."""
    return SourcePool(make_images(split))
