"""A checkpoint of an open_clip model as tensors, and into the model: nothing but tensors is read,
and every one must fit."""

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
"""Files of `torch.save`: their tensors are read, code in them is refused."""

_REFUSED = (
    "The checkpoint {} holds more than tensors, and such a file can run code when it is read: it is refused. Save its tensors as "
    "safetensors where it is trusted."
)

Tensors = dict[str, "torch.Tensor"]


def read_tensors(path: Path) -> Tensors:
    """The tensors by name, as training or saving left them: without a wrapper around them and
    without a prefix of all names.

    Raises `InvalidInput` for a file that could run code or is of no known kind, and `Corrupt` for
    one that cannot be read, holds no tensors, or numbers that are not finite.
    """
    import torch

    found: object
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        elif path.suffix in PICKLE_SUFFIXES:
            if _is_script(path):
                raise InvalidInput(_REFUSED.format(path))
            found = torch.load(path, map_location="cpu", weights_only=True)
        else:
            kinds = ", ".join((".safetensors", *PICKLE_SUFFIXES))
            raise InvalidInput(f"{path} is no kind of checkpoint that is read; those are {kinds}.")
    except (SafetensorError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Corrupt(f"The checkpoint {path} cannot be read: {error}.") from error
    except (pickle.UnpicklingError, RuntimeError) as error:
        if "Weights only" in str(error):
            raise InvalidInput(_REFUSED.format(path)) from error
        raise Corrupt(f"The checkpoint {path} cannot be read: {str(error).splitlines()[0]}.") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not found or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise Corrupt(f"The checkpoint {path} does not hold tensors by name.")
    if all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    for name, tensor in found.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise Corrupt(f"The checkpoint {path} holds numbers that are not finite, in {name}.")
    return found


def _is_script(path: Path) -> bool:
    """Whether it is an archive of TorchScript, as OpenAI's own files are: code with tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def load_tensors(model: torch.nn.Module, tensors: Tensors, path: Path, name: str) -> None:
    """Load the tensors into the model. `path` and `name` are for messages.

    Unlike open_clip's own loading this neither resizes positions nor makes up a missing bias: a
    checkpoint of another resolution, context length or loss is another model. Raises `Corrupt`,
    which names what does not fit.
    """
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    tensors = convert_state_dict(model, dict(tensors))
    if "positional_embedding" in tensors and not hasattr(model, "positional_embedding"):  # one network, saved as two
        tensors = convert_to_custom_text_state_dict(tensors)
    wanted = model.state_dict()
    for key in ("logit_scale", "logit_bias"):  # saved as one number or as a list of one
        if key in tensors and key in wanted and tensors[key].numel() == wanted[key].numel():
            tensors[key] = tensors[key].reshape(wanted[key].shape)
    tensors = {key: tensor for key, tensor in tensors.items() if key in wanted or not key.endswith("position_ids")}
    complaints = [
        *_complaint("lacks", sorted(wanted.keys() - tensors.keys())),
        *_complaint("has besides", sorted(tensors.keys() - wanted.keys())),
        *(
            f"has {key} as {tuple(tensors[key].shape)} where the model has {tuple(wanted[key].shape)}"
            for key in sorted(wanted.keys() & tensors.keys())
            if tensors[key].shape != wanted[key].shape
        ),
    ]
    if complaints:
        more = f", and {len(complaints) - 3} more" if len(complaints) > 3 else ""
        raise Corrupt(f"The checkpoint {path} is not of {name}: it {', '.join(complaints[:3])}{more}.")
    model.load_state_dict(tensors)


def _complaint(verb: str, names: list[str]) -> list[str]:
    if not names:
        return []
    return [f"{verb} {names[0]}" + (f" and {len(names) - 1} more tensors" if len(names) > 1 else "")]
