"""Which files an open_clip model is made of: `MODEL/PRETRAINED`, `local-dir:FOLDER` or
`hf-hub:ORG/NAME` to paths on this disk.

Nothing is taken from the network unless the caller says so: what a name stands for is looked up in
the caches that open_clip and the Hugging Face libraries keep. Ilharco et al. 2021, OpenCLIP
(doi:10.5281/zenodo.5143773), MIT.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mm.errors import InvalidInput, NotFound, Unavailable

Config = Mapping[str, object]
CONFIG_FILE = "open_clip_config.json"
SAFETENSORS_FILE = "open_clip_model.safetensors"
PICKLE_FILE = "open_clip_pytorch_model.bin"
WEIGHT_FILES = (SAFETENSORS_FILE, "open_clip_pytorch_model.safetensors", "model.safetensors", PICKLE_FILE)
"""Names of weights in a model's folder, the first that is there is taken."""
TOKENIZER_FILES = ("tokenizer*", "vocab*", "merges*", "*.model", "special_tokens_map.json")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Everything that decides a model's vectors."""

    name: str
    """The model's name, for a person."""
    source: str
    """What `open_clip.create_model` takes as the model."""
    config: Config
    """Architecture: `embed_dim`, `vision_cfg`, `text_cfg`."""
    preprocess: Config
    """What differs from open_clip's defaults in how a picture is prepared."""
    weights: Path
    tokenizer: str | None
    """Folder or hub name of a Hugging Face tokenizer; None for CLIP's own."""

    @property
    def text_config(self) -> Config:
        return _section(self.config, "text_cfg")


def find_model(wanted: str, *, download: bool = False) -> ModelFiles:
    """The files of `wanted`, the part of a space's name behind `openclip:`. Reads configurations,
    no weights.

    Raises `InvalidInput` for what names no model, `NotFound` for an unknown one, and `Unavailable`
    when open_clip is not installed or a file is neither on this disk nor, with `download`, to be
    had.
    """
    require_open_clip(wanted)
    if not download:
        disable_hub_downloads()
    if wanted.startswith("local-dir:"):
        return _from_folder(_path(wanted.removeprefix("local-dir:"), wanted), wanted)
    if wanted.startswith("hf-hub:"):
        return _from_folder(_snapshot(wanted.removeprefix("hf-hub:"), download), wanted)
    model, slash, pretrained = wanted.partition("/")
    if not slash or not model or not pretrained:
        raise InvalidInput(
            f"'openclip:{wanted}' names no model; it is openclip:MODEL/PRETRAINED, as in openclip:ViT-B-32/laion2b_s34b_b79k."
        )
    return _from_names(model, pretrained, wanted, download)


def require_open_clip(wanted: str) -> None:
    """Raise `Unavailable` where the environment is the base."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("open_clip") is None:
        raise Unavailable(
            f"The space openclip:{wanted} needs torch and open_clip, which are not installed: "
            "`pip install --no-deps -r requirements-train.lock`."
        )


def disable_hub_downloads() -> None:
    """Have the Hugging Face libraries of this process look into their caches and nowhere else."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    if (hub := sys.modules.get("huggingface_hub.constants")) is not None:  # read once, when it was imported
        vars(hub)["HF_HUB_OFFLINE"] = True


def _from_names(model: str, pretrained: str, wanted: str, download: bool) -> ModelFiles:
    import open_clip

    config = open_clip.get_model_config(model)
    if config is None:
        raise NotFound(f"open_clip has no model '{model}'; `open_clip.list_models()` names all, such as ViT-B-32.")
    tag = open_clip.get_pretrained_cfg(model, pretrained)
    if tag:
        _require_same_activation(model, pretrained, config, tag)
        weights = _weights_of_tag(tag, f"openclip:{wanted}", download)
    else:
        known = open_clip.list_pretrained_tags_by_model(model)
        if not pretrained.startswith(("/", "~")):
            raise NotFound(
                f"'{pretrained}' names no weights of {model}; known are {', '.join(known) or 'none'}. "
                f"A file is given by its whole path: openclip:{model}//folder/file.safetensors."
            )
        weights = _path(pretrained, wanted)
        if not weights.is_file():
            raise NotFound(f"There is no file {weights}, which openclip:{wanted} shall read its weights from.")
    preprocess = _preprocess(tag) if tag else _usual_preprocess(model)
    named = _section(config, "text_cfg").get("hf_tokenizer_name")
    tokenizer = str(named) if named else None
    if tokenizer is not None and not tag and (weights.parent / "tokenizer.json").is_file():
        tokenizer = str(weights.parent)
    return ModelFiles(model, model, config, preprocess, weights, tokenizer)


_PREPROCESS = ("mean", "std", "interpolation", "resize_mode", "fill_color")


def _preprocess(tag: Config) -> Config:
    return {key: value for key, value in tag.items() if key in _PREPROCESS}


def _usual_preprocess(model: str) -> Config:
    """For a file of one's own: how all known weights of the architecture want a picture; the
    default where they differ."""
    import open_clip

    first, *others = [
        _preprocess(open_clip.get_pretrained_cfg(model, tag)) for tag in open_clip.list_pretrained_tags_by_model(model)
    ] or [{}]
    return first if all(other == first for other in others) else {}


def _from_folder(folder: Path, wanted: str) -> ModelFiles:
    """A folder as open_clip saves it."""
    try:
        described = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        config, preprocess = described["model_cfg"], described.get("preprocess_cfg", {})
        text = _section(config, "text_cfg")
        int(config["embed_dim"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"openclip:{wanted}: {folder / CONFIG_FILE} does not describe a model: {error}.") from error
    weights = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
    if weights is None:
        raise NotFound(f"openclip:{wanted}: {folder} has none of {', '.join(WEIGHT_FILES)}.")
    tokenizer = str(folder) if text.get("hf_tokenizer_name") else None
    name = wanted.rstrip("/").rpartition("/")[2]
    return ModelFiles(name, f"local-dir:{folder}", config, preprocess, weights, tokenizer)


def _path(text: str, wanted: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise InvalidInput(f"openclip:{wanted}: the path {text!r} must be whole, from the root or from ~.")
    return path


def _section(config: Config, name: str) -> Config:
    section = config[name]
    if not isinstance(section, dict):
        raise TypeError(f"{name} is no table")
    return section


def _require_same_activation(model: str, tag: str, config: Config, described: Config) -> None:
    """Weights that were trained with QuickGELU give other vectors, and no error, in a model that
    has GELU."""
    trained, has = bool(described.get("quick_gelu")), bool(config.get("quick_gelu"))
    if trained == has or (has and not model.endswith("-quickgelu")):  # of some models only the configuration says it
        return
    other = f"{model}-quickgelu" if trained else model.removesuffix("-quickgelu")
    raise InvalidInput(
        f"The weights '{tag}' were trained {'with' if trained else 'without'} QuickGELU, and {model} is "
        f"{'without' if trained else 'with'} it: their vectors would be wrong. The model is {other}: openclip:{other}/{tag}."
    )


def _weights_of_tag(tag: Config, space: str, download: bool) -> Path:
    repository, _, file = str(tag["hf_hub"]).rpartition("/")
    names = [f"{Path(file).stem}.safetensors", file] if file else [SAFETENSORS_FILE, PICKLE_FILE]
    path = _from_hub(repository, names[0], download) or _from_hub(repository, names[1], download)
    if path is None:
        raise Unavailable(describe_missing_files(space, download))
    return path


def describe_missing_files(space: str, download: bool) -> str:
    """The sentence for files that a name stands for and that are not on this disk."""
    if download:
        return f"The files of {space} are not on this machine, and they could not be downloaded: is there a network?"
    return (
        f"The files of {space} are not on this machine, and nothing is downloaded: set MM_DOWNLOAD_MODELS=true for one start "
        "with a network, or give the path of a checkpoint."
    )


def _from_hub(repository: str, name: str, download: bool) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(repository, name, local_files_only=not download))
    except (OSError, ValueError, HfHubHTTPError):  # not in the cache, not in the repository, no network
        return None


def _snapshot(repository: str, download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    space = f"openclip:hf-hub:{repository}"
    try:
        return Path(
            snapshot_download(
                repository, local_files_only=not download, allow_patterns=[CONFIG_FILE, *WEIGHT_FILES, *TOKENIZER_FILES]
            )
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise Unavailable(describe_missing_files(space, download)) from error
