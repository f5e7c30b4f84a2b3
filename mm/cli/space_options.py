"""Print the larger spaces that a machine could run, and ask before one of them is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli.format import format_bytes, format_seconds_range
from mm.cli.render import print_rows
from mm.embedded.connect import print_status
from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from mm.schemas import SpaceOption, SpaceOptions


def print_space_options(found: SpaceOptions) -> None:
    """Print one row for each space, and below them the machine, obstacles, notes and the source."""
    machine = found.machine
    gpus = "; ".join(clean(gpu) for gpu in machine.gpus) or "no GPU"
    memory, free = f"{machine.memory_bytes / 2**30:.1f} GiB", format_bytes(machine.free_disk_bytes)
    print_status(
        f"This machine has {memory} of memory, {gpus}, {free} of free disk space. A move encodes up to {found.images:,} images."
    )
    columns = ("space", "Flickr30k", "COCO", "download", "memory", "time", "")
    print_rows(columns, [_make_row(option) for option in found.options])
    for option in found.options:
        if option.obstacle is not None:
            print_status(f"{clean(option.name)}: {clean(option.obstacle)}")
    for note in found.notes:
        print_status(f"note: {clean(note)}")
    print_status(f"Recall at 1 in percent, text to image, zero-shot. {clean(found.comparison)} Source: {clean(found.source)}.")


def confirm_download(found: SpaceOptions, to: str) -> None:
    """Ask before the files of a space are downloaded; nothing to ask if they are on the disk.

    Raises `click.Abort` without a yes.
    """
    option = next((option for option in found.options if option.name == to), None)
    if option is not None and not option.on_disk:
        size, source = format_bytes(option.download_bytes), f"{clean(option.repository)} (licence: {clean(option.licence)})"
        click.confirm(f"Download about {size} from {source}?", abort=True, err=True)


def _make_row(option: SpaceOption) -> tuple[str, ...]:
    return (
        option.name,
        f"{option.flickr30k.text_to_image:.1f}",
        f"{option.coco.text_to_image:.1f}",
        "on the disk" if option.on_disk else format_bytes(option.download_bytes),
        f"{(option.gpu_memory_bytes or option.memory_bytes) / 2**30:.1f} GiB{' of GPU' if option.gpu_memory_bytes else ''}",
        _format_time(option),
        "recommended" if option.recommended else "" if option.can_start else "cannot be started",
    )


def _format_time(option: SpaceOption) -> str:
    if option.seconds is None:
        return "unknown"
    return f"{format_seconds_range(*option.seconds)}, {'measured' if option.is_measured else 'estimate'}"
