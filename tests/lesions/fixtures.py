"""Rendered ultrasound images, and lesion networks with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np

from mm.data.ultrasound_sweeps import SweepSettings, render_sweep
from mm.lesions.segmentation.architecture import DECODER_CHANNELS, list_taps
from mm.lesions.segmentation.confidence import RegionConfidence
from mm.lesions.segmentation.weights import LesionConfig
from mm.models.image.efficientnet_lite import STEM_CHANNELS, list_blocks
from mm.numerics import Float32

CONFIG = LesionConfig(64, 0.5, 0.15, RegionConfidence(), ("rendered",))


def draw_weights(seed: int) -> dict[str, Float32]:
    """Random weights of a lesion network, whose activations neither vanish nor saturate."""
    random = np.random.default_rng(seed)
    weights: dict[str, Float32] = {}

    def add(name: str, out: int, channels: int, side: int) -> None:
        spread = (2.0 / (channels * side * side)) ** 0.5
        weights[f"{name}.kernel"] = (random.standard_normal((out, channels, side, side)) * spread).astype(np.float32)
        weights[f"{name}.bias"] = (random.standard_normal(out) * 0.1).astype(np.float32)

    add("stem", STEM_CHANNELS, 1, 3)
    for index, block in enumerate(list_blocks()):
        if block.has_expansion:
            add(f"blocks.{index}.expand", block.channels_wide, block.channels_in, 1)
        add(f"blocks.{index}.depthwise", block.channels_wide, 1, block.kernel)
        add(f"blocks.{index}.project", block.channels_out, block.channels_wide, 1)
    *finer, coarsest = (tap.channels for tap in list_taps())
    add("bottleneck", DECODER_CHANNELS[0], coarsest, 1)
    for index, (below, skip) in enumerate(zip(DECODER_CHANNELS, reversed(finer), strict=False)):
        add(f"decoder.{index}", DECODER_CHANNELS[index + 1], below + skip, 3)
    add("logits", 1, DECODER_CHANNELS[-1], 1)
    weights["presence.kernel"] = (random.standard_normal((1, coarsest)) * 0.05).astype(np.float32)
    weights["presence.bias"] = np.zeros(1, np.float32)
    return weights


def render_lesion(seed: int, *, has_lesion: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Speckled grey image uint8 (H, W) with one dark ellipse, and its mask, bool (H, W)."""
    random = np.random.default_rng(seed)
    height, width = map(int, random.integers(60, 110, 2))
    grey_HW, mask_HW = random.normal(110, 25, (height, width)), np.zeros((height, width), np.uint8)
    if has_lesion:
        centre = int(width * random.uniform(0.35, 0.65)), int(height * random.uniform(0.35, 0.65))
        axes = int(random.integers(9, 16)), int(random.integers(8, 12))
        cv2.ellipse(mask_HW, centre, axes, 0, 0, 360, 1, -1)
        grey_HW[mask_HW > 0] *= 0.35
    return grey_HW.clip(0, 255).astype(np.uint8), mask_HW.astype(bool)


def write_clip(path: Path, num_frames: int) -> None:
    """Write an H.264 video of 25 frames a second: a window moves over a lesion."""
    grey_HW, mask_HW = render_lesion(3)
    grey_HW, mask_HW = cv2.resize(grey_HW, (160, 120)), cv2.resize(mask_HW.astype(np.uint8), (160, 120)) > 0
    sweep = render_sweep(grey_HW, mask_HW, 0, SweepSettings(num_frames=num_frames, window=0.8, num_lost=0))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for frame in sweep:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(frame.grey_HW[:, :, None], 3, 2), "rgb24")))
        output.mux(stream.encode(None))


def write_data_set(folder: Path, name: str, num_images: int, seed: int) -> None:
    """Write a data set of rendered images, two a group, every fifth without a lesion."""
    (folder / "images").mkdir(parents=True)
    items: dict[str, dict[str, object]] = {}
    splits: dict[str, list[str]] = {"train": [], "dev": []}
    for number in range(num_images):
        has_lesion = number % 5 > 0
        grey_HW, mask_HW = render_lesion(seed + number, has_lesion=has_lesion)
        image, mask = f"images/{number}.png", f"images/{number}_mask.png"
        cv2.imwrite(str(folder / image), grey_HW)
        cv2.imwrite(str(folder / mask), mask_HW.astype(np.uint8) * 255)
        items[image] = {"class": "lesion" if has_lesion else "normal", "group": str(number // 2), "masks": [mask]}
        splits["train" if number < num_images * 2 // 3 else "dev"].append(image)
    stored = {"name": name, "items": items, "default_protocol": "supervised", "protocols": {"supervised": splits}}
    (folder / "split.json").write_text(json.dumps(stored))
