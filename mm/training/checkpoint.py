"""Checkpoints: weights for serving in half precision, and states that training runs resume from."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from mm.errors import Corrupt
from mm.files import open_atomic, write_atomic
from mm.models.image.efficientnet_lite_torch import load_encoder

__all__ = ["RunState", "load_encoder", "read_state", "write_encoder", "write_state"]

RunState = dict[str, Any]
"""Tensors and plain values by name, as torch's `state_dict`."""


def write_encoder(path: Path, state: dict[str, Tensor], size: int) -> None:
    """Write the state of an `ImageEncoder` whose input has `size` pixels a side.

    Matrices and kernels are stored in float16; norms, biases and scales in float32.
    """
    tensors = {
        name: (tensor.half() if tensor.ndim > 1 else tensor.float()).cpu().contiguous()
        for name, tensor in state.items()
        if tensor.is_floating_point()
    }
    write_atomic(path, save(tensors, {"size": str(size)}))


def write_state(path: Path, state: RunState) -> None:
    """Write the state that a run resumes from."""
    with open_atomic(path) as file:
        torch.save(state, file)


def read_state(path: Path, device: torch.device) -> RunState | None:
    """Read what `write_state` wrote; None when the file does not exist.

    Raises `Corrupt` for any other file. A pickle with more than tensors and plain values is not
    executed.
    """
    if not path.exists():
        return None
    try:
        state: RunState = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise Corrupt(f"{path} is not the state of a training run; remove it to start again.") from error
    return state
