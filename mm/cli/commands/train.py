"""`mm train`: the recipes that made the shipped weights."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.errors import Unavailable

if TYPE_CHECKING:
    from mm.spaces.openclip_space import OpenClipSpace


@click.group()
def command() -> None:
    """Make the weights and the calibration of a space anew; needs torch."""


@command.command()
@click.option("--data", type=options.FOLDER, required=True, help="CaptionedImage pictures, with the splits train and dev.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where weights and card go.")
@click.option("--unlabeled", type=options.FOLDER, help="Pictures without captions.")
@click.option("--epochs", type=click.IntRange(1), help="Of each run.")
@click.option("--batch", type=click.IntRange(1), help="Pictures a step.")
@click.option("--size", type=click.IntRange(32), help="Side of the input, pixels.")
@click.option("--stored", type=click.IntRange(32), help="Side at which pictures are kept in memory, pixels.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate.")
@options.as_json
def align(data: Path, out: Path, as_json: bool, **given: object) -> None:
    """Train the image tower into the space of the text tower. Goes on where it stopped; what is not
    given is as shipped."""
    require_torch()
    from mm.training.align.recipe import AlignConfig
    from mm.training.align.train import align as train

    recipe = {name: value for name, value in given.items() if value not in (None, ())}
    config = AlignConfig(data=data, out=out, **recipe)  # type: ignore[arg-type]
    weights = train(config, lambda done, total, line: click.echo(f"epoch {done} of {total}: {line}", err=True))
    click.echo(json.dumps({"weights": str(weights)}) if as_json else f"The weights are in {weights}, their card is beside them.")


@command.command()
@click.option("--teacher", required=True, help="Space whose pictures and words are learned from, openclip:MODEL/PRETRAINED.")
@click.option("--data", type=options.FOLDER, required=True, help="CaptionedImage pictures, with the splits train and dev.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where weights and card go.")
@click.option("--unlabeled", type=options.FOLDER, help="Pictures without captions.")
@click.option("--told", type=click.IntRange(1), help="Sentences that the teacher says of a picture.")
@click.option("--epochs", type=click.IntRange(1), help="Of each run.")
@click.option("--batch", type=click.IntRange(1), help="Pictures a step.")
@click.option("--size", type=click.IntRange(32), help="Side of the input, pixels.")
@click.option("--stored", type=click.IntRange(32), help="Side at which pictures are kept in memory, pixels.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate.")
@options.as_json
def distill(teacher: str, data: Path, out: Path, as_json: bool, **given: object) -> None:
    """Train the image tower of lite from what a larger model sees; captions are words to choose
    from. Goes on where it ended."""
    require_torch()
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.training.align.recipe import AlignConfig
    from mm.training.align.train import distill as train

    recipe = {name: value for name, value in given.items() if value not in (None, ())}
    config = AlignConfig(data=data, out=out, **recipe)  # type: ignore[arg-type]
    space = load_space(teacher, load_settings())
    weights = train(config, space, lambda done, total, line: click.echo(f"epoch {done} of {total}: {line}", err=True))
    click.echo(json.dumps({"weights": str(weights)}) if as_json else f"The weights are in {weights}, their card is beside them.")


@command.command()
@click.option("--data", type=options.FOLDER, required=True, help="CaptionedImage pictures, with the splits train and dev.")
@click.option("--spoken", type=options.FOLDER, help="Some of their captions, spoken: manifest.jsonl, audio/. Not with --space.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where the results go; with --space where it looks."
)
@click.option("--weights", type=options.FILE, help="Weights of the image tower; default the shipped ones.")
@click.option("--texts", type=options.FOLDER, help="Folder of the text sets; default datasets/.")
@click.option("--space", help="A larger space that is fitted instead, openclip:MODEL/PRETRAINED.")
@options.as_json
def calibrate(
    data: Path, spoken: Path | None, out: Path | None, weights: Path | None, texts: Path | None, space: str | None, as_json: bool
) -> None:
    """Fit on dev what cosines mean, and the floor of likely hits."""
    if space is not None:
        if spoken is not None or weights is not None:
            raise click.UsageError("--space goes with neither --spoken nor --weights: its speech is that of lite.")
        return _calibrate_space(space, data, out, texts, as_json)
    if spoken is None or out is None:
        raise click.UsageError("The calibration of lite needs --spoken and --out.")
    require_torch()
    from mm.spaces.registry import WEIGHTS
    from mm.training.calibration.fit import fit_calibration
    from mm.training.calibration.recipe import CalibrationConfig

    config = CalibrationConfig(data, spoken, out, weights or WEIGHTS / "lite" / "image.safetensors")
    calibration = fit_calibration(
        config if texts is None else replace(config, texts=texts), lambda line: click.echo(line, err=True)
    )
    _tell_calibration(calibration, as_json)


def _calibrate_space(name: str, data: Path, out: Path | None, texts: Path | None, as_json: bool) -> None:
    from mm.settings import load_settings

    space, settings = larger_space(name), load_settings()
    from mm.training.calibration.fit_openclip import OpenClipCalibrationConfig, fit_openclip_calibration

    cache = settings.root / "cache" / "calibrate" / str(space.id)
    config = OpenClipCalibrationConfig(data, out or space.folder, cache)
    config = config if texts is None else replace(config, texts=texts)
    _tell_calibration(fit_openclip_calibration(space, config, lambda line: click.echo(line, err=True)), as_json)


def _tell_calibration(path: Path, as_json: bool) -> None:
    told = f"The calibration is in {path}, its trade-off beside it."
    click.echo(json.dumps({"calibration": str(path)}) if as_json else told)


@command.command()
@click.option("--data", type=options.FOLDER, required=True, help="CaptionedImage pictures, with the splits train and dev.")
@click.option("--weights", type=options.FILE, help="Weights of the image tower; default the shipped ones.")
@click.option("--pictures", type=click.IntRange(1), default=64, show_default=True, help="Of train, from which ranges are taken.")
@options.as_json
def quantize(data: Path, weights: Path | None, pictures: int, as_json: bool) -> None:
    """Make weights run in 8 bits, and measure on dev what 8 and 16 bits lose. Writes two files
    beside the weights."""
    from mm.spaces.registry import WEIGHTS
    from mm.training.quantization.precisions import format_losses, quantize_weights

    with tempfile.TemporaryDirectory() as cache:
        path = weights or WEIGHTS / "lite" / "image.safetensors"
        found = quantize_weights(path, data, Path(cache), pictures, lambda line: click.echo(line, err=True))
    click.echo(found.model_dump_json() if as_json else format_losses(found))


@command.command()
@click.option(
    "--data", type=options.FOLDER, required=True, help="Multi30k: task1_train.jsonl, task1_val.jsonl, task2_train.jsonl."
)
@click.option("--tuxpaint", type=options.FOLDER, help="Tux Paint: manifest.jsonl, pictures described in many languages.")
@click.option("--left-out", type=options.FILE, multiple=True, help="List of pictures whose sentences are not learned from.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where weights and card go.")
@click.option("--seed", type=int, help="Of the run.")
@click.option("--epochs", type=click.IntRange(1), help="Of the run.")
@click.option("--batch", type=click.IntRange(1), help="Texts a step.")
@click.option("--vocabulary", type=click.IntRange(1), help="Tokens of the tower's own vocabulary.")
@options.as_json
def languages(data: Path, out: Path, as_json: bool, **given: object) -> None:
    """Distill the text tower into other languages. Goes on where it stopped; what is not given is
    as shipped."""
    require_torch()
    from mm.training.languages.recipe import LanguagesConfig
    from mm.training.languages.train import train_languages

    recipe = {name: value for name, value in given.items() if value not in (None, ())}
    config = LanguagesConfig(data=data, out=out, **recipe)  # type: ignore[arg-type]
    weights = train_languages(config, lambda done, total, line: click.echo(f"epoch {done} of {total}: {line}", err=True))
    click.echo(json.dumps({"weights": str(weights)}) if as_json else f"The weights are in {weights}, their card is beside them.")


@command.command()
@click.option("--esc10", type=options.FOLDER, required=True, help="Labelled sounds, with the splits train and dev.")
@click.option("--teacher", type=options.FILE, required=True, help="YAMNet, `yamnet_spectra_in.tflite`.")
@click.option("--captions", type=options.FOLDER, required=True, help="Captions of sounds, as text.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where the results go; with --space where it looks."
)
@click.option("--space", help="A larger space whose vectors sounds get instead, openclip:MODEL/PRETRAINED.")
@click.option("--tuxpaint", type=options.FOLDER, help="Pictures with their names and sounds.")
@click.option("--films", type=options.FOLDER, multiple=True, help="Videos whose sound is mixed into others.")
@click.option("--weights", type=options.FILE, help="Weights of the image tower; default the shipped ones.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Of one run; the result is the mean of all runs.")
@click.option("--takes", type=click.IntRange(0), help="Windows heard of each sound beside the sound as it is.")
@click.option("--steps", type=click.IntRange(1), help="Of each run.")
@options.as_json
def sound(
    esc10: Path,
    teacher: Path,
    captions: Path,
    out: Path | None,
    space: str | None,
    tuxpaint: Path | None,
    films: tuple[Path, ...],
    weights: Path | None,
    as_json: bool,
    **given: object,
) -> None:
    """Place YAMNet's classes in the space. Goes on where it stopped; what is not given is as
    shipped.

    With --space the larger space has a sound tower of its own from then on, under the name
    SPACE+sound.
    """
    require_torch()
    from mm.spaces.registry import WEIGHTS
    from mm.training.sound.recipe import SoundConfig
    from mm.training.sound.train import train_sound

    recipe = {name: value for name, value in given.items() if value not in (None, ())}
    of: OpenClipSpace | None = None
    if space is not None:
        if weights is not None:
            raise click.UsageError("--space has its own image tower: it does not go with --weights.")
        of = larger_space(space)
        recipe["space"] = str(of.id)
    elif out is None:
        raise click.UsageError("The sound tower of lite needs --out.")
    else:
        recipe["image_weights"] = weights or WEIGHTS / "lite" / "image.safetensors"
    folder = out or (of.folder if of is not None else Path())
    config = SoundConfig(esc10, teacher, captions, folder, tuxpaint, films, **recipe)  # type: ignore[arg-type]
    path = train_sound(config, lambda line: click.echo(line, err=True), of)
    click.echo(json.dumps({"weights": str(path)}) if as_json else f"The weights are in {path}, scores and card are beside them.")


@command.command()
@click.option("--data", type=options.FOLDER, required=True, help="CaptionedImage pictures, with the splits train and dev.")
@click.option("--films", type=options.FOLDER, multiple=True, help="Clips that stand between the pictures: manifest.jsonl.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where weights and card go; with --space where it looks."
)
@click.option("--space", default="lite", show_default=True, help="Whose image tower sees the frames, openclip:MODEL/PRETRAINED.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Of one run; the first ships.")
@click.option("--photographs", type=click.IntRange(1), help="Pictures of train, at most.")
@click.option("--steps", type=click.IntRange(1), help="Of each run.")
@click.option("--batch", type=click.IntRange(1), help="Films a step.")
@click.option("--seconds", type=click.FloatRange(1), help="Of a film.")
@options.as_json
def temporal(data: Path, out: Path | None, space: str, as_json: bool, **given: object) -> None:
    """Train the network that tells where shots and scenes begin. Goes on where it stopped; what is
    not given is as shipped."""
    require_torch()
    from mm.models.temporal.config import TemporalConfig
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.training.temporal.recipe import TemporalRecipe
    from mm.training.temporal.train import train_temporal

    of = load_space(space, load_settings())
    if out is None and of.id.name == "lite":
        raise click.UsageError("The network of lite needs --out.")
    recipe = {name: value for name, value in given.items() if value not in (None, ())}
    network = TemporalConfig(dim=of.dim)
    config = TemporalRecipe(data, out or of.temporal_weights.parent, space=space, network=network, **recipe)  # type: ignore[arg-type]
    path = train_temporal(config, of.image, lambda line: click.echo(line, err=True))
    click.echo(json.dumps({"weights": str(path)}) if as_json else f"The weights are in {path}, their card is beside them.")


@command.command()
@click.option("--data", type=options.FOLDER, required=True, help="Labelled clips: manifest.jsonl with file, label, group, split.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where the head and its card go.")
@click.option("--space", default="lite", show_default=True, help="Whose towers look at the clips, openclip:MODEL/PRETRAINED.")
@options.as_json
def actions(data: Path, out: Path, space: str, as_json: bool) -> None:
    """Train a head that tells what is done in clips, for `mm actions --head`. Needs no torch; goes
    on where it stopped."""
    from mm.media import MediaReader
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.training.actions.train import train_actions

    settings = load_settings()
    with MediaReader.from_settings(settings) as reader:
        path = train_actions(load_space(space, settings), reader, data, out, lambda line: click.echo(line, err=True))
    click.echo(json.dumps({"head": str(path)}) if as_json else f"The head is in {path}, its card is beside it.")


def larger_space(name: str) -> OpenClipSpace:
    """The space of that name, without a sound tower of its own. Raises `UsageError` for another
    than a larger one."""
    from mm.settings import load_settings
    from mm.spaces.openclip_space import OWN_SOUND, PREFIX, OpenClipSpace
    from mm.spaces.registry import WEIGHTS

    if not name.startswith(PREFIX) or name.endswith(OWN_SOUND):
        raise click.UsageError(f"--space is for larger spaces, {PREFIX}MODEL/PRETRAINED.")
    return OpenClipSpace(name, load_settings(), WEIGHTS / "lite")


def require_torch() -> None:
    """Raise `Unavailable` where the environment is the base, which serves but does not learn."""
    if importlib.util.find_spec("torch") is None:
        raise Unavailable("Training needs torch, which is not installed: `pip install --no-deps -r requirements-train.lock`.")
