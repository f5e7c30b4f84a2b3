"""The distillation run, by epochs: texts in many languages to the vectors of their English.

Names of tensors end in their axes: N texts, L tokens, D dimensions.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from mm.training.checkpoint import RunState
from mm.training.languages.network import TextEncoder
from mm.training.languages.recipe import LanguagesConfig
from mm.training.schedule import cosine_decay, linear_warmup

_MAX_TOKENS = 40  # of a text in training
_WARM_UP = 0.05  # share of the steps
_MAX_GRADIENT_NORM, _WEIGHT_DECAY = 1.0, 0.01
_WORD_RATE = 4.0  # learning rate of the word embeddings, relative to the other weights
_TYPOS, _UNKNOWN_TOKENS = 0.1, 0.05  # share of texts with a typing mistake; share of tokens replaced by the unknown token


class Distillation:
    """One run; its randomness comes from seed and epoch, so that a resumed run is the same."""

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
        """`rows` gives the row of `targets_ND` for each text; `start` has the initial tensors."""
        torch.manual_seed(config.seed)
        self.config, self.device, self.num_done = config, device, 0
        self._tokenizer, self._texts = tokenizer, list(texts)
        self._rows, self._targets_ND = rows.to(device), targets_ND.to(device)
        self.encoder = TextEncoder(start, tokenizer.get_vocab_size()).to(device)
        self._unknown = tokenizer.get_vocab()["[UNK]"]
        words = self.encoder.words.weight
        others = [weight for weight in self.encoder.parameters() if weight is not words]
        groups: list[dict[str, object]] = [{"params": [words], "lr": config.rate * _WORD_RATE}, {"params": others}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.rate, betas=(0.9, 0.98), weight_decay=_WEIGHT_DECAY, fused=device.type == "cuda"
        )
        self.schedule = LambdaLR(self.optimizer, self._rate_factor)

    @property
    def num_steps(self) -> int:
        """Steps an epoch."""
        return math.ceil(len(self._texts) / self.config.batch)

    def advance(self) -> Tensor:
        """Run one epoch; return the mean loss."""
        seed = self.config.seed * 100_003 + self.num_done
        torch.manual_seed(seed)
        tokens_NL = self._tokenize(random.Random(seed)).to(self.device)
        order = torch.randperm(len(self._texts), generator=torch.Generator().manual_seed(seed)).to(self.device)
        self.encoder.train()
        total = torch.zeros((), device=self.device)
        for step in range(self.num_steps):
            batch = order[step * self.config.batch : (step + 1) * self.config.batch]
            total += self._step(tokens_NL[batch].long(), self._rows[batch])
        self.num_done += 1
        return total / self.num_steps

    def state(self) -> RunState:
        """All that the next epoch depends on."""
        return {
            "epoch": self.num_done,
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.schedule.load_state_dict(state["schedule"])
        self.num_done = state["epoch"]

    def _step(self, tokens_NL: Tensor, rows: Tensor) -> Tensor:
        is_replaced = (torch.rand(tokens_NL.shape, device=self.device) < _UNKNOWN_TOKENS) & (tokens_NL > self._unknown + 2)
        tokens_NL = torch.where(is_replaced, self._unknown, tokens_NL)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            vectors_ND = self.encoder(tokens_NL)
        targets_ND = self._targets_ND[rows].float()
        is_same = (rows[:, None] == rows[None, :]) & ~torch.eye(len(rows), dtype=torch.bool, device=self.device)
        logits = (vectors_ND @ targets_ND.T / self.config.temperature).masked_fill(is_same, -math.inf)
        contrast = functional.cross_entropy(logits, torch.arange(len(rows), device=self.device))
        loss: Tensor = (1 - (vectors_ND * targets_ND).sum(1)).mean() + self.config.contrast * contrast
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.encoder.parameters(), _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    def _tokenize(self, draw: random.Random) -> Tensor:
        """Tokens (N, L) of all texts, some of them with a typing mistake."""
        texts = [add_typo(text, draw) if draw.random() < _TYPOS else text for text in self._texts]
        tokens = torch.zeros(len(texts), _MAX_TOKENS, dtype=torch.int32)
        for row, encoding in enumerate(self._tokenizer.encode_batch(texts)):
            ids = encoding.ids[:_MAX_TOKENS]
            tokens[row, : len(ids)] = torch.tensor(ids, dtype=torch.int32)
        return tokens[:, : int((tokens != 0).sum(1).max())]

    def _rate_factor(self, step: int) -> float:
        num_steps = self.config.epochs * self.num_steps
        return linear_warmup(step + 1, _WARM_UP * num_steps) * cosine_decay(step + 1, num_steps)


def add_typo(text: str, draw: random.Random) -> str:
    """Delete, double or swap one letter of a text."""
    if len(text) < 4:
        return text
    at = draw.randrange(1, len(text) - 1)
    deleted = text[:at] + text[at + 1 :]
    doubled = text[:at] + text[at - 1 :]
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return draw.choice([deleted, doubled, swapped])
