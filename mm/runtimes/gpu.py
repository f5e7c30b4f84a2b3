"""Whether this process can compute on a GPU."""

from __future__ import annotations

import importlib.util

from mm.errors import Unavailable


def require_gpu() -> None:
    """Raise `Unavailable` without torch or without a GPU that torch can use. Imports torch."""
    if importlib.util.find_spec("torch") is None:
        command = "pip install --no-deps -r requirements-train.lock"
        raise Unavailable(f"The runtime cuda needs torch, which is not installed: run `{command}`.")
    import torch

    if not torch.cuda.is_available():
        raise Unavailable("The runtime cuda needs a GPU, and torch detects none.")
