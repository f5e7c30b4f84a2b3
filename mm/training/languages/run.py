"""The training run, by epochs: texts in many languages to the vectors of their English.

Distillation of sentence vectors as in Reimers and Gurevych 2020 (arXiv:2004.09813). Names of
tensors end in their axes: N texts, L tokens, D dimensions.
"""

from __future__ import annotations

import copy
import itertools
import math
import random
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from mm.data.translations import Pairs
from mm.models.text.e5.file import BlockMatrix, E5File
from mm.models.text.e5.tokenizer import E5Tokenizer
from mm.training.checkpoint import RunState
from mm.training.languages.network import MultilingualNetwork
from mm.training.languages.recipe import LanguagesConfig
from mm.training.schedule import cosine_decay, linear_warmup

_MAX_TOKENS = 48  # of a text in training
_WARM_UP = 0.05  # share of the steps
_MAX_GRADIENT_NORM, _WEIGHT_DECAY = 1.0, 0.01
_PAD = 8  # lengths of padded texts are multiples of it, for which attention has a faster kernel
_TYPOS = 0.1  # share of texts with a typing mistake
_STANDARD_TEXTS = 2048  # that mean and scale of the map are taken from


class TokenizedTexts:
    """Tokens of texts, and the embeddings of those tokens on the device."""

    def __init__(self, tokens: Sequence[Sequence[int]], words: BlockMatrix, device: torch.device) -> None:
        flat = np.fromiter(itertools.chain.from_iterable(tokens), np.int64)
        used, places = np.unique(flat, return_inverse=True)
        self._table_VD = torch.from_numpy(words.dequantize(used)).to(device)
        self.lengths = [len(ids) for ids in tokens]
        self._texts = torch.split(torch.from_numpy(places), self.lengths)

    def pad(self, texts: Iterable[int]) -> tuple[Tensor, Tensor]:
        """Embeddings (N, L, D) of some texts, and their mask (N, L)."""
        padded_NL = nn.utils.rnn.pad_sequence([self._texts[index] for index in texts], batch_first=True, padding_value=-1)
        padded_NL = functional.pad(padded_NL, (0, -padded_NL.shape[1] % _PAD), value=-1).to(self._table_VD.device)
        return self._table_VD[padded_NL.clamp(min=0)], padded_NL >= 0


class Distillation:
    """One run; its randomness comes from seed and epoch, so that a resumed run is the same."""

    def __init__(
        self, config: LanguagesConfig, file: E5File, pairs: Pairs, targets_MD: npt.NDArray[np.float16], device: torch.device
    ) -> None:
        """`targets_MD` are the vectors of `pairs.english`."""
        torch.manual_seed(config.seed)
        self.config, self.device, self.num_done = config, device, 0
        self._tokenizer, self._num_pairs = E5Tokenizer(file.vocabulary, _MAX_TOKENS), len(pairs.pairs)
        self._texts = [text for _, text, _ in [*pairs.pairs, *pairs.entries]]
        self._num_drawn = min(config.entries, len(pairs.entries))
        self._words = file.matrix("emb.word", file.width)
        self._rows = torch.tensor([row for _, _, row in [*pairs.pairs, *pairs.entries]], device=device)
        self._targets_MD = torch.from_numpy(targets_MD).to(device)
        self.network = MultilingualNetwork(file, config.rank, config.hidden, config.dropout).to(device)
        self._standardize()
        groups: list[dict[str, object]] = [{"params": list(self.network.map.parameters())}]
        if config.rank:
            groups.append({"params": list(self.network.encoder.parameters()), "lr": config.encoder_rate})
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.rate, betas=(0.9, 0.98), weight_decay=_WEIGHT_DECAY, fused=device.type == "cuda"
        )
        self.schedule = LambdaLR(self.optimizer, self._rate_factor)
        self._pool = ThreadPoolExecutor(1)
        self._prepared: dict[int, Future[tuple[list[int], TokenizedTexts]]] = {}

    @property
    def num_steps(self) -> int:
        """Steps an epoch."""
        return math.ceil((self._num_pairs + self._num_drawn) / self.config.batch)

    def advance(self) -> Tensor:
        """Run one epoch; return the mean loss."""
        order, tokens = self._take_epoch()
        torch.manual_seed(self._seed(self.num_done))
        self.network.train()
        total = torch.zeros((), device=self.device)
        for step in range(self.num_steps):
            places = range(step * self.config.batch, min((step + 1) * self.config.batch, len(order)))
            by_length = sorted(places, key=tokens.lengths.__getitem__)
            halves = [half for half in (by_length[: len(by_length) // 2], by_length[len(by_length) // 2 :]) if half]
            total += self._step([tokens.pad(half) for half in halves], self._rows[[order[place] for place in by_length]])
        self.num_done += 1
        return total / self.num_steps

    def state(self) -> RunState:
        """All that the next epoch depends on."""
        return {
            "epoch": self.num_done,
            "network": {name: tensor.detach().clone() for name, tensor in self.network.trained().items()},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    @torch.no_grad()
    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        for name, tensor in self.network.trained().items():
            tensor.copy_(state["network"][name])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.schedule.load_state_dict(state["schedule"])
        self.num_done = state["epoch"]

    @torch.no_grad()
    def _standardize(self) -> None:
        texts = self._texts[:: max(1, len(self._texts) // _STANDARD_TEXTS)]
        tokens = TokenizedTexts(self._tokenizer.encode(texts), self._words, self.device)
        batches = [range(start, min(start + self.config.batch, len(texts))) for start in range(0, len(texts), self.config.batch)]
        self.network.map.standardize(torch.cat([self.network.encoder(*tokens.pad(batch)) for batch in batches]))

    def _take_epoch(self) -> tuple[list[int], TokenizedTexts]:
        """The texts of the next epoch. Those of the one after it are prepared in the background."""
        prepared = self._prepared.pop(self.num_done, None) or self._pool.submit(self._prepare_epoch, self.num_done)
        if (following := self.num_done + 1) < self.config.epochs:
            self._prepared[following] = self._pool.submit(self._prepare_epoch, following)
        return prepared.result()

    def _prepare_epoch(self, number: int) -> tuple[list[int], TokenizedTexts]:
        """Texts of an epoch in their order: all pairs and a sample of the lexicons.

        Some have a typing mistake.
        """
        draw = random.Random(self._seed(number))
        entries = range(self._num_pairs, len(self._texts))
        order = [*range(self._num_pairs), *draw.sample(entries, self._num_drawn)]
        draw.shuffle(order)
        texts = (self._texts[index] for index in order)
        tokens = self._tokenizer.encode([add_typo(text, draw) if draw.random() < _TYPOS else text for text in texts])
        return order, TokenizedTexts(tokens, self._words, self.device)

    def _seed(self, epoch: int) -> int:
        return self.config.seed * 100_003 + epoch

    def _step(self, groups: Sequence[tuple[Tensor, Tensor]], rows: Tensor) -> Tensor:
        """One step on embeddings (N, L, D) and masks (N, L) of groups of texts, padded apart.

        `rows` (N,) are the rows of their targets.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            encoded_ND = torch.cat([self.network.encoder(words_NLD, mask_NL) for words_NLD, mask_NL in groups])
        vectors_ND, targets_ND = self.network.map(encoded_ND.float()), self._targets_MD[rows].float()
        is_same = (rows[:, None] == rows[None, :]) & ~torch.eye(len(rows), dtype=torch.bool, device=self.device)
        logits = (vectors_ND @ targets_ND.T / self.config.temperature).masked_fill(is_same, -math.inf)
        contrast = functional.cross_entropy(logits, torch.arange(len(rows), device=self.device))
        loss: Tensor = (1 - (vectors_ND * targets_ND).sum(1)).mean() + self.config.contrast * contrast
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

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
