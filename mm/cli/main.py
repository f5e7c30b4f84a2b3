"""The command `mm`. Each command is a module that is imported when it is used."""

from __future__ import annotations

import click

import mm
from mm.cli.lazy import ProgramGroup
from mm.private import restrict_umask

COMMANDS = {
    "serve": ("mm.cli.commands.serve", "Run the service and its web page in the foreground."),
    "add": ("mm.cli.commands.add", "Upload files and folders."),
    "watch": ("mm.cli.commands.watch", "Upload what appears in a folder, or record a camera."),
    "list": ("mm.cli.commands.list_items", "List items, by upload, time taken, camera or place."),
    "show": ("mm.cli.commands.show", "Show an item: file, status, time taken, camera, place."),
    "edit": ("mm.cli.commands.edit", "Change name, tags or favourite of items."),
    "delete": ("mm.cli.commands.delete", "Move items to the trash."),
    "restore": ("mm.cli.commands.restore", "Restore items from the trash."),
    "export": ("mm.cli.commands.export", "Export clips, or lists of hits or of an album."),
    "albums": ("mm.cli.commands.albums", "Create, fill, order and export albums."),
    "searches": ("mm.cli.commands.searches", "Save searches, and list the new items that match them."),
    "trash": ("mm.cli.commands.trash", "List the trash, and delete items in it for good."),
    "retry": ("mm.cli.commands.retry", "Process failed, quarantined or cancelled items again."),
    "search": ("mm.cli.commands.search", "Search by text, image, audio, video clip or library position."),
    "caption": ("mm.cli.commands.caption", "Describe an image, or each scene of a video, in a sentence."),
    "ask": ("mm.cli.commands.ask", "Answer a question from the library, with citations."),
    "chat": ("mm.cli.commands.chat", "Ask questions one after another."),
    "embed": ("mm.cli.commands.embed", "Compute the vectors of texts and images."),
    "actions": ("mm.cli.commands.actions", "Recognize actions in videos, scene by scene."),
    "inspect": ("mm.cli.commands.inspect", "Fit inspectors on good parts, and find what is wrong with others."),
    "scale": ("mm.cli.commands.scale", "Manage scale records, which turn pixels into millimetres."),
    "lesions": ("mm.cli.commands.lesions", "Mark candidates for review in ultrasound images; not a diagnosis."),
    "formats": ("mm.cli.commands.formats", "List the formats of images, video and audio that are read."),
    "models": ("mm.cli.commands.models", "List the spaces, show their cards, and export the language model."),
    "space": ("mm.cli.commands.space", "Show the space of the library, or reindex it in another space."),
    "eval": ("mm.cli.commands.eval", "Reproduce the numbers of the cards from the shipped files."),
    "data": ("mm.cli.commands.data", "List data sets, check folders, and build simulated sets."),
    "train": ("mm.cli.commands.train", "Train the weights and fit the calibration of a space."),
    "bench": ("mm.cli.commands.bench", "Measure the numbers of the docs on this machine."),
    "keys": ("mm.cli.commands.keys", "Manage API keys and browser sessions."),
    "audit": ("mm.cli.commands.audit", "Show the audit log: who changed what."),
    "doctor": ("mm.cli.commands.doctor", "Check this machine and library, and recover a library."),
}
"""Module and short help of each command."""


@click.group(cls=ProgramGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mm.__version__, prog_name="mm")
def main() -> None:
    """Search videos, images and audio by text, image, audio or video clip.

    Commands use the service of the folder MM_HOME (default ~/.mm), and start it for their duration
    if none runs; with --url they use a service at another address.
    """
    restrict_umask()
