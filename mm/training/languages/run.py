"""One run of the distillation: the tower in torch, the step and the epoch.

Names of tensors end in their axes: N texts, L tokens, D dimensions.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from mm.models.text.minilm import DIMENSIONS, HEADS, NORM_EPSILON
from mm.training.languages.recipe import LanguagesConfig

_READ, _WARM_UP, _MAX_NORM, _DECAY = 40, 0.05, 1.0, 0.01  # tokens in training; share of the steps; of the gradient; weights
_TYPO, _LOST = 0.1, 0.05  # share of texts with a typing mistake; share of the tokens that are unknown


class _Layer(nn.Module):
    def __init__(self, wide: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.mixed = (nn.Linear(DIMENSIONS, DIMENSIONS) for _ in range(4))
        self.wide, self.narrow = nn.Linear(DIMENSIONS, wide), nn.Linear(wide, DIMENSIONS)
        self.attended, self.out = (nn.LayerNorm(DIMENSIONS, eps=NORM_EPSILON) for _ in range(2))

    def forward(self, x_NLD: Tensor, mask_NL: Tensor) -> Tensor:
        n, length, _ = x_NLD.shape
        query, key, value = (f(x_NLD).view(n, length, HEADS, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask_NL[:, None, None, :])
        x_NLD = self.attended(x_NLD + self.mixed(mixed.transpose(1, 2).reshape(n, length, -1)))
        out: Tensor = self.out(x_NLD + self.narrow(functional.gelu(self.wide(x_NLD))))
        return out


_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mixed": "attention.output.dense",
    "attended": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "out": "output.LayerNorm",
}


class TextEncoder(nn.Module):
    """Twin of the graph that `mm.models.text.graph` builds, to learn with."""

    def __init__(self, start: dict[str, Tensor], vocabulary: int) -> None:
        """`start` are MiniLM's tensors without those of its words, which are drawn anew."""
        super().__init__()
        places = start["embeddings.position_embeddings.weight"].float()
        self.words = nn.Embedding(vocabulary, DIMENSIONS)
        nn.init.normal_(self.words.weight, std=0.04)
        self.places = nn.Parameter(places.clone())
        self.norm = nn.LayerNorm(DIMENSIONS, eps=NORM_EPSILON)
        count = len({name.split(".")[2] for name in start if name.startswith("encoder.layer.")})
        wide = start["encoder.layer.0.intermediate.dense.weight"].shape[0]
        self.layers = nn.ModuleList(_Layer(wide) for _ in range(count))
        with torch.no_grad():
            for ours, theirs in self._named():
                ours.copy_(start[theirs])

    def forward(self, tokens_NL: Tensor) -> Tensor:
        """Unit rows (N, D); token 0 is padding."""
        mask_NL = tokens_NL != 0
        x_NLD = self.norm(self.words(tokens_NL) + self.places[: tokens_NL.shape[1]])
        for layer in self.layers:
            x_NLD = layer(x_NLD, mask_NL)
        return functional.normalize((x_NLD.float() * mask_NL[:, :, None]).sum(1), dim=-1)

    def tensors(self) -> dict[str, np.ndarray[Any, Any]]:
        """Under the names of transformers' `BertModel`, which the graph is built from."""
        named = {theirs: ours for ours, theirs in self._named()}
        named["embeddings.word_embeddings.weight"] = self.words.weight
        named["embeddings.position_embeddings.weight"] = self.places
        named["embeddings.token_type_embeddings.weight"] = torch.zeros(2, DIMENSIONS)
        return {name: tensor.detach().float().cpu().numpy() for name, tensor in named.items()}

    def _named(self) -> list[tuple[Tensor, str]]:
        found: list[tuple[Tensor, str]] = [
            (self.norm.weight, "embeddings.LayerNorm.weight"),
            (self.norm.bias, "embeddings.LayerNorm.bias"),
        ]
        for number, layer in enumerate(self.layers):
            for ours, theirs in _NAMES.items():
                for kind in ("weight", "bias"):
                    found.append((getattr(getattr(layer, ours), kind), f"encoder.layer.{number}.{theirs}.{kind}"))
        return found


class Distillation:
    """One run. All randomness comes from (seed, epoch), so that a resumed run goes on as if it had
    not stopped."""

    def __init__(
        self,
        config: LanguagesConfig,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        rows: Tensor,
        targets_ND: Tensor,
        start: dict[str, Tensor],
        device: torch.device,
    ) -> None:
        """`rows` says which of `targets_ND` is the vector of each text's English."""
        torch.manual_seed(config.seed)
        self.config, self.device, self.epoch = config, device, 0
        self._tokenizer, self._texts = tokenizer, list(texts)
        self._rows, self._targets_ND = rows.to(device), targets_ND.to(device)
        self.encoder = TextEncoder(start, tokenizer.get_vocab_size()).to(device)
        self._unknown = tokenizer.get_vocab()["[UNK]"]
        weights = [weight for weight in self.encoder.parameters() if weight is not self.encoder.words.weight]
        groups = [{"params": [self.encoder.words.weight], "times": 4.0}, {"params": weights, "times": 1.0}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.rate, betas=(0.9, 0.98), weight_decay=_DECAY, fused=device.type == "cuda"
        )

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return math.ceil(len(self._texts) / self.config.batch)

    def run_epoch(self) -> float:
        """One pass over the texts; returns the mean loss."""
        seed = self.config.seed * 100_003 + self.epoch
        torch.manual_seed(seed)
        tokens_NL = self._tokens(random.Random(seed)).to(self.device)
        order = torch.randperm(len(self._texts), generator=torch.Generator().manual_seed(seed)).to(self.device)
        self.encoder.train()
        total = torch.zeros((), device=self.device)
        for step in range(self.steps):
            self._set_rate((self.epoch * self.steps + step + 1) / (self.config.epochs * self.steps))
            picked = order[step * self.config.batch : (step + 1) * self.config.batch]
            total += self._step(tokens_NL[picked].long(), self._rows[picked])
        self.epoch += 1
        return float(total) / self.steps

    def _step(self, tokens_NL: Tensor, rows: Tensor) -> Tensor:
        lost = (torch.rand(tokens_NL.shape, device=self.device) < _LOST) & (tokens_NL > self._unknown + 2)
        tokens_NL = torch.where(lost, self._unknown, tokens_NL)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            ours_ND = self.encoder(tokens_NL)
        theirs_ND = self._targets_ND[rows].float()
        same = (rows[:, None] == rows[None, :]) & ~torch.eye(len(rows), dtype=torch.bool, device=self.device)
        logits = (ours_ND @ theirs_ND.T / self.config.temperature).masked_fill(same, -math.inf)
        apart = functional.cross_entropy(logits, torch.arange(len(rows), device=self.device))
        loss: Tensor = (1 - (ours_ND * theirs_ND).sum(1)).mean() + self.config.contrast * apart
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.encoder.parameters(), _MAX_NORM)
        self.optimizer.step()
        return loss.detach()

    def _tokens(self, chance: random.Random) -> Tensor:
        texts = [mistyped(text, chance) if chance.random() < _TYPO else text for text in self._texts]
        tokens = torch.zeros(len(texts), _READ, dtype=torch.int32)
        for row, encoding in enumerate(self._tokenizer.encode_batch(texts)):
            ids = encoding.ids[:_READ]
            tokens[row, : len(ids)] = torch.tensor(ids, dtype=torch.int32)
        return tokens[:, : int((tokens != 0).sum(1).max())]

    def _set_rate(self, share: float) -> None:
        rate = self.config.rate * min(1.0, share / _WARM_UP) * (1 + math.cos(math.pi * share)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["times"]

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on."""
        return {"epoch": self.epoch, "encoder": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state()` gave."""
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.epoch = state["epoch"]


def mistyped(text: str, chance: random.Random) -> str:
    """The text with one letter lost, doubled or changed for its neighbour."""
    if len(text) < 4:
        return text
    at = chance.randrange(1, len(text) - 1)
    return chance.choice(
        [text[:at] + text[at + 1 :], text[:at] + text[at - 1 :], text[:at] + text[at + 1] + text[at] + text[at + 2 :]]
    )
