"""A network with one hidden layer that classifies patches, trained in numpy.

Adam (Kingma and Ba 2015, arXiv:1412.6980) with decoupled weight decay and a cosine schedule. Names
of arrays end in their axes: N patches, D inputs, K hidden units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.numerics import Float32, sigmoid

Labels = npt.NDArray[np.bool_]
Inputs = npt.NDArray[np.float32] | npt.NDArray[np.float16]
"""Inputs of patches; those of whole images are kept in float16."""

ROWS = 1 << 14
"""Patches whose inputs are brought to float32 at once."""
MIN_DEVIATION = 1e-3
"""Smallest scale of an input, so that one that hardly varies in training is not enlarged."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Options of the training."""

    hidden: int = 32
    epochs: int = 6
    min_steps: int = 500
    """Steps at least, for few patches: then there are more epochs."""
    batch: int = 512
    rate: float = 2e-3
    """Step at the start of the cosine schedule."""
    dropout: float = 0.0
    """Share of the inputs that are left out at random in each step."""
    decay: float = 1e-3
    """Share of the weights that a step of size 1 would remove."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchNetwork:
    """Weights of a trained network."""

    hidden_DK: Float32
    hidden_bias_K: Float32
    output_K: Float32
    output_bias: float

    def predict(self, inputs_ND: Inputs) -> Float32:
        """Log odds (N,) of inputs."""
        return np.concatenate([self._predict(part_ND) for part_ND in widen_in_parts(inputs_ND)])

    def _predict(self, inputs_ND: Float32) -> Float32:
        hidden_NK = np.maximum(inputs_ND @ self.hidden_DK + self.hidden_bias_K, 0)
        logits_N: Float32 = hidden_NK @ self.output_K + np.float32(self.output_bias)
        return logits_N


def widen_in_parts(inputs_ND: Inputs) -> Iterator[Float32]:
    """Parts of the inputs in float32 or wider, each of up to `ROWS` patches, and at least one."""
    precision = np.result_type(inputs_ND.dtype, np.float32)
    for start in range(0, max(len(inputs_ND), 1), ROWS):
        yield inputs_ND[start : start + ROWS].astype(precision, copy=False)


def measure_loss(network: PatchNetwork, inputs_ND: Float32, is_marked_N: Labels, weight_N: Float32) -> float:
    """Weighted mean of the cross entropies."""
    logits_N = network.predict(inputs_ND).astype(np.float64)
    losses_N = np.logaddexp(0, np.where(is_marked_N, -logits_N, logits_N))
    return float((weight_N * losses_N).sum() / weight_N.sum())


def compute_gradients(parameters: list[Float32], inputs_ND: Float32, is_marked_N: Labels, weight_N: Float32) -> list[Float32]:
    """Gradients of `measure_loss` by the parameters: hidden weights and bias, output, its bias."""
    hidden_DK, hidden_bias_K, output_K, output_bias_1 = parameters
    before_NK = inputs_ND @ hidden_DK + hidden_bias_K
    hidden_NK = np.maximum(before_NK, 0)
    errors_N = (sigmoid(hidden_NK @ output_K + output_bias_1) - is_marked_N) * (weight_N / weight_N.sum())
    back_NK = np.where(before_NK > 0, np.outer(errors_N, output_K), 0).astype(inputs_ND.dtype)
    return [inputs_ND.T @ back_NK, back_NK.sum(0), hidden_NK.T @ errors_N, errors_N.sum(keepdims=True)]


def fit_network(
    inputs_ND: Float32,
    is_marked_N: Labels,
    weight_N: Float32,
    settings: NetworkSettings,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> PatchNetwork:
    """Train a network; the weights balance the patches. `check` runs each epoch.

    Inputs are standardised for the training, and the weights of the result take them as they are.
    """
    random = np.random.default_rng(seed)
    num_inputs, hidden = inputs_ND.shape[1], settings.hidden
    mean_D, scale_D = measure_scales(inputs_ND)
    inputs_ND = (inputs_ND - mean_D) / scale_D
    parameters = [
        (random.standard_normal((num_inputs, hidden)) * np.sqrt(2 / num_inputs)).astype(np.float32),
        np.zeros(hidden, np.float32),
        (random.standard_normal(hidden) / np.sqrt(hidden)).astype(np.float32),
        np.zeros(1, np.float32),
    ]
    firsts, seconds = ([np.zeros_like(each) for each in parameters] for _ in range(2))
    steps_per_epoch = -(-len(inputs_ND) // settings.batch)
    epochs = max(settings.epochs, -(-settings.min_steps // steps_per_epoch))
    num_steps = epochs * steps_per_epoch
    step = 0
    for _ in range(epochs):
        check()
        order_N = random.permutation(len(inputs_ND))
        for start in range(0, len(order_N), settings.batch):
            rows = order_N[start : start + settings.batch]
            batch_ND = _drop(inputs_ND[rows], settings.dropout, random)
            gradients = compute_gradients(parameters, batch_ND, is_marked_N[rows], weight_N[rows])
            step += 1
            rate = settings.rate * (1 + np.cos(np.pi * step / num_steps)) / 2
            for index, gradient in enumerate(gradients):
                firsts[index] += 0.1 * (gradient - firsts[index])
                seconds[index] += 0.001 * (gradient**2 - seconds[index])
                change = (firsts[index] / (1 - 0.9**step)) / (np.sqrt(seconds[index] / (1 - 0.999**step)) + 1e-8)
                shrink = settings.decay * parameters[index] if index % 2 == 0 else 0  # not the biases
                parameters[index] = (parameters[index] - rate * (change + shrink)).astype(np.float32)
    hidden_DK, hidden_bias_K, output_K, output_bias_1 = parameters
    raw_DK: Float32 = hidden_DK / scale_D[:, None]
    return PatchNetwork(raw_DK, hidden_bias_K - mean_D @ raw_DK, output_K, float(output_bias_1[0]))


def _drop(inputs_ND: Float32, share: float, random: np.random.Generator) -> Float32:
    """The inputs, of which a share is 0 and the others are larger, so that sums stay equal."""
    if not share:
        return inputs_ND
    is_kept_ND = random.random(inputs_ND.shape, dtype=np.float32) >= share
    return np.where(is_kept_ND, inputs_ND / np.float32(1 - share), np.float32(0))


def measure_scales(inputs_ND: Float32) -> tuple[Float32, Float32]:
    """Mean (D,) and standard deviation (D,) of each input, at least `MIN_DEVIATION`."""
    return inputs_ND.mean(0), np.maximum(inputs_ND.std(0), np.float32(MIN_DEVIATION))
