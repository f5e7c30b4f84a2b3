"""Captioned images of colours and stripes, small enough to train on in a test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mm.data.sentences import embed_sentences, imagenet_class_sentences

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220), "yellow": (230, 220, 40)}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run torch in one thread: small tensors gain nothing from more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def captioned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of train and four of dev; the last has one caption only."""
    folder = tmp_path_factory.mktemp("captioned")
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for index in range(16):
        name, colour = list(COLOURS.items())[index % 4]
        picture = np.clip(np.array(colour) + random.normal(0, 20, (48, 64, 3)), 0, 255).astype(np.uint8)
        picture[:: 4 + index % 3] //= 2
        Image.fromarray(picture).save(folder / "images" / f"{index}.png")
        captions = [f"A {name} wall with stripes .", f"Stripes on {name} number {index} ."]
        rows.append({"image": f"{index}.png", "captions": captions, "split": "train" if index < 12 else "dev"})
    rows[-1]["captions"] = rows[-1]["captions"][:1]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="session")
def class_vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the class vectors, computed once for all runs."""
    path = tmp_path_factory.mktemp("vectors") / "classes.npz"
    embed_sentences(imagenet_class_sentences(), path)
    return path
