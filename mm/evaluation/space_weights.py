"""Files that the vectors of a space depend on."""

from __future__ import annotations

from pathlib import Path

from mm.spaces.registry import WEIGHTS


def list_space_weights(name: str) -> tuple[Path, ...]:
    """Folder of a shipped space and its English text tower, or the checkpoint of an openclip model.

    Raises as `find_model`, and `Unavailable` when the package of the text tower is not installed.
    """
    if not name.startswith("openclip:"):
        from mm.models.text.minilm import find_model_folder

        return (WEIGHTS / name, find_model_folder() / "model.safetensors")
    from mm.models.openclip.files import find_model
    from mm.spaces.openclip_space import OWN_SOUND, PREFIX

    return (find_model(name.removesuffix(OWN_SOUND).removeprefix(PREFIX)).weights,)
