"""The recipe of the sound tower, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SoundConfig:
    """The recipe. Defaults are those of the shipped checkpoint."""

    esc10: Path  # labelled sounds: manifest.jsonl with the splits train and dev, audio/
    teacher: Path  # YAMNet as a TensorFlow Lite file
    captions: Path  # of sounds, text alone: manifest.jsonl
    out: Path  # folder that weights, card and the states to resume from go to
    tuxpaint: Path | None = None  # pictures with their names and sounds: manifest.jsonl
    films: tuple[Path, ...] = ()  # sets of videos whose sound is heard without labels: manifest.jsonl
    image_weights: Path | None = None  # the image tower's, by which the pictures of `tuxpaint` become vectors
    names: Path = Path("datasets/audioset/names.txt")  # of the teacher's classes, a line each
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each; the mean of their weights is the result
    steps: int = 600  # of each run
    batch: int = 64  # windows a step
    longest: int = 4  # patches of a window
    rate: float = 3e-4  # highest learning rate
    weight_decay: float = 0.01
    temperature: float = 0.07  # of the contrast between sounds and texts
    contrast: float = 1.0  # weight of that contrast
    pictured: float = 0.3  # weight of the contrast between sounds and pictures
    placed: float = 1.0  # weight of lying where the teacher's classes lie
    retention: float = 20.0  # weight of keeping the teacher's scores
    left_out: tuple[str, ...] = ()  # classes of which no clip is heard, for the strict protocol
    save_every: int = 100  # steps

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")
        if self.tuxpaint is not None and self.image_weights is None:
            raise InvalidInput("The pictures of Tux Paint need the weights of the image tower.")


def fingerprint(config: SoundConfig) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where it writes and how often."""
    return repr(replace(config, out=Path(), save_every=0))
