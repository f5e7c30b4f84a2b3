"""The model card of the sound tower."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.metrics import Interval, bootstrap
from mm.training.sound.recipe import SoundConfig

Float = npt.NDArray[np.float32]

_TEMPLATE = """# The sound tower

Audio other than speech, among the vectors of {space}. A log-mel of 16 kHz, {parameters} M parameters, 8-bit weights.

## Source of the weights
The network is YAMNet (Plakal and Ellis; tensorflow/models, `research/audioset/yamnet`; Copyright The TensorFlow Authors,
Apache-2.0), as the file `yamnet_spectra_in.tflite` of google-coral/coralmicro (Apache-2.0) has it in 8 bits. Kernels and
matrices were dequantized to float32, quantized to 8 bits again, with a scale for each output, and are not trained. YAMNet was
trained on AudioSet (Gemmeke et al. 2017; class names CC BY 4.0). What is trained here is one vector of the space for each of
its {classes} classes.

## Training data
- **Texts:** the names of the classes, and short captions of AudioCaps train (text alone; Kim et al. 2019) that are close to
  them.
- **Audio:** ESC-10, folds 1 to 3 (Piczak 2015; CC BY 3.0, each clip CC0 or CC BY by its author on freesound), and Tux
  Paint's stamps, train (GPL-2), with their names and images: each whole, and in {takes} windows, some mixed with each
  other and with the audio of the sets `fight_clips` and `sample_videos`.
- **Calibration** (`sound.json`, `sound_bank.safetensors`): ESC-10 fold 4 and Tux Paint dev; a label is scored by a run that
  was trained without it.
- **Fold 5 and the test split of Tux Paint were not used.**

## Accuracy with the class names as prompts, {clips} clips of dev
{accuracies}

Strict protocol: each clip by a run trained without its label, one other label, and Tux Paint, among all {labels} prompts:

{strict}

The file as it is served, beside YAMNet's own classes: `mm eval esc10 --root ESC10`. Audio and images: `mm eval tuxpaint
--root TUXPAINT`. Of a larger space: `--space openclip:MODEL/PRETRAINED+sound`.

## Recipe
{recipe}

Python {python}, torch {torch}. `mm train sound` makes the weights, the calibration and this card.

## Limits
- It distinguishes the classes of AudioSet: `Bell` from `Bark`, but not one dog from another, and no melody, key or speaker.
- Where people speak, nothing counts as a sound: a dog that barks during a sentence is not found.
- A short sound is diluted by what is around it within a second.
- Audio is a poor query for images: docs/space.md has the numbers.
"""


@dataclass(frozen=True, slots=True)
class Accuracies:
    """1 or 0 for each clip of dev (N,): by seed, by the mean vectors, by the strict protocol."""

    seeds: Mapping[int, Float]
    mean: Float
    strict: Mapping[int, Float]


def format_card(config: SoundConfig, accuracies: Accuracies, num_labels: int, num_classes: int, num_parameters: int) -> str:
    """Markdown: source, training data, accuracies, recipe, limits."""
    paths = {field.name for field in fields(config) if _is_path(getattr(config, field.name))}
    recipe = "\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if name not in paths)
    rows = [
        *((f"seed {seed}", values) for seed, values in accuracies.seeds.items()),
        ("mean of the vectors, which is shipped", accuracies.mean),
    ]
    return _TEMPLATE.format(
        space="the sentence encoder" if config.space == "lite" else config.space,
        parameters=f"{num_parameters / 1e6:.2f}",
        classes=num_classes,
        takes=config.takes,
        clips=len(accuracies.mean),
        accuracies=_format_table([(name, bootstrap(values)) for name, values in rows]),
        labels=num_labels,
        strict=_format_table([(f"seed {seed}", bootstrap(values)) for seed, values in accuracies.strict.items()]),
        recipe=recipe,
        python=platform.python_version(),
        torch=version("torch"),
    )


def _format_table(rows: Sequence[tuple[str, Interval]]) -> str:
    head = "| run | accuracy | 95 % interval |\n| --- | --- | --- |\n"
    return head + "\n".join(
        f"| {name} | {accuracy.value:.1%} | {accuracy.low:.1%} to {accuracy.high:.1%} |" for name, accuracy in rows
    )


def _is_path(value: object) -> bool:
    return isinstance(value, Path) or (isinstance(value, tuple) and any(isinstance(element, Path) for element in value))
