"""A space of an open_clip model: its towers for images, those of `lite` for everything else.

The id comes from the model's name and from everything that decides its vectors, so that another
checkpoint, tokenizer or preprocessing of images is another space.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mm.errors import SpaceMismatch, Unavailable
from mm.files import hash_file
from mm.models.image.sample_photos import load_sample_photos
from mm.models.openclip.files import TOKENIZER_FILES, ModelFiles, find_model
from mm.models.speech.choice import SpeechOptions
from mm.spaces.calibration import Bank, Calibration, read_bank, read_calibration, read_sound_bank, read_sound_calibration
from mm.spaces.lite_space import (
    BANK,
    CALIBRATION,
    SOUND_BANK,
    SOUND_CALIBRATION,
    SOUND_WEIGHTS,
    TEMPORAL,
    TowerOptions,
    load_sound_tower,
    load_temporal_tower,
    make_lite_space,
)
from mm.spaces.space import Lazy, Loaders, Space
from mm.spaces.types import SpaceId
from mm.spaces.uncalibrated import UNCALIBRATED, assume_calibration

if TYPE_CHECKING:
    from mm.models.openclip.model import OpenClipImageTower, OpenClipModel, OpenClipTextTower
    from mm.settings import Settings

PREFIX = "openclip:"
VERSION = 1
"""Grows when the same files would give other vectors."""
OWN_SOUND = "+sound"
"""Suffix of a name: with the sound tower trained for the model, whose vectors are comparable with
those of its images."""
_MAX_SLUG, _NUM_DIGITS = 38, 12  # with prefix and version within the 64 characters of the catalog's column


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenClipSpace(Space):
    """A space of an open_clip model, with the facts that its training recipes use."""

    base_id: SpaceId
    """Its id without a sound tower of its own, for which images and scenes are calibrated."""
    folder: Path
    """Where the recipes of `mm train ... --space` write weights, calibration and bank."""
    weights_hash: str
    """SHA-256 of the checkpoint."""
    is_calibrated: bool
    """Whether a calibration was in `folder` when the space was loaded."""
    lite: Space
    """The space whose other towers it uses, with its calibration and bank."""


def load_openclip_space(
    name: str, settings: Settings, lite_folder: Path, *, keep_speech: bool = True, device: str | None = None
) -> OpenClipSpace:
    """Load the space `openclip:MODEL/PRETRAINED`; its towers are loaded at first use.

    Reads the configurations and hashes the checkpoint, about 1 s per GB. Raises as `find_model`,
    and `Unavailable` for `+sound` when no sound tower was trained.
    """
    model_name = name.removesuffix(OWN_SOUND)
    files = find_model(model_name.removeprefix(PREFIX), download=settings.download_models)
    weights_hash = hash_file(files.weights)
    base_id = space_id = SpaceId(_make_slug(files, weights_hash), VERSION)
    folder = settings.root / "spaces" / str(base_id)
    has_own_sound = name != model_name
    if has_own_sound:
        if not (folder / SOUND_WEIGHTS).is_file():
            raise Unavailable(f"{model_name} has no sound tower of its own: `mm train sound --space {model_name}` makes one.")
        space_id = SpaceId(_make_slug(files, weights_hash, hash_file(folder / SOUND_WEIGHTS)), VERSION)
    graphs, speech = settings.root / "cache" / "graphs", SpeechOptions.from_settings(settings)
    options = TowerOptions(graphs, settings.runtime, settings.threads, keep_speech, speech)
    lite = make_lite_space(lite_folder, options)
    model = Lazy(partial(_load_model, files, settings, device))
    loaders = _with_images(lite.loaders, model, folder, name)
    if has_own_sound:
        loaders = _with_own_sound(loaders, folder, options)
    is_calibrated = (folder / CALIBRATION).is_file()
    bank = Lazy(partial(_load_bank, folder if is_calibrated else None, lite, loaders))
    if has_own_sound:
        shared_bank = bank
        bank = Lazy(lambda: shared_bank().with_sounds(read_sound_bank(folder / SOUND_BANK)))

    def load_calibration() -> Calibration:
        if is_calibrated:
            calibration = _read_own_calibration(folder / CALIBRATION, base_id)
        else:
            calibration = assume_calibration(model(), bank(), lite.calibration, str(space_id), weights_hash)
        return loaders.sound_calibration().override_sound(calibration)

    dim = int(str(files.config["embed_dim"]))
    return OpenClipSpace(
        id=space_id,
        dim=dim,
        loaders=replace(loaders, bank=bank, calibration=Lazy(load_calibration)),
        runtime_name=lite.runtime_name,
        runtime=f"torch {version('torch')}; {lite.runtime} for sentences",
        temporal_weights=folder / TEMPORAL,
        make_card=partial(_make_card, space_id, dim, files, weights_hash, is_calibrated),
        notes=() if is_calibrated else (UNCALIBRATED.format(space_id),),
        # The cosine at which frames may be interpolated was measured in `lite`; in many models even
        # unlike images are closer than that.
        encodes_every_frame=True,
        has_image_maps=False,
        can_compare_sound_with_images=has_own_sound,
        base_id=base_id,
        folder=folder,
        weights_hash=weights_hash,
        is_calibrated=is_calibrated,
        lite=lite,
    )


def _with_images(loaders: Loaders, model: Lazy[OpenClipModel], folder: Path, name: str) -> Loaders:
    return replace(
        loaders,
        image=Lazy(lambda: _load_image(model())),
        image_maps=Lazy(partial(_refuse_image_maps, name)),
        caption_heads=Lazy(partial(_refuse_caption_heads, name)),
        text=Lazy(lambda: _load_text(model())),
        temporal=Lazy(partial(load_temporal_tower, folder / TEMPORAL)),
    )


def _with_own_sound(loaders: Loaders, folder: Path, options: TowerOptions) -> Loaders:
    return replace(
        loaders,
        sound=Lazy(partial(load_sound_tower, folder / SOUND_WEIGHTS, options)),
        sound_text=loaders.text,
        sound_calibration=Lazy(partial(read_sound_calibration, folder / SOUND_CALIBRATION)),
    )


def _load_model(files: ModelFiles, settings: Settings, device: str | None) -> OpenClipModel:
    """Raises `Unavailable`, `InvalidInput` and `Corrupt` as `OpenClipModel`."""
    from mm.models.openclip.model import OpenClipModel

    return OpenClipModel(files, download=settings.download_models, device=device, threads=settings.threads)


def _load_image(model: OpenClipModel) -> OpenClipImageTower:
    from mm.models.openclip.model import OpenClipImageTower

    return OpenClipImageTower(model)


def _refuse_image_maps(name: str) -> NoReturn:
    raise Unavailable(f"The built-in language model reads images only in the space lite, so {name} has no captions by it.")


def _refuse_caption_heads(name: str) -> NoReturn:
    raise Unavailable(f"Objects and phrases are predicted only from images of the space lite, not of {name}.")


def _load_text(model: OpenClipModel) -> OpenClipTextTower:
    from mm.models.openclip.model import OpenClipTextTower

    return OpenClipTextTower(model)


def _load_bank(calibrated_folder: Path | None, lite: Space, loaders: Loaders) -> Bank:
    """The bank beside the calibration; without one the sentences of `lite` and sample photos."""
    if calibrated_folder is not None:
        return read_bank(calibrated_folder / BANK).with_sounds_of(lite.bank)
    return lite.bank.with_images(loaders.image().embed(load_sample_photos()))


def _read_own_calibration(path: Path, base_id: SpaceId) -> Calibration:
    calibration = read_calibration(path)
    if calibration.space != str(base_id):
        raise SpaceMismatch(f"{path} was fitted for {calibration.space}, not for {base_id}: fit it again.")
    return calibration


def _make_card(space_id: SpaceId, dim: int, files: ModelFiles, weights_hash: str, is_calibrated: bool) -> str:
    """Markdown: the files of the model. Its training data is documented by its publisher."""
    rows = {
        "checkpoint": files.weights,
        "SHA-256": weights_hash,
        "tokenizer": files.tokenizer or "of CLIP",
        "scores": "fitted" if is_calibrated else "not calibrated: see `mm train calibrate --space`",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return (
        f"# {space_id}\n\nThe open_clip model {files.name}, {dim} dimensions. For training data, numbers and licence see "
        f"the source of the weights.\n\n| | |\n| --- | --- |\n{table}\n\n"
        "Speech and file names are compared by the sentence encoder of `lite`.\n\n"
        f"```json\n{json.dumps(dict(files.config), indent=2)}\n```\n"
    )


def _make_slug(files: ModelFiles, weights_hash: str, sound_hash: str | None = None) -> str:
    """The name of a space's id, such as `openclip-vit-b-32-0123456789ab`."""
    tokenizer = [files.tokenizer]
    if files.tokenizer is not None and Path(files.tokenizer).is_dir():
        paths = {path for pattern in TOKENIZER_FILES for path in Path(files.tokenizer).glob(pattern)}
        tokenizer = [hash_file(path) for path in sorted(paths)]
    inputs = [dict(files.config), dict(files.preprocess), weights_hash, tokenizer, *([] if sound_hash is None else [sound_hash])]
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:_NUM_DIGITS]
    name = re.sub(r"[^a-z0-9]+", "-", files.name.lower()).strip("-")[:_MAX_SLUG].strip("-") or "model"
    return f"openclip-{name}-{digest}"
