"""Whether this process can compute on a GPU."""

from __future__ import annotations

import importlib.util

from mm.errors import Unavailable


def require_gpu() -> None:
    """Raises `Unavailable` without torch, or without a GPU that torch can use; imports torch where
    it is installed."""
    if importlib.util.find_spec("torch") is None:
        mend = "`pip install --no-deps -r requirements-train.lock` brings it"
        raise Unavailable(f"The runtime cuda needs torch, which is not installed; {mend}.")
    import torch

    if not torch.cuda.is_available():
        raise Unavailable("The runtime cuda needs a GPU, and torch sees none here.")
