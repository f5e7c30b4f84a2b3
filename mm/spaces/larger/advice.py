"""What this machine could run, and what that would give, need and take."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.models.openclip.files import require_open_clip
from mm.schemas import Recall, SpaceMachine, SpaceOption, SpaceOptions
from mm.spaces.larger.estimate import estimate_seconds, image_seconds_by_measurement, image_seconds_by_operations
from mm.spaces.larger.hub import FREE_BYTES, describe_network_failure, get_cache, get_hub, is_on_disk, name_cache
from mm.spaces.larger.speed import read_speeds
from mm.spaces.larger.table import describe_lite, read_larger_spaces, read_sources, recommend

if TYPE_CHECKING:
    from mm.machine import Machine
    from mm.settings import Settings
    from mm.spaces.larger.estimate import Content
    from mm.spaces.larger.speed import MeasuredSpeeds
    from mm.spaces.larger.table import LargerSpace

VECTOR_BYTES = 2 * 2
"""Of a dimension: half precision in the shards, and again in the index."""
WITHOUT = (
    "Its models were trained on English texts: queries in other languages find fewer images than in lite.",
    "Its scores are not calibrated, so that they give an order and no probability, until `mm train calibrate --space` was run.",
    "The built-in language model reads images only in lite, so that it writes no captions for new items.",
    "An image query finds no sound and an audio query no image, until `mm train sound --space` was run.",
)


def advise(settings: Settings, current: str, content: Content, machine: Machine, *, ask_network: bool) -> SpaceOptions:
    """The larger spaces of the table, as this machine could run them for this library.

    `ask_network` requests the start page of the hub. Raises `Unavailable` if the measured speed
    cannot be stored.
    """
    speeds = read_speeds(settings, machine)
    spaces = read_larger_spaces()
    missing = [space for space in spaces if not is_on_disk(space)]
    network = describe_network_failure() if ask_network and missing else None
    facts = SpaceMachine(
        memory_bytes=round(machine.memory_gb * 2**30),
        gpus=[f"{gpu.name}, {gpu.memory_gb:.0f} GiB" for gpu in machine.gpus],
        free_disk_bytes=_free_bytes(get_cache()),
        network=network,
        is_network_known=ask_network and bool(missing),
        workers=content.num_workers,
    )
    sources = read_sources()
    seconds = {space.name: _image_seconds(space, speeds) for space in spaces}
    best = recommend(spaces, machine, max(content.num_workers, 1), {name: slow for name, (_, slow) in seconds.items()})
    make = partial(_make_option, settings, current, content, machine, facts)
    return SpaceOptions(
        current=current,
        machine=facts,
        images=content.count_frames(settings.sample_fps),
        options=[
            make(
                space,
                seconds[space.name],
                on_disk=space not in missing,
                is_measured=space.name in speeds.image_seconds,
                is_best=space is best,
            )
            for space in spaces
        ],
        notes=list(WITHOUT),
        comparison=describe_lite(),
        source=f"{sources.recall}, read {sources.read}",
    )


def _make_option(
    settings: Settings,
    current: str,
    content: Content,
    machine: Machine,
    facts: SpaceMachine,
    space: LargerSpace,
    image_seconds: tuple[float, float],
    *,
    on_disk: bool,
    is_measured: bool,
    is_best: bool,
) -> SpaceOption:
    num_workers = max(content.num_workers, 1)
    obstacle = find_obstacle(space, current, machine, num_workers, facts, on_disk=on_disk)
    return SpaceOption(
        name=space.name,
        repository=f"{get_hub()}/{space.repository}",
        licence=space.licence,
        flickr30k=Recall(text_to_image=space.flickr30k[0], image_to_text=space.flickr30k[1]),
        coco=Recall(text_to_image=space.coco[0], image_to_text=space.coco[1]),
        download_bytes=space.download_bytes,
        on_disk=on_disk,
        memory_bytes=space.needed_memory(num_workers, has_gpu=bool(machine.gpus)),
        gpu_memory_bytes=space.needed_gpu_memory(num_workers) if machine.gpus else None,
        vector_bytes=content.num_evidence * space.dim * VECTOR_BYTES,
        seconds=estimate_seconds(content, content.count_frames(settings.sample_fps), image_seconds),
        is_measured=is_measured,
        recommended=is_best,
        can_start=obstacle is None,
        obstacle=obstacle,
    )


def _image_seconds(space: LargerSpace, speeds: MeasuredSpeeds) -> tuple[float, float]:
    """Shortest and longest time of the model for one image, measured or from its operations."""
    measured = speeds.image_seconds.get(space.name)
    if measured is None:
        return image_seconds_by_operations(space.image_gflops, speeds.gflops)
    return image_seconds_by_measurement(measured)


def find_obstacle(
    space: LargerSpace, current: str, machine: Machine, num_workers: int, facts: SpaceMachine, *, on_disk: bool
) -> str | None:
    """Why a space cannot be started on this machine, and what to do; None if it can."""
    if space.name == current:
        return "The library uses it."
    if (misfit := space.describe_misfit(machine, num_workers)) is not None:
        return misfit
    try:
        require_open_clip(space.name.removeprefix("openclip:"))
    except Unavailable as error:
        return str(error)
    if on_disk:
        return None
    if facts.network is not None:
        return f"{facts.network} {explain_copy(space)}"
    if facts.free_disk_bytes < space.download_bytes + FREE_BYTES:
        needed, free = space.download_bytes / 1e9, facts.free_disk_bytes / 1e9
        return f"Its files need {needed:.1f} GB, and the disk of {name_cache()} has {free:.1f} GB free."
    return None


def explain_copy(space: LargerSpace) -> str:
    """How the files get onto a machine without a network, in one sentence."""
    repositories = sorted({space.repository, space.tokenizer or space.repository})
    commands = " and ".join(f"`hf download {repository}`" for repository in repositories)
    folders = " and ".join(f"models--{repository.replace('/', '--')}" for repository in repositories)
    copy = f"copy {folders} from its ~/.cache/huggingface/hub to {name_cache()} here"
    return f"On a machine with a network run {commands}, and {copy}."


def _free_bytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
