"""The calibration of a space: `calibration.json` and `bank.safetensors` beside its weights.

The meaning of a cosine depends on the query: 'a man' is close to many images, keyboard noise
equally far from all. A calibrator turns a cosine into log-odds, with the statistics of the query
against a bank of reference vectors that ship with the space, and with a term of the query alone.
The log-odds are linear in the stored vector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mm.errors import Corrupt
from mm.schemas import EvidenceKind
from mm.spaces.types import Vectors

Component = Literal["text", "picture", "clip", "sound"]
"""Kinds of components of a query, as form fields and `calibration.json` name them."""

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
    """Log-odds = bias + cosine c + z_score z + depictable d.

    c is the cosine of query and evidence, z the same in standard deviations above its mean over the
    bank. d is the log-probability that a text is depictable, that is, describes something that an
    image can show; for sounds, that it is audible. d is 0 for queries that are not text.
    """

    bias: float
    cosine: float
    z_score: float
    depictable: float = 0.0


class ComponentCalibrator(_Value):
    """The calibrator of one component of a query for one kind of evidence."""

    component: Component
    kind: EvidenceKind
    calibrator: Calibrator


class ConfidenceCalibrator(_Value):
    """Log-odds that a written caption is right = bias + similarity s + logprob l + familiarity f +
    objects o.

    s is the cosine of the caption and its image, l the mean log probability of its tokens, f how
    familiar the image is, o the log probability of the objects that the caption names; see
    `mm.spaces.caption_confidence`.
    """

    bias: float
    similarity: float
    logprob: float
    familiarity: float
    objects: float


class Calibration(_Value):
    """All calibrators of a space, with its thresholds."""

    space: str
    """Name and version of the space."""
    image_weights: str
    """SHA-256 of the image weights that it was fitted to."""
    prior: float
    """Share of matches among all evidence that the fit assumed: one in the size of its library."""
    floor: float
    """Probability from which a hit is likely."""
    possible: float | None = None
    """Probability from which a hit is possible; None where it was not measured: then only likely
    hits are returned."""
    near_duplicate_cosine: float | None = None
    """Least cosine of two images that differ in size, quality or crop only; None where it was not
    measured."""
    evidence_weight: float
    """Factor of the log-odds of each component when several match the same kind of evidence; 1 if
    they were independent."""
    calibrators: tuple[ComponentCalibrator, ...]
    caption_confidence: ConfidenceCalibrator | None = Field(None, exclude=True)
    """Of written captions; from `captions.json`."""

    def find_calibrator(self, component: Component, kind: EvidenceKind) -> Calibrator | None:
        """The calibrator, or None where the component is not compared with this kind."""
        return next((entry.calibrator for entry in self.calibrators if entry.component == component and entry.kind == kind), None)


class SoundCalibration(_Value):
    """The calibrators of sounds, in a file of their own: they belong to the sound tower."""

    sound_weights: str
    """SHA-256 of the sound weights that it was fitted to."""
    prior: float
    calibrators: tuple[ComponentCalibrator, ...]

    def override_sound(self, calibration: Calibration) -> Calibration:
        """The calibration with these calibrators in place of its own of sounds."""
        others = tuple(entry for entry in calibration.calibrators if entry.kind != "sound")
        return self.complete(calibration.model_copy(update={"calibrators": others}))

    def complete(self, calibration: Calibration) -> Calibration:
        """The calibration with these calibrators where it has none."""
        own = [entry for entry in self.calibrators if calibration.find_calibrator(entry.component, entry.kind) is None]
        return calibration.model_copy(update={"calibrators": (*calibration.calibrators, *own)})


class CaptionCalibration(_Value):
    """The calibrators of written captions, in a file beside the weights that write them."""

    caption_weights: str
    """SHA-256 of the trained weights of the language model that it was fitted to."""
    prior: float
    calibrators: tuple[ComponentCalibrator, ...]
    confidence: ConfidenceCalibrator

    def add_to(self, calibration: Calibration) -> Calibration:
        """The calibration with these calibrators after its own."""
        calibrators = (*calibration.calibrators, *self.calibrators)
        return calibration.model_copy(update={"calibrators": calibrators, "caption_confidence": self.confidence})


class Bank:
    """Reference vectors (N, D) of images, sentences and sounds.

    Images may be of another space than sentences and sounds.
    """

    def __init__(self, tensors: dict[str, npt.NDArray[np.generic]]) -> None:
        """Raises `KeyError` when `tensors` lacks one of them."""
        self.tensors = tensors
        self.images = tensors["pictures"].astype(np.float32)
        self.sentences = tensors["sentences"].astype(np.float32)
        self.sounds = tensors.get("sounds", np.zeros((0, self.sentences.shape[1]))).astype(np.float32)
        self.depictable = tensors["depictable"].astype(np.float32)
        """Weights (D + 1,) of a logistic regression on sentence vectors, the bias last: whether an
        image can show what a text describes."""
        self.audible = tensors.get("audible", np.zeros(self.sentences.shape[1] + 1)).astype(np.float32)
        """The same: whether it can be heard."""

    def with_images(self, images: Vectors) -> Bank:
        """A bank with these images, of another space."""
        return Bank({**self.tensors, "pictures": images})

    def with_sounds(self, sounds: Vectors) -> Bank:
        """A bank with these sounds, of another space."""
        return Bank({**self.tensors, "sounds": sounds})

    def with_sounds_of(self, other: Bank) -> Bank:
        """A bank with the sounds and the audible weights of another bank."""
        return Bank({**self.tensors, "sounds": other.sounds, "audible": other.audible})


def read_calibration(path: Path) -> Calibration:
    """Read `calibration.json`. Raises `Corrupt` when it is missing or has another schema."""
    return _read(Calibration, path)


def _read(model: type[Value], path: Path) -> Value:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Corrupt(f"The calibration cannot be read from {path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "top level"
        raise Corrupt(f"{path} is not a calibration: {where}: {first['msg']}.") from error


def read_sound_calibration(path: Path) -> SoundCalibration:
    """Read `sound.json`. Raises `Corrupt` when it is missing or has another schema."""
    return _read(SoundCalibration, path)


def read_caption_calibration(path: Path) -> CaptionCalibration | None:
    """Read `captions.json`; None without the file. Raises `Corrupt` when it has another schema."""
    return _read(CaptionCalibration, path) if path.is_file() else None


def read_sound_bank(path: Path) -> Vectors:
    """Read the reference sounds (N, D) of a sound tower. Raises `Corrupt`."""
    try:
        return np.asarray(load_file(path)["sounds"], np.float32)
    except (OSError, SafetensorError, KeyError) as error:
        raise Corrupt(f"The reference sounds cannot be read from {path}: {error}.") from error


def read_bank(*paths: Path) -> Bank:
    """Read a bank from one or more files. Raises `Corrupt` when a file or a tensor is missing."""
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    path = paths[0]
    try:
        for path in paths:
            tensors |= load_file(path)
        return Bank(tensors)
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The reference vectors cannot be read from {path}: {error}.") from error
    except KeyError as error:
        raise Corrupt(f"{path} is not a bank of reference vectors: the tensor {error} is missing.") from error
