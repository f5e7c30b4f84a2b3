"""The card of the sound tower."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from mm.metrics import Interval, bootstrap
from mm.training.sound.recipe import SoundConfig

Float = npt.NDArray[np.float32]

_TEMPLATE = """# The sound tower

Sounds other than words, among the vectors of {space}. A log-mel of 16 kHz, {parameters} M parameters, 8-bit weights.

## Where it comes from
The network is YAMNet (Plakal and Ellis; tensorflow/models, `research/audioset/yamnet`; Copyright The TensorFlow Authors,
Apache-2.0), as the file `yamnet_spectra_in.tflite` of google-coral/coralmicro (Apache-2.0) has it in 8 bits. Kernels and
matrices were restored to float32, rounded to 8 bits again, with a scale for each output, and are not trained. YAMNet learnt
from AudioSet (Gemmeke et al. 2017; class names CC BY 4.0). What is trained here is one vector of the space for each of its
{classes} classes.

## What it was trained on
- **Texts:** the names of the classes, and short captions of AudioCaps train (text alone; Kim et al. 2019) that are close to
  them.
- **Sounds:** ESC-10, folds 1 to 3 (Piczak 2015; CC BY 3.0, each clip CC0 or CC BY by its author on freesound), and Tux
  Paint's stamps, train (GPL-2), with their names and pictures: each as it is, and in {takes} windows, some mixed with each
  other and with the sound of the sets `fight_clips` and `sample_videos`.
- **Scores** (`sound.json`, `sound_bank.safetensors`): ESC-10 fold 4 and Tux Paint dev; a label is scored by a run that never
  heard it.
- **Fold 5 and the test part of Tux Paint were not looked at.**

## Told by the names of the classes, {sounds} sounds of dev
{told}

Strictly: each sound by a run that heard no sound of its label, of one other label, or of Tux Paint, among all {labels}
prompts:

{strict}

The file as it is served, beside YAMNet's own classes: `mm eval esc10 --root ESC10`. Sounds and pictures: `mm eval tuxpaint
--root TUXPAINT`. Of a larger space: `--space openclip:MODEL/PRETRAINED+sound`.

## Recipe
{recipe}

Python {python}, torch {torch}. `mm train sound` makes the weights, the scores and this card.

## Limits
- It knows what AudioSet's classes tell apart: a bell from a bark, not this dog from that one, and no melody, key or speaker.
- Where people speak, nothing counts as a sound: a dog that barks into a sentence is not found.
- What sounds for a moment is diluted by what is around it within a second.
- A sound finds pictures poorly: docs/space.md has the numbers.
"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """(N,) 1 or 0 a sound of dev: of each seed, of the mean of the vectors, and of each seed in the
    strict sense."""

    seeds: Mapping[int, Float]
    mean: Float
    strict: Mapping[int, Float]


def sound_card(config: SoundConfig, numbers: Numbers, labels: int, classes: int, parameters: int) -> str:
    """Markdown."""
    recipe = "\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if not _is_path(name))
    told = [
        *((f"seed {seed}", values) for seed, values in numbers.seeds.items()),
        ("mean of the vectors, which ships", numbers.mean),
    ]
    return _TEMPLATE.format(
        space="the sentence encoder" if config.space == "lite" else config.space,
        parameters=f"{parameters / 1e6:.2f}",
        classes=classes,
        takes=config.takes,
        sounds=len(numbers.mean),
        told=_table([(name, bootstrap(values)) for name, values in told]),
        labels=labels,
        strict=_table([(f"seed {seed}", bootstrap(values)) for seed, values in numbers.strict.items()]),
        recipe=recipe,
        python=platform.python_version(),
        torch=version("torch"),
    )


def _table(rows: Sequence[tuple[str, Interval]]) -> str:
    head = "| run | accuracy | 95 % interval |\n| --- | --- | --- |\n"
    return head + "\n".join(f"| {name} | {one.value:.1%} | {one.low:.1%} to {one.high:.1%} |" for name, one in rows)


def _is_path(name: str) -> bool:
    return name in ("esc10", "teacher", "captions", "out", "tuxpaint", "films", "image_weights", "names", "texts")
