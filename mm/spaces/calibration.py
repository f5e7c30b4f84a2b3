"""The calibration of a space as a value: read from `calibration.json` and `bank.safetensors` beside
its weights.

What a question's cosines mean depends on the question: 'a man' is close to many pictures, keyboard
noise equally far from all. A form turns a cosine into log-odds with the question's own statistics
against a bank of reference vectors that ship with the space, and with what the question alone
tells. All of it is linear in the stored vector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mm.errors import Corrupt
from mm.schemas import EvidenceKind
from mm.spaces.types import Vectors

Component = Literal["text", "picture", "clip", "sound"]
"""Components of a query, as form fields and `calibration.json` name them."""

_STORED_NAMES = {
    "z_score": "standard",
    "component": "part",
    "calibrator": "form",
    "calibrators": "forms",
    "near_duplicate_cosine": "alike",
    "evidence_weight": "mixing",
}
"""Attribute to key of `calibration.json` and `sound.json`, where the two differ."""


class _Value(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: _STORED_NAMES.get(name, name),
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


Value = TypeVar("Value", bound=_Value)


class Calibrator(_Value):
    """Log-odds = bias + cosine c + standard z + depictable d.

    c is the cosine of question and evidence, z the same in standard deviations above the mean over
    the bank, d the log-probability that the question, if it is text, asks for something that a
    picture can show, or, of sounds, that can be heard (0 for every other question).
    """

    bias: float
    cosine: float
    z_score: float
    depictable: float = 0.0


class ComponentCalibrator(_Value):
    """How one part of a question looks at one kind of evidence."""

    component: Component
    kind: EvidenceKind
    calibrator: Calibrator


class Calibration(_Value):
    """What was fitted, and on what."""

    space: str
    """Name and version of the space."""
    image_weights: str
    """SHA-256 of the image tower's weights that this was fitted to."""
    prior: float
    """Share of right answers among what is searched that the fit assumed: one in the size of its
    library."""
    floor: float
    """Probability from which a hit is likely."""
    possible: float | None = None
    """Probability from which a hit is possible; None where that was not measured: then only likely
    hits are returned."""
    near_duplicate_cosine: float | None = None
    """Cosine from which on two pictures are the same at another size, quality or crop; None where
    that was not measured."""
    evidence_weight: float
    """How much of each part counts when several parts of a question look at the same kind; 1 if
    they were independent."""
    calibrators: tuple[ComponentCalibrator, ...]

    def find_calibrator(self, component: Component, kind: EvidenceKind) -> Calibrator | None:
        """The form, or None where this part of a question does not look at this kind of
        evidence."""
        return next((entry.calibrator for entry in self.calibrators if entry.component == component and entry.kind == kind), None)


class SoundCalibration(_Value):
    """What was fitted of sounds, in a file of its own: it goes with the weights of the sound
    tower."""

    sound_weights: str
    """SHA-256 of the sound tower's weights that this was fitted to."""
    prior: float
    calibrators: tuple[ComponentCalibrator, ...]

    def override_sound(self, calibration: Calibration) -> Calibration:
        """The calibration with these forms in place of what it has of sounds."""
        others = tuple(entry for entry in calibration.calibrators if entry.kind != "sound")
        return self.complete(calibration.model_copy(update={"calibrators": others}))

    def complete(self, calibration: Calibration) -> Calibration:
        """The calibration with these forms where it has none."""
        own = [entry for entry in self.calibrators if calibration.find_calibrator(entry.component, entry.kind) is None]
        return calibration.model_copy(update={"calibrators": (*calibration.calibrators, *own)})


class Bank:
    """Reference vectors. N pictures, sentences or sounds, D dimensions; pictures may be of another
    space than the other two."""

    def __init__(self, tensors: dict[str, npt.NDArray[np.generic]]) -> None:
        """Raises `KeyError` when a tensor is missing."""
        self.tensors = tensors
        self.images = tensors["pictures"].astype(np.float32)
        self.sentences = tensors["sentences"].astype(np.float32)
        self.sounds = tensors.get("sounds", np.zeros((0, self.sentences.shape[1]))).astype(np.float32)
        self.depictable = tensors["depictable"].astype(np.float32)
        """Weights (D + 1,) of a logistic regression on sentence vectors: can a picture show it? The
        last is its bias."""
        self.audible = tensors.get("audible", np.zeros(self.sentences.shape[1] + 1)).astype(np.float32)
        """The same: can it be heard?"""

    def with_images(self, images: Vectors) -> Bank:
        """The same sentences beside other pictures, of another space."""
        return Bank({**self.tensors, "pictures": images})

    def with_sounds(self, sounds: Vectors) -> Bank:
        """The same beside other sounds, of another space."""
        return Bank({**self.tensors, "sounds": sounds})

    def with_sounds_of(self, other: Bank) -> Bank:
        """The same beside the sounds of another bank, and what it says of what can be heard."""
        return Bank({**self.tensors, "sounds": other.sounds, "audible": other.audible})


def read_calibration(path: Path) -> Calibration:
    """Raises `Corrupt` when the file is missing or not of this form."""
    return _read(Calibration, path)


def _read(shape: type[Value], path: Path) -> Value:
    try:
        return shape.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Corrupt(f"The calibration cannot be read from {path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise Corrupt(f"{path} is no calibration: {where}: {first['msg']}.") from error


def read_sound_calibration(path: Path) -> SoundCalibration:
    """Raises `Corrupt` when the file is missing or not of this form."""
    return _read(SoundCalibration, path)


def read_sound_bank(path: Path) -> Vectors:
    """The reference sounds (N, D) of a sound tower. Raises `Corrupt`."""
    try:
        return np.asarray(load_file(path)["sounds"], np.float32)
    except (OSError, SafetensorError, KeyError) as error:
        raise Corrupt(f"The reference sounds cannot be read from {path}: {error}.") from error


def read_bank(*paths: Path) -> Bank:
    """Tensors of one or more files. Raises `Corrupt` when a file is missing or a tensor lacks."""
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    path = paths[0]
    try:
        for path in paths:
            tensors |= load_file(path)
        return Bank(tensors)
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The reference vectors cannot be read from {path}: {error}.") from error
    except KeyError as error:
        raise Corrupt(f"{path} lacks the tensor {error}: no reference vectors of a space.") from error
