"""Files that the vectors of a space depend on."""

from __future__ import annotations

from pathlib import Path

from mm.spaces.registry import WEIGHTS

OF_QUERIES = ("bands.json", "languages.json", "languages.safetensors")
"""Of a shipped space, what only queries and their bands depend on."""


def list_evidence_weights(name: str) -> tuple[Path, ...]:
    """As `list_space_weights`, file by file and without those of queries.

    For measures that compare evidence with English texts of evidence, such as names of classes.
    """
    files = [file for path in list_space_weights(name) for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return tuple(file for file in files if file.is_file() and file.name not in OF_QUERIES)


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
