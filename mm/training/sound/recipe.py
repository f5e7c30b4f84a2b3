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
    films: tuple[Path, ...] = ()  # sets of videos whose sound is mixed into others: manifest.jsonl
    image_weights: Path | None = None  # the image tower's, by which the pictures of `tuxpaint` become vectors
    names: Path = Path("datasets/audioset/names.txt")  # of the teacher's classes, a line each
    texts: Path = Path("datasets")  # folder with the set `depictable`
    space: str = "lite"  # whose vectors sounds get; of a larger one the id
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each; the mean of their vectors is the result
    takes: int = 4  # windows heard of each sound, mixed with others, beside the sound as it is
    steps: int = 150  # of each run
    batch: int = 64  # sounds a step
    rate: float = 3e-3  # learning rate
    temperature: float = 0.07  # of the contrast between sounds and texts
    anchor: float = 30.0  # weight of staying where texts place the teacher's classes
    pictured: float = 0.3  # weight of the contrast between sounds and pictures
    left_out: tuple[str, ...] = ()  # labels of which no sound is heard, for the strict protocol
    save_every: int = 50  # steps

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")
        if self.space == "lite" and self.tuxpaint is not None and self.image_weights is None:
            raise InvalidInput("The pictures of Tux Paint need the weights of the image tower.")


def fingerprint(config: SoundConfig) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where it writes and
    how often."""
    return repr(replace(config, out=Path(), save_every=0))
