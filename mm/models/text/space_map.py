"""The map from the space of an encoder into that of the library.

A linear part and a hidden layer beside it. Names of arrays end in their axes: N vectors, C and D
dimensions of the two spaces, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

MAP = "map."
"""Prefix of the tensors."""


class SpaceMap:
    """`linear x + out silu(hidden x + hidden_bias) + bias`, of standardized vectors, normalized."""

    def __init__(self, tensors: Mapping[str, Float]) -> None:
        """`tensors` have the names of `apply`, with the prefix. Raises `KeyError` without one."""
        names = ("mean", "gain", "linear", "hidden", "hidden_bias", "out", "bias")
        self._mean_C, self._gain, self._linear_DC, self._hidden_HC, self._hidden_bias_H, self._out_DH, self._bias_D = (
            tensors[MAP + name] for name in names
        )

    def apply(self, vectors_NC: Float) -> Float:
        """Unit rows (N, D)."""
        x_NC = (vectors_NC - self._mean_C) * self._gain
        hidden_NH = x_NC @ self._hidden_HC.T + self._hidden_bias_H
        hidden_NH = hidden_NH / (1 + np.exp(-hidden_NH))
        mapped_ND = x_NC @ self._linear_DC.T + hidden_NH @ self._out_DH.T + self._bias_D
        lengths_N1 = np.linalg.norm(mapped_ND, axis=1, keepdims=True)
        return np.asarray(mapped_ND / np.maximum(lengths_N1, np.finfo(np.float32).tiny), np.float32)
