"""In: data sets and options. Out: weights, calibrations and their cards.

`mm train`: one module per recipe of `mm.training`. Must not know: how a recipe trains.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "actions": ("mm.cli.commands.train.actions", "Train a classifier of actions in clips, for `mm actions --head`."),
    "align": ("mm.cli.commands.train.align", "Train the image tower into the space of the text tower."),
    "boards": ("mm.cli.commands.train.boards", "Fit the verifier of defects of boards, for template inspectors."),
    "calibrate": (
        "mm.cli.commands.train.calibrate",
        "Fit on dev the map from cosines to probabilities, and the score thresholds.",
    ),
    "calibrate-captions": (
        "mm.cli.commands.train.calibrate_captions",
        "Fit on dev how much a written caption counts in a search.",
    ),
    "caption-heads": ("mm.cli.commands.train.caption_heads", "Fit which objects and phrases captions of an image have."),
    "distill": ("mm.cli.commands.train.distill", "Train the image tower of lite by distillation from a larger model."),
    "intents": ("mm.cli.commands.train.intents", "Fit the classifier of messages in a conversation, `intents.safetensors`."),
    "language": ("mm.cli.commands.train.language", "Train what the language model adds to SmolLM2."),
    "language-texts": ("mm.cli.commands.train.language_texts", "Embed captions without images, for `mm train language --texts`."),
    "languages": ("mm.cli.commands.train.languages", "Distill the text tower into other languages."),
    "lesions": ("mm.cli.commands.train.lesions", "Train the network that marks candidates for review in ultrasound images."),
    "quantize": ("mm.cli.commands.train.quantize", "Quantize weights to 8 bits, and measure on dev the loss at 8 and 16 bits."),
    "sound": ("mm.cli.commands.train.sound", "Train the map from YAMNet's classes into the space."),
    "temporal": ("mm.cli.commands.train.temporal", "Train the temporal network, which finds the starts of shots and scenes."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def command() -> None:
    """Train the weights and fit the calibration of a space.

    Training needs torch. A run that was interrupted continues from its last checkpoint. Options
    that are not set have the values of the shipped weights.
    """
