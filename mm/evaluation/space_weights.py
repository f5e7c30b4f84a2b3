"""Files that the vectors of a space depend on."""

from __future__ import annotations

from pathlib import Path

from mm.spaces.registry import WEIGHTS


def list_space_weights(name: str) -> tuple[Path, ...]:
    """Folder of a shipped space, or the checkpoint of `openclip:MODEL/PRETRAINED`.

    Raises as `find_model`.
    """
    if not name.startswith("openclip:"):
        return (WEIGHTS / name,)
    from mm.models.openclip.files import find_model
    from mm.spaces.openclip_space import OWN_SOUND, PREFIX

    return (find_model(name.removesuffix(OWN_SOUND).removeprefix(PREFIX)).weights,)
