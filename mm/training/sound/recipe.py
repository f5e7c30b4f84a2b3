"""The configuration of the sound tower's training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SoundConfig:
    """The defaults made the shipped checkpoint."""

    esc10: Path  # labelled audio clips: manifest.jsonl with the splits train and dev, audio/
    teacher: Path  # YAMNet as a TensorFlow Lite file
    captions: Path  # captions of audio, text only: manifest.jsonl
    out: Path  # folder for weights, card and the states to resume from
    tuxpaint: Path | None = None  # images with their names and sound effects: manifest.jsonl
    background_sets: tuple[Path, ...] = ()  # sets of videos whose audio is mixed into clips: manifest.jsonl
    image_weights: Path | None = None  # of the image tower that encodes the images of `tuxpaint`
    names: Path = Path("datasets/audioset/names.txt")  # of the teacher's classes, one a line
    texts: Path = Path("datasets")  # folder with the set `depictable`
    space: str = "lite"  # the space of the vectors; the id of a larger one
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each; the mean of their vectors is the result
    takes: int = 4  # augmented windows of each clip, beside the whole clip
    steps: int = 150  # of each run
    batch: int = 64  # clips a step
    rate: float = 3e-3  # learning rate
    temperature: float = 0.07  # of the contrastive losses
    anchor: float = 30.0  # weight of staying near the vectors that texts give the teacher's classes
    pictured: float = 0.3  # weight of the contrastive loss between audio and images
    left_out: tuple[str, ...] = ()  # labels that are excluded from training, for the strict protocol
    noise_texts: int = 300  # random strings among the texts that name nothing audible
    save_every: int = 50  # steps

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for repeated seeds, and for Tux Paint without an image tower."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")
        if self.space == "lite" and self.tuxpaint is not None and self.image_weights is None:
            raise InvalidInput("The images of Tux Paint need the weights of the image tower.")


def fingerprint(config: SoundConfig) -> str:
    """Identify the recipe of a saved state: all but the output folder and the save interval."""
    return repr(replace(config, out=Path(), save_every=0))
