"""Finds the files of an open_clip model on this disk.

A model is named `MODEL/PRETRAINED`, `local-dir:FOLDER` or `hf-hub:ORG/NAME`. Files are looked up in
the caches of open_clip and the Hugging Face libraries; they are downloaded only on request. Ilharco
et al. 2021, OpenCLIP (doi:10.5281/zenodo.5143773), MIT.
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
"""Names of weights in the folder of a model, in order of preference."""
TOKENIZER_FILES = ("tokenizer*", "vocab*", "merges*", "*.model", "special_tokens_map.json")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files and settings that determine the vectors of a model."""

    name: str
    """Name of the model, for display."""
    source: str
    """The model argument of `open_clip.create_model`."""
    config: Config
    """Architecture: `embed_dim`, `vision_cfg`, `text_cfg`."""
    preprocess: Config
    """Preprocessing options that differ from the defaults of open_clip."""
    weights: Path
    tokenizer: str | None
    """Folder or hub name of a Hugging Face tokenizer; None for that of CLIP."""

    @property
    def text_config(self) -> Config:
        return _section(self.config, "text_cfg")


def find_model(model_name: str, *, download: bool = False) -> ModelFiles:
    """The files of a model; `model_name` is the name of the space without `openclip:`.

    Configurations are read, weights are not. Raises `InvalidInput` for a malformed name, `NotFound`
    for an unknown model, and `Unavailable` when open_clip is not installed or a file is neither on
    this disk nor, with `download`, available from the hub.
    """
    require_open_clip(model_name)
    if not download:
        disable_hub_downloads()
    if model_name.startswith("local-dir:"):
        return _from_folder(_path(model_name.removeprefix("local-dir:"), model_name), model_name)
    if model_name.startswith("hf-hub:"):
        return _from_folder(_snapshot(model_name.removeprefix("hf-hub:"), download), model_name)
    model, slash, pretrained = model_name.partition("/")
    if not slash or not model or not pretrained:
        raise InvalidInput(
            f"'openclip:{model_name}' does not name a model: use openclip:MODEL/PRETRAINED, "
            "for example openclip:ViT-B-32/laion2b_s34b_b79k."
        )
    return _from_names(model, pretrained, model_name, download)


def require_open_clip(model_name: str) -> None:
    """Raise `Unavailable` unless torch and open_clip are installed."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("open_clip") is None:
        raise Unavailable(
            f"The space openclip:{model_name} needs torch and open_clip, which are not installed: "
            "`pip install --no-deps -r requirements-train.lock`."
        )


def disable_hub_downloads() -> None:
    """Restrict the Hugging Face libraries of this process to their caches."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    if (hub := sys.modules.get("huggingface_hub.constants")) is not None:  # was read when the module was imported
        vars(hub)["HF_HUB_OFFLINE"] = True


def _from_names(model: str, pretrained: str, model_name: str, download: bool) -> ModelFiles:
    import open_clip

    config = open_clip.get_model_config(model)
    if config is None:
        raise NotFound(f"open_clip has no model '{model}': `open_clip.list_models()` lists all, such as ViT-B-32.")
    tag = open_clip.get_pretrained_cfg(model, pretrained)
    if tag:
        _require_same_activation(model, pretrained, config, tag)
        weights = _weights_of_tag(tag, f"openclip:{model_name}", download)
    else:
        known = open_clip.list_pretrained_tags_by_model(model)
        if not pretrained.startswith(("/", "~")):
            raise NotFound(
                f"'{pretrained}' does not name weights of {model}; known are {', '.join(known) or 'none'}. "
                f"A file is given by its absolute path: openclip:{model}//folder/file.safetensors."
            )
        weights = _path(pretrained, model_name)
        if not weights.is_file():
            raise NotFound(f"There is no weights file {weights}, which openclip:{model_name} names.")
    preprocess = _read_preprocess(tag) if tag else _guess_preprocess(model)
    hub_name = _section(config, "text_cfg").get("hf_tokenizer_name")
    tokenizer = str(hub_name) if hub_name else None
    if tokenizer is not None and not tag and (weights.parent / "tokenizer.json").is_file():
        tokenizer = str(weights.parent)
    return ModelFiles(model, model, config, preprocess, weights, tokenizer)


_PREPROCESS_KEYS = ("mean", "std", "interpolation", "resize_mode", "fill_color")


def _read_preprocess(tag: Config) -> Config:
    return {key: value for key, value in tag.items() if key in _PREPROCESS_KEYS}


def _guess_preprocess(model: str) -> Config:
    """The preprocessing for a file without a tag: that which all known weights of the model share.

    The default of open_clip when they differ.
    """
    import open_clip

    first, *others = [
        _read_preprocess(open_clip.get_pretrained_cfg(model, tag)) for tag in open_clip.list_pretrained_tags_by_model(model)
    ] or [{}]
    return first if all(other == first for other in others) else {}


def _from_folder(folder: Path, model_name: str) -> ModelFiles:
    """The files of a folder as saved by open_clip."""
    try:
        stored = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        config, preprocess = stored["model_cfg"], stored.get("preprocess_cfg", {})
        text = _section(config, "text_cfg")
        int(config["embed_dim"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"openclip:{model_name}: {folder / CONFIG_FILE} does not describe a model: {error}.") from error
    weights = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
    if weights is None:
        raise NotFound(f"openclip:{model_name}: {folder} has none of {', '.join(WEIGHT_FILES)}.")
    tokenizer = str(folder) if text.get("hf_tokenizer_name") else None
    name = model_name.rstrip("/").rpartition("/")[2]
    return ModelFiles(name, f"local-dir:{folder}", config, preprocess, weights, tokenizer)


def _path(text: str, model_name: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise InvalidInput(f"openclip:{model_name}: the path {text!r} must be absolute or begin with ~.")
    return path


def _section(config: Config, name: str) -> Config:
    section = config[name]
    if not isinstance(section, dict):
        raise TypeError(f"{name} is not an object")
    return section


def _require_same_activation(model: str, tag: str, config: Config, tag_config: Config) -> None:
    """Raise `InvalidInput` unless model and weights agree on QuickGELU or GELU.

    The vectors would be wrong without an error.
    """
    trained, has = bool(tag_config.get("quick_gelu")), bool(config.get("quick_gelu"))
    if trained == has or (has and not model.endswith("-quickgelu")):  # some models have it in the configuration only
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
    """The error message for files of a model that are not on this disk."""
    if download:
        return f"The files of {space} are not on this machine, and the download failed: check the network."
    return (
        f"The files of {space} are not on this machine, and downloads are disabled: set MM_DOWNLOAD_MODELS=true for one start "
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
