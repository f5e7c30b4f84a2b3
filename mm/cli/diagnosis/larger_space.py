"""Check of the larger spaces that this machine could run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.cli.diagnosis.results import optional
from mm.schemas import Check

if TYPE_CHECKING:
    from mm.settings import Settings
    from mm.spaces.larger.table import LargerSpace

NAME = "larger space"


def check_larger_space(settings: Settings) -> Check:
    """The best larger space that fits, what it needs, and whether it can be had here.

    Requests the start page of the hub of models, unless the files of the space are on the disk.
    """
    from mm.errors import Unavailable
    from mm.machine import read_machine
    from mm.models.openclip.files import require_open_clip
    from mm.spaces.larger.estimate import image_seconds_by_operations
    from mm.spaces.larger.hub import describe_network_failure, is_on_disk
    from mm.spaces.larger.speed import measure_processor
    from mm.spaces.larger.table import read_larger_spaces, recommend

    if settings.space != "lite":
        return optional(NAME, f"MM_SPACE is {settings.space}.", ok=True)
    machine, spaces = read_machine(), read_larger_spaces()
    gflops = float("inf") if machine.gpus else measure_processor()
    seconds = {space.name: image_seconds_by_operations(space.image_gflops, gflops)[1] for space in spaces}
    best = recommend(spaces, machine, 1, seconds)
    if best is None:
        return optional(NAME, "Memory and speed of this machine are too low for a larger space.", ok=True)
    described = f"{_describe(best)} `mm space options` lists what this machine could run, and how long a move takes."
    try:
        require_open_clip(best.name.removeprefix("openclip:"))
    except Unavailable as error:
        return optional(NAME, f"{described} {error}", ok=True)
    if not is_on_disk(best) and (failure := describe_network_failure()) is not None:
        return optional(NAME, f"{described} It cannot be downloaded: {failure}", ok=True)
    return optional(NAME, described, ok=True)


def _describe(space: LargerSpace) -> str:
    return (
        f"This machine could use {space.name}, whose published recall at 1 (text to image) is {space.flickr30k[0]:g} % on "
        f"Flickr30k and {space.coco[0]:g} % on COCO; its files have {space.download_bytes / 1e9:.1f} GB."
    )
