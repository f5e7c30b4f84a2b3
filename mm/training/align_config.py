"""The recipe of an alignment, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.training.augment import Views


@dataclass(frozen=True, slots=True)
class Teacher:
    """What one teacher does beyond the plain recipe: teachers that err differently are right together."""

    name: str  # of its state's file
    seed: int
    layer_decay: float = 1.0  # of the learning rate, a stage towards the input
    drop_path: float = 0.0  # share of pictures that skip the last residual block; falls to 0 towards the input
    text_noise: float = 0.0  # length of the random vector that is added to a caption's unit vector
    tolerance: float = 1.0  # captions nearer to each other than this cosine are no negatives of each other
    bank: bool = False  # a picture is asked which of all training captions is one of its own, not of the batch's alone
    unlabeled: bool = False  # learns from the pictures without captions too, if there are any


TEACHERS = (
    Teacher("plain", 0),
    Teacher("layers", 1, layer_decay=0.75),
    Teacher("paths", 2, drop_path=0.2),
    Teacher("noise", 3, text_noise=0.3),
    Teacher("likeness", 4, tolerance=0.75),
    Teacher("unlabeled", 5, unlabeled=True),
)


@dataclass(frozen=True, slots=True)
class AlignConfig:
    """The recipe. Defaults are those of the shipped checkpoint, but for the numbers of epochs, which its card does not know."""

    data: Path  # folder of captioned pictures with the splits train and dev
    out: Path  # folder that the checkpoint, the card and the states to resume from go to
    unlabeled: Path | None = None  # folder of pictures without captions
    teachers: tuple[Teacher, ...] = TEACHERS
    seeds: tuple[int, ...] = (0, 1, 2)  # one student each; the mean of their weights is the result
    epochs: int = 30  # of each teacher
    student_epochs: int = 32
    repeats: int = 16  # epochs after which a student sees the same views again: teachers answer for each view once
    batch: int = 500  # pictures a step, over all processes
    size: int = 288  # pixels; side of the input in training
    served: int = 320  # pixels; side at which the result reads: whole pictures show things smaller than random crops do
    stored: int = 224  # pixels; side at which pictures are kept in memory
    rate: float = 1e-3  # highest learning rate
    weight_decay: float = 0.2
    dropout: float = 0.3  # of a teacher's features before the head; a student needs none
    average: float = 0.98  # decay of the moving average, a step
    retention: float = 0.3  # weight of keeping the ImageNet classifier's answers
    nearness: float = 10.0  # weight of a student's cosine to its teachers beside the likeness of their rankings
    bank: int = 4000  # captions that student and teachers rank a step
    views: Views = field(default_factory=Views)
    student_views: Views = field(default_factory=lambda: Views(mixup=1.0))
    class_gain: float = 5.0  # of the class names in the result: captions need less, things that no caption names need more
    save_every: int = 5  # epochs

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every student needs a seed of its own, not {self.seeds}.")
        names = [teacher.name for teacher in self.teachers]
        if not names or len(set(names)) < len(names):
            raise InvalidInput(f"Every teacher needs a name of its own, not {names}.")


def fingerprint(config: AlignConfig) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where it writes and how often."""
    return repr(replace(config, out=Path(), save_every=0))
