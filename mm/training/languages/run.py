"""The training run, by epochs: texts in many languages to the vectors of their English.

Distillation of sentence vectors as in Reimers and Gurevych 2020 (arXiv:2004.09813). Names of
tensors end in their axes: N texts, L tokens, D dimensions.
"""

from __future__ import annotations

import copy
import itertools
import math
import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from mm.data.translations import Pairs
from mm.models.text.e5.file import BlockMatrix, E5File
from mm.training.checkpoint import RunState
from mm.training.languages.network import MultilingualNetwork
from mm.training.languages.recipe import LanguagesConfig
from mm.training.languages.tokenizer import BatchTokenizer
from mm.training.schedule import cosine_decay, linear_warmup

_MAX_TOKENS = 48  # of a text in training
_WARM_UP = 0.05  # share of the steps
_MAX_GRADIENT_NORM, _WEIGHT_DECAY = 1.0, 0.01
_SENTENCE_WORDS = 6  # of an English text from which it counts as a sentence
_GROUPS = (16,)  # highest numbers of tokens of the groups of a step; more groups cost more launches than they save padding
_PAD = 8  # lengths of padded texts are multiples of it, for which attention has a faster kernel
_TYPOS = 0.1  # share of texts with a typing mistake
_STANDARD_TEXTS = 2048  # that mean and scale of the map are taken from


@dataclass(frozen=True, slots=True, eq=False)
class TokenLists:
    """The token ids of texts, one text after another."""

    flat: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    """(N,)."""

    @classmethod
    def join(cls, tokens: Sequence[Sequence[int]]) -> Self:
        """From the ids of each text."""
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        return cls(np.fromiter(itertools.chain.from_iterable(tokens), np.int64, int(lengths.sum())), lengths)

    def take(self, texts: npt.NDArray[np.int64]) -> TokenLists:
        """Those of some texts, in that order."""
        lengths, starts = self.lengths[texts], (np.cumsum(self.lengths) - self.lengths)[texts]
        ends = np.cumsum(lengths)
        return TokenLists(self.flat[np.arange(lengths.sum()) + np.repeat(starts - (ends - lengths), lengths)], lengths)

    def __add__(self, other: TokenLists) -> TokenLists:
        """The texts of both."""
        return TokenLists(np.concatenate([self.flat, other.flat]), np.concatenate([self.lengths, other.lengths]))


class TokenizedTexts:
    """Tokens of texts, and the embeddings of those tokens, on the device."""

    def __init__(self, tokens: TokenLists, words: BlockMatrix, device: torch.device) -> None:
        used, places = np.unique(tokens.flat, return_inverse=True)
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        self._table_VD = torch.from_numpy(words.dequantize(used)).to(device, dtype)
        self._places = torch.from_numpy(places.astype(np.int32)).to(device)
        self.lengths = tokens.lengths
        self._lengths = torch.from_numpy(tokens.lengths).to(device)
        self._starts = torch.from_numpy(np.cumsum(tokens.lengths) - tokens.lengths).to(device)

    def pad(self, texts: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Embeddings (N, L, D) of some texts, and their mask (N, L)."""
        length, device = int(self.lengths[texts].max()), self._places.device
        rows, columns = to_device(texts, device), torch.arange(length + -length % _PAD, device=device)
        mask_NL = columns < self._lengths[rows, None]
        places_NL = self._places[(self._starts[rows, None] + columns).clamp(max=len(self._places) - 1)]
        return self._table_VD[places_NL], mask_NL


class Distillation:
    """One run; its randomness comes from seed and epoch, so that a resumed run is the same."""

    def __init__(
        self,
        config: LanguagesConfig,
        file: E5File,
        pairs: Pairs,
        targets_MD: npt.NDArray[np.float16],
        device: torch.device,
        images_KD: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """`targets_MD` are the vectors of `pairs.english`, `images_KD` those of images to rank."""
        torch.manual_seed(config.seed)
        self.config, self.device, self.num_done = config, device, 0
        self._tokenizer, self._num_pairs = BatchTokenizer(file.vocabulary, _MAX_TOKENS), len(pairs.pairs)
        self._texts = [text for _, text, _ in [*pairs.pairs, *pairs.entries]]
        self._num_drawn = min(config.entries, len(pairs.entries))
        self._tokens = TokenLists.join(self._tokenizer.encode(self._texts))
        self._words = file.matrix("emb.word", file.width)
        self._rows = torch.tensor([row for _, _, row in [*pairs.pairs, *pairs.entries]], device=device)
        self._targets_MD = torch.from_numpy(targets_MD).to(device)
        is_sentence = torch.tensor([len(text.split()) >= _SENTENCE_WORDS for text in pairs.english])
        self._contrast_M = torch.where(is_sentence, config.contrast, config.short_contrast).to(device)
        self._images_KD = None if images_KD is None or not config.ranking else torch.from_numpy(images_KD).to(device)
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
        self._prepared: dict[int, Future[_Epoch]] = {}

    @property
    def num_steps(self) -> int:
        """Steps an epoch."""
        return math.ceil((self._num_pairs + self._num_drawn) / self.config.batch)

    def advance(self) -> Tensor:
        """Run one epoch; return the mean loss."""
        epoch = self._take_epoch()
        tokens, order = epoch.tokens, torch.from_numpy(epoch.texts).to(self.device)
        torch.manual_seed(self._seed(self.num_done))
        self.network.train()
        total = torch.zeros((), device=self.device)
        for start in range(0, len(epoch.order), self.config.batch):
            groups = _group_by_length(epoch.order[start : start + self.config.batch], tokens.lengths)
            rows = self._rows[order[to_device(np.concatenate(groups), self.device)]]
            total += self._step([tokens.pad(group) for group in groups], rows)
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
        texts = np.arange(0, len(self._texts), max(1, len(self._texts) // _STANDARD_TEXTS))
        tokens = TokenizedTexts(self._tokens.take(texts), self._words, self.device)
        batches = np.array_split(np.arange(len(texts)), math.ceil(len(texts) / self.config.batch))
        self.network.map.standardize(torch.cat([self.network.encoder(*tokens.pad(batch)) for batch in batches]))

    def _take_epoch(self) -> _Epoch:
        """The texts of the next epoch. Those of the one after it are prepared in the background."""
        prepared = self._prepared.pop(self.num_done, None) or self._pool.submit(self._prepare_epoch, self.num_done)
        if (following := self.num_done + 1) < self.config.epochs:
            self._prepared[following] = self._pool.submit(self._prepare_epoch, following)
        return prepared.result()

    def _prepare_epoch(self, number: int) -> _Epoch:
        """Texts of an epoch: all pairs and a sample of the lexicons. Some have a typing mistake."""
        generator, draw = np.random.default_rng(self._seed(number)), random.Random(self._seed(number))
        num_entries = len(self._texts) - self._num_pairs
        entries = self._num_pairs + generator.choice(num_entries, self._num_drawn, replace=False)
        texts = np.concatenate([np.arange(self._num_pairs), entries])
        has_typo = generator.random(len(texts)) < _TYPOS
        texts, mistaken = texts[~has_typo], texts[has_typo]
        typos = TokenLists.join(self._tokenizer.encode([add_typo(self._texts[text], draw) for text in mistaken]))
        tokens = TokenizedTexts(self._tokens.take(texts) + typos, self._words, self.device)
        return _Epoch(np.concatenate([texts, mistaken]), tokens, generator.permutation(len(has_typo)))

    def _seed(self, epoch: int) -> int:
        return self.config.seed * 100_003 + epoch

    def _step(self, groups: Sequence[tuple[Tensor, Tensor]], rows: Tensor) -> Tensor:
        """One step on embeddings (N, L, D) and masks (N, L) of groups of texts, padded apart.

        `rows` (N,) are the rows of their targets.
        """
        with self.network.encoder.merge(groups[0][0].dtype):
            encoded_ND = torch.cat([self.network.encoder(words_NLD, mask_NL) for words_NLD, mask_NL in groups])
        vectors_ND, targets_ND = self.network.map(encoded_ND), self._targets_MD[rows].float()
        is_same = (rows[:, None] == rows[None, :]) & ~torch.eye(len(rows), dtype=torch.bool, device=self.device)
        logits = (vectors_ND @ targets_ND.T / self.config.temperature).masked_fill(is_same, -math.inf)
        contrast_N = functional.cross_entropy(logits, torch.arange(len(rows), device=self.device), reduction="none")
        loss: Tensor = (1 - (vectors_ND * targets_ND).sum(1) + self._contrast_M[rows] * contrast_N).mean()
        if self._images_KD is not None:
            scale = 1 / self.config.ranking_temperature
            loss = loss + self.config.ranking * compare_rankings(vectors_ND, targets_ND, self._images_KD, scale)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    def _rate_factor(self, step: int) -> float:
        num_steps = self.config.epochs * self.num_steps
        return linear_warmup(step + 1, _WARM_UP * num_steps) * cosine_decay(step + 1, num_steps)


@dataclass(frozen=True, slots=True, eq=False)
class _Epoch:
    texts: npt.NDArray[np.int64]
    """The numbers of its texts."""
    tokens: TokenizedTexts
    """The tokens of each of `texts`."""
    order: npt.NDArray[np.int64]
    """The places in `texts` in the order of the steps."""


def to_device(numbers: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    """Copy without waiting for the kernels before: a pageable copy does."""
    tensor = torch.from_numpy(numbers)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _group_by_length(texts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Texts with similar numbers of tokens, which are padded together."""
    group_of_text = np.searchsorted(_GROUPS, lengths[texts])
    return [texts[group_of_text == group] for group in np.unique(group_of_text)]


def compare_rankings(vectors_ND: Tensor, targets_ND: Tensor, images_KD: Tensor, scale: float) -> Tensor:
    """The mean divergence of the rankings of images by vectors from those by targets.

    A ranking is the softmax of the cosines times `scale`, the divergence that of Kullback and
    Leibler; it is 0 where both give all images the same scores but for a constant.
    """
    ours_NK, theirs_NK = (functional.log_softmax(of_ND @ images_KD.T * scale, 1) for of_ND in (vectors_ND, targets_ND))
    return functional.kl_div(ours_NK, theirs_NK, reduction="batchmean", log_target=True)


def add_typo(text: str, draw: random.Random) -> str:
    """Delete, double or swap one letter of a text."""
    if len(text) < 4:
        return text
    at = draw.randrange(1, len(text) - 1)
    deleted = text[:at] + text[at + 1 :]
    doubled = text[:at] + text[at - 1 :]
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return draw.choice([deleted, doubled, swapped])
