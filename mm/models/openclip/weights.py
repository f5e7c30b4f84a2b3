"""Reads checkpoints of open_clip models: only tensors are read, and every one must fit the
model."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from mm.errors import Corrupt, InvalidInput

if TYPE_CHECKING:
    import torch

PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
"""Suffixes of files of `torch.save`: tensors are read, files with code are refused."""

_REFUSED = (
    "The checkpoint {} is refused: it holds more than tensors, and such a file can run code when it is read. If you trust it, "
    "save its tensors as safetensors."
)

Tensors = dict[str, "torch.Tensor"]


def read_tensors(path: Path) -> Tensors:
    """The tensors by name, without an enclosing `state_dict` and without the prefix `module.`.

    Raises `InvalidInput` for a file that could run code or has an unknown suffix, and `Corrupt` for
    one that cannot be read, holds no tensors, or holds numbers that are not finite.
    """
    import torch

    loaded: object
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded = load_file(path)
        elif path.suffix in PICKLE_SUFFIXES:
            if _is_script(path):
                raise InvalidInput(_REFUSED.format(path))
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        else:
            kinds = ", ".join((".safetensors", *PICKLE_SUFFIXES))
            raise InvalidInput(f"{path} has an unsupported suffix; checkpoints are {kinds}.")
    except (SafetensorError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Corrupt(f"The checkpoint {path} cannot be read: {error}.") from error
    except (pickle.UnpicklingError, RuntimeError) as error:
        if "Weights only" in str(error):
            raise InvalidInput(_REFUSED.format(path)) from error
        raise Corrupt(f"The checkpoint {path} cannot be read: {str(error).splitlines()[0]}.") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise Corrupt(f"The checkpoint {path} does not hold tensors by name.")
    if all(name.startswith("module.") for name in loaded):
        loaded = {name.removeprefix("module."): tensor for name, tensor in loaded.items()}
    for name, tensor in loaded.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise Corrupt(f"The checkpoint {path} holds numbers that are not finite, in {name}.")
    return loaded


def _is_script(path: Path) -> bool:
    """Whether the file is a TorchScript archive, code with tensors, as the files of OpenAI are."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def load_tensors(model: torch.nn.Module, tensors: Tensors, path: Path, name: str) -> None:
    """Load the tensors into the model; `path` and `name` are for messages.

    Unlike `open_clip.load_checkpoint` this neither resizes position embeddings nor fills in a
    missing bias: a checkpoint of another resolution, context length or loss is another model.
    Raises `Corrupt`, which names the tensors that do not fit.
    """
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    tensors = convert_state_dict(model, dict(tensors))
    if "positional_embedding" in tensors and not hasattr(model, "positional_embedding"):  # saved with a separate text tower
        tensors = convert_to_custom_text_state_dict(tensors)
    expected = model.state_dict()
    for key in ("logit_scale", "logit_bias"):  # stored as a scalar or as a list of one
        if key in tensors and key in expected and tensors[key].numel() == expected[key].numel():
            tensors[key] = tensors[key].reshape(expected[key].shape)
    tensors = {key: tensor for key, tensor in tensors.items() if key in expected or not key.endswith("position_ids")}
    mismatches = [
        *_describe_mismatch("lacks", sorted(expected.keys() - tensors.keys())),
        *_describe_mismatch("has in addition", sorted(tensors.keys() - expected.keys())),
        *(
            f"has {key} as {tuple(tensors[key].shape)} where the model has {tuple(expected[key].shape)}"
            for key in sorted(expected.keys() & tensors.keys())
            if tensors[key].shape != expected[key].shape
        ),
    ]
    if mismatches:
        more = f", and {len(mismatches) - 3} more" if len(mismatches) > 3 else ""
        raise Corrupt(f"The checkpoint {path} does not fit {name}: it {', '.join(mismatches[:3])}{more}.")
    model.load_state_dict(tensors)


def _describe_mismatch(verb: str, names: list[str]) -> list[str]:
    if not names:
        return []
    return [f"{verb} {names[0]}" + (f" and {len(names) - 1} more tensors" if len(names) > 1 else "")]
