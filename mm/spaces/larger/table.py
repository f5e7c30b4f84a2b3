"""The larger spaces that `mm` offers, with published recall and its source, and what each needs."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mm.machine import Machine

PREFIX = "openclip:"
TABLE = Path(__file__).with_name("spaces.toml")
FLOAT_BYTES, HALF_BYTES = 4, 2
PROCESS_BYTES = 1 << 30
"""Memory of torch, open_clip and one batch, beside the parameters. Measured: 0.6 GB before a model
is loaded, 0.2 GB for a batch of eight images (ViT-B-16-SigLIP, CPU)."""
GPU_BATCH_BYTES = 2 << 30
"""GPU memory of the context of CUDA and a batch of 128 images."""
MAX_IMAGE_SECONDS = 2.0
"""Time for an image above which a space is not recommended: a minute of video has 120 frames."""
SHARE = 0.7
"""Of the memory of the machine; the rest is for the present space, search and decoding."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers of the table are from."""

    recall: str
    profile: str
    read: date


@dataclass(frozen=True, slots=True)
class LargerSpace:
    """A model of open_clip."""

    name: str
    """As in MM_SPACE."""
    repository: str
    """On the hub of Hugging Face."""
    licence: str
    million_parameters: float
    image_gflops: float
    """10^9 floating-point operations for one image."""
    dim: int
    flickr30k: tuple[float, float]
    """Recall at 1 in percent, text to image and image to text."""
    coco: tuple[float, float]
    tokenizer: str | None = None
    """Repository of the tokenizer; None for that of CLIP, which open_clip contains."""

    @property
    def download_bytes(self) -> int:
        """Size of the weights: the files of all rows hold float32."""
        return self.num_parameters * FLOAT_BYTES

    @property
    def num_parameters(self) -> int:
        return round(self.million_parameters * 1e6)

    def needed_memory(self, num_workers: int, *, has_gpu: bool) -> int:
        """Bytes of memory of the API and of the workers, each of which loads the model.

        Workers with a GPU hold it there instead.
        """
        num_processes = 1 + (0 if has_gpu else num_workers)
        return num_processes * (self.num_parameters * FLOAT_BYTES + PROCESS_BYTES)

    def needed_gpu_memory(self, num_workers: int) -> int:
        """Bytes of memory of one GPU that all workers use."""
        return num_workers * (self.num_parameters * HALF_BYTES + GPU_BATCH_BYTES)

    def describe_misfit(self, machine: Machine, num_workers: int) -> str | None:
        """Why this machine cannot run it; None if it can."""
        has_gpu = bool(machine.gpus)
        needed, has = self.needed_memory(num_workers, has_gpu=has_gpu) / 2**30, machine.memory_gb
        if needed > SHARE * has:
            return f"It needs {needed:.1f} GiB of memory; of the {has:.1f} GiB of this machine {SHARE * has:.1f} are for it."
        if has_gpu:
            needed, has = self.needed_gpu_memory(num_workers) / 2**30, max(gpu.memory_gb for gpu in machine.gpus)
            if needed > has:
                return f"It needs {needed:.1f} GiB of GPU memory; this machine has {has:.1f} GiB."
        return None


def read_larger_spaces(path: Path | None = None) -> list[LargerSpace]:
    """The rows of the table, the cheapest for an image first."""
    rows = tomllib.loads((path or TABLE).read_text(encoding="utf-8"))["space"]
    spaces = [LargerSpace(**{**row, "flickr30k": tuple(row["flickr30k"]), "coco": tuple(row["coco"])}) for row in rows]
    return sorted(spaces, key=lambda space: (space.image_gflops, space.million_parameters))


def recommend(spaces: list[LargerSpace], machine: Machine, num_workers: int, seconds: Mapping[str, float]) -> LargerSpace | None:
    """The space with the best recall of those that fit and encode an image in `MAX_IMAGE_SECONDS`.

    `seconds` are the longest times for one image by name. None if there is no such space.
    """
    fitting = [
        space
        for space in spaces
        if space.describe_misfit(machine, num_workers) is None and seconds[space.name] <= MAX_IMAGE_SECONDS
    ]
    return max(fitting, key=lambda space: space.coco[0], default=None)


def describe_lite(path: Path | None = None) -> str:
    """The recall of `lite`, which was measured on another set, in one sentence."""
    lite = tomllib.loads((path or TABLE).read_text(encoding="utf-8"))["lite"]
    return f"For comparison, lite reaches {lite['recall']} % on {lite['set']}."


def read_sources(path: Path | None = None) -> Sources:
    return Sources(**tomllib.loads((path or TABLE).read_text(encoding="utf-8"))["sources"])


def get_larger_space(name: str) -> LargerSpace:
    """The row of a name. Raises `NotFound`."""
    spaces = {space.name: space for space in read_larger_spaces()}
    if name not in spaces:
        raise NotFound(
            f"{name} is not one of the spaces that mm downloads: {', '.join(spaces)}. For another one, set "
            "MM_DOWNLOAD_MODELS=true for one start, or copy its files to this machine."
        )
    return spaces[name]
