"""A larger space: the towers of an open_clip model for pictures, the sentence encoder of `lite` for
what is said and named.

The id comes from the model's name and from everything that decides its vectors, so that another
checkpoint, tokenizer or way to prepare a picture is another space.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import SpaceMismatch, Unavailable
from mm.files import hash_file
from mm.models.image.sample_photos import load_sample_photos
from mm.models.openclip.files import TOKENIZER_FILES, ModelFiles, find_model
from mm.spaces.build_graphs import prepare_sound
from mm.spaces.calibration import (
    Bank,
    Calibration,
    SoundCalibration,
    read_bank,
    read_calibration,
    read_sound_bank,
    read_sound_calibration,
)
from mm.spaces.space import BANK, CALIBRATION, SOUND_BANK, SOUND_CALIBRATION, SOUND_WEIGHTS, TEMPORAL, Lazy, Space
from mm.spaces.types import SpaceId
from mm.spaces.uncalibrated import UNCALIBRATED, assumed

if TYPE_CHECKING:
    from mm.models.openclip.model import OpenClipImageTower, OpenClipModel, OpenClipTextTower
    from mm.models.sound.tower import SoundTower
    from mm.models.types import TextEmbedder
    from mm.settings import Settings

PREFIX = "openclip:"
VERSION = 1
"""Grows when the same files would give other vectors."""
OWN_SOUND = "+sound"
"""Behind a name: with the sound tower that was trained for it, whose vectors are among those of its
pictures."""
_SLUG, _DIGITS = 38, 12  # with the prefix and the version, within the 64 characters that the catalog has for a space


class OpenClipSpace(Space):
    """Towers by name. Safe to use from several threads."""

    def __init__(self, name: str, settings: Settings, lite: Path, *, keep_speech: bool = True, device: str | None = None) -> None:
        """The space `openclip:MODEL/PRETRAINED`. `lite` is the folder of the space whose text and
        speech towers it shares.

        Configurations are read and the checkpoint is hashed, a second or so a gigabyte; towers are
        loaded at first use. Raises what `find_model` raises, and `Unavailable` for `+sound` where
        no sound tower was trained.
        """
        plain = name.removesuffix(OWN_SOUND)
        files = find_model(plain.removeprefix(PREFIX), download=settings.download_models)
        self.weights_hash = hash_file(files.weights)
        """SHA-256 of the checkpoint."""
        self.base = SpaceId(_slug(files, self.weights_hash), VERSION)
        """Its id without a sound tower of its own: scores of pictures and scenes are fitted once,
        for both."""
        self.folder = settings.root / "spaces" / str(self.base)
        """Where `mm train calibrate --space` leaves calibration and reference vectors."""
        space_id, self._own_sound = self.base, None
        if name != plain:
            self._own_sound = self.folder / SOUND_WEIGHTS
            if not self._own_sound.is_file():
                raise Unavailable(f"{plain} has no sound tower of its own: `mm train sound --space {plain}` makes one.")
            space_id = SpaceId(_slug(files, self.weights_hash, hash_file(self._own_sound)), VERSION)
        super().__init__(
            space_id,
            int(str(files.config["embed_dim"])),
            lite,
            settings.root / "cache" / "graphs",
            settings.runtime,
            settings.threads,
            keep_speech=keep_speech,
        )
        self.runtime = f"torch {version('torch')}; {self.runtime} for sentences"
        self.calibrated = (self.folder / CALIBRATION).is_file()
        """Whether what cosines mean was fitted for it, when it was loaded: a fit holds from the
        next start."""
        self._files = files

        def model() -> OpenClipModel:
            from mm.models.openclip.model import OpenClipModel

            return OpenClipModel(files, download=settings.download_models, device=device, threads=settings.threads)

        def pictures() -> OpenClipImageTower:
            from mm.models.openclip.model import OpenClipImageTower

            return OpenClipImageTower(self._model())

        def texts() -> OpenClipTextTower:
            from mm.models.openclip.model import OpenClipTextTower

            return OpenClipTextTower(self._model())

        def sound() -> SoundTower:
            from mm.models.sound.tower import SoundTower

            weights, graphs = self.folder / SOUND_WEIGHTS, settings.root / "cache" / "graphs"
            return SoundTower(weights, graphs, settings.runtime, settings.threads, lambda: prepare_sound(weights, graphs))

        self._model, self._pictures, self._texts = Lazy(model), Lazy(pictures), Lazy(texts)
        self._own_tower, self._own_scores = Lazy(sound), Lazy(lambda: read_sound_calibration(self.folder / SOUND_CALIBRATION))
        self._own_bank = Lazy(self._make_bank)
        self._own_calibration = Lazy(self._make_calibration)

    @property
    def text(self) -> OpenClipTextTower:
        """Raises `Unavailable`, `InvalidInput` and `Corrupt` as `OpenClipModel`; the image tower
        does too."""
        return self._texts()

    @property
    def image(self) -> OpenClipImageTower:
        return self._pictures()

    @property
    def sound(self) -> SoundTower:
        return super().sound if self._own_sound is None else self._own_tower()

    @property
    def sound_text(self) -> TextEmbedder:
        return self.text if self.can_compare_sound_with_images else super().sound_text

    @property
    def can_compare_sound_with_images(self) -> bool:
        return self._own_sound is not None

    @property
    def sound_calibration(self) -> SoundCalibration:
        return super().sound_calibration if self._own_sound is None else self._own_scores()

    @property
    def calibration(self) -> Calibration:
        """The fitted one; without it what the model itself assumed when it learnt, and no floor.

        Raises `Corrupt` when it cannot be read, `SpaceMismatch` when it was fitted for another
        space.
        """
        return self._own_calibration()

    @property
    def bank(self) -> Bank:
        return self._own_bank()

    @property
    def temporal_weights(self) -> Path:
        """Where `mm train temporal --space` leaves them."""
        return self.folder / TEMPORAL

    @property
    def lite_calibration(self) -> Calibration:
        """That of the sentence encoder that it shares with `lite`."""
        return super().calibration

    @property
    def lite_bank(self) -> Bank:
        """Reference vectors of `lite`; those of sentences hold here too."""
        return super().bank

    @property
    def encodes_every_frame(self) -> bool:
        """How close two frames must be was measured in `lite`; in many models even unlike pictures
        are closer than that."""
        return True

    @property
    def notes(self) -> tuple[str, ...]:
        return () if self.calibrated else (UNCALIBRATED.format(self.id),)

    @property
    def card(self) -> str:
        """Markdown: what the model is made of. What it was trained on is told by whoever made the
        weights."""
        files = self._files
        rows = {
            "checkpoint": files.weights,
            "SHA-256": self.weights_hash,
            "tokenizer": files.tokenizer or "of CLIP",
            "scores": "fitted" if self.calibrated else "not calibrated: see `mm train calibrate --space`",
        }
        table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
        return (
            f"# {self.id}\n\nThe open_clip model {files.name}, {self.dim} dimensions. Training data, numbers and licence are "
            f"told where the weights come from.\n\n| | |\n| --- | --- |\n{table}\n\n"
            "Words that are said and names of files are compared by the sentence encoder of `lite`.\n\n"
            f"```json\n{json.dumps(dict(files.config), indent=2)}\n```\n"
        )

    def _make_calibration(self) -> Calibration:
        if not self.calibrated:
            found = assumed(self._model(), self.bank, self.lite_calibration, str(self.id), self.weights_hash)
        else:
            found = read_calibration(self.folder / CALIBRATION)
            if found.space != str(self.base):
                raise SpaceMismatch(
                    f"{self.folder / CALIBRATION} was fitted for {found.space}, not for {self.base}: fit it again."
                )
        return self.sound_calibration.override_sound(found)

    def _make_bank(self) -> Bank:
        if self.calibrated:
            bank = read_bank(self.folder / BANK).with_sounds_of(self.lite_bank)
        else:
            bank = self.lite_bank.with_images(self.image.embed(load_sample_photos()))
        return bank if self._own_sound is None else bank.with_sounds(read_sound_bank(self.folder / SOUND_BANK))


def _slug(files: ModelFiles, weights_hash: str, sound_hash: str | None = None) -> str:
    """`openclip-vit-b-32-0123456789ab`."""
    tokenizer = [files.tokenizer]
    if files.tokenizer is not None and Path(files.tokenizer).is_dir():
        found = {path for pattern in TOKENIZER_FILES for path in Path(files.tokenizer).glob(pattern)}
        tokenizer = [hash_file(path) for path in sorted(found)]
    decides = [dict(files.config), dict(files.preprocess), weights_hash, tokenizer, *([] if sound_hash is None else [sound_hash])]
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:_DIGITS]
    name = re.sub(r"[^a-z0-9]+", "-", files.name.lower()).strip("-")[:_SLUG].strip("-") or "model"
    return f"openclip-{name}-{digest}"
