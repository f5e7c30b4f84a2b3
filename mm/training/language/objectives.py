"""The loss of a step in each stage, except self-critical training."""

from __future__ import annotations

import itertools
import random
from typing import Protocol

import torch
from torch import Tensor

from mm.models.language.moe_torch import Routing
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.align.augment import add_noise
from mm.training.language.data_sets.examples import draw_slice, encode_caption_request
from mm.training.language.data_sets.sets import CaptionSet, TrainingData
from mm.training.language.experts.balance import ExpertBalance, Task
from mm.training.language.experts.routing_losses import compute_unevenness, compute_z_loss
from mm.training.language.model import TrainedModel
from mm.training.language.recipe import LanguageRecipe
from mm.training.language.sequences.batches import (
    MAX_CAPTION_TOKENS,
    CaptionLayout,
    Media,
    TokenBatch,
    compute_losses,
    make_text_batch,
)

ANSWER_SHARES = {"evidence": 0.65, "images": 0.2, "captions": 0.15}
"""Shares of steps of the stage `answers` by kind of batch: captions only as often as keeps them."""
SHORT_REACH, SHORT_STEPS = 0.3, 0.3
"""Share of the examples, the shortest, at the start of `answers`; share of its steps until all are
drawn."""
NUM_CAPTIONS = 5
"""Captions of an image, or of a text's image, in a step."""


class Objective(Protocol):
    """What a stage minimises."""

    def compute_loss(self, step: int) -> Tensor:
        """The loss of a step; all that is random about it comes from the seed and the step."""
        ...


class Learner:
    """Computes the loss of batches with the terms of the router, and counts the use of experts."""

    def __init__(self, recipe: LanguageRecipe, model: TrainedModel) -> None:
        self.recipe, self.model = recipe, model
        has_balance = recipe.balance is not None and bool(model.moe_layers)
        self.balance = ExpertBalance(model.language, recipe.balance) if recipe.balance and has_balance else None

    def learn(self, batch: TokenBatch, task: Task, weights_S: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of a batch plus the terms of the router; tokens may have weights."""
        losses_S, routings = compute_losses(self.model, batch)
        loss = losses_S.mean() if weights_S is None else (losses_S * weights_S).sum() / weights_S.sum()
        return loss + self.add_routing(routings, batch.kinds_BL, task)

    def add_routing(self, routings: list[Routing], kinds_BL: Tensor, task: Task) -> Tensor:
        """Count the use of experts; return the terms of the router."""
        if not routings or self.balance is None:
            return torch.zeros((), device=self.model.device)
        kinds_T = kinds_BL.flatten()
        self.balance.count(routings, kinds_T, task)
        unevenness = compute_unevenness(routings, self.model.biases, kinds_T, self.recipe.config.num_experts)
        return self.recipe.unevenness * unevenness + self.recipe.z_loss * compute_z_loss(routings, kinds_T)


class CaptionObjective:
    """Captions of images in random views, or of texts whose noisy vector stands for the image."""

    def __init__(self, learner: Learner, tokenizer: LanguageTokenizer, captions: CaptionSet, batch: int) -> None:
        self._learner, self._captions = learner, captions
        self._batch = min(batch, len(captions))
        sizes = learner.model.prefix.config
        num_media_tokens = sizes.num_vector_tokens if captions.features is None else sizes.num_image_tokens
        request = encode_caption_request(tokenizer)
        self._layout = CaptionLayout(request, num_media_tokens, NUM_CAPTIONS, MAX_CAPTION_TOKENS, learner.model.device)

    def compute_loss(self, step: int) -> Tensor:
        """See `Objective.compute_loss`."""
        return self._learner.learn(self.draw_batch(step), "captions")

    def draw_batch(self, step: int) -> TokenBatch:
        """The images of a step: every image once in each epoch, in random order."""
        rows_N = draw_rows(len(self._captions), self._batch, step, self._learner.recipe.seed).to(self._learner.model.device)
        captions = self._captions
        return self._layout.make_batch(self._draw_media(rows_N), captions.ids_NJU[rows_N], captions.lengths_NJ[rows_N])

    def _draw_media(self, rows_N: Tensor) -> Media:
        captions = self._captions
        if captions.features is not None:
            return captions.features.draw_media(rows_N)
        if captions.vectors_ND is None:
            raise ValueError("Captions need the features of images or vectors of texts.")
        generator = torch.Generator(rows_N.device).manual_seed(int(torch.randint(2**31, ())))
        return Media(add_noise(captions.vectors_ND[rows_N], self._learner.recipe.text_noise, generator))


class AnswerObjective:
    """Answers from evidence, answers to questions about images, and captions, in turn.

    The stage begins with the shorter prompts over moments, which have fewer moments.
    """

    def __init__(self, learner: Learner, tokenizer: LanguageTokenizer, data: TrainingData, batch: int) -> None:
        self._learner, self._data, self._batch = learner, data, batch
        self._captions = CaptionObjective(learner, tokenizer, data.captions, batch)
        self._is_citation_V = find_citation_tokens(tokenizer).to(learner.model.device)

    def compute_loss(self, step: int) -> Tensor:
        """See `Objective.compute_loss`."""
        draw = random.Random(f"answers {self._learner.recipe.seed} {step}")
        (kind,) = draw.choices(list(ANSWER_SHARES), list(ANSWER_SHARES.values()))
        if kind == "captions":
            return self._captions.compute_loss(step)
        if kind == "images":
            return self._learn_images(draw)
        num_short_steps = SHORT_STEPS * self._learner.recipe.stages["answers"].steps
        return self._learn_evidence(draw, reach=min(1.0, SHORT_REACH + (1 - SHORT_REACH) * step / num_short_steps))

    def compute_replay(self, step: int) -> Tensor:
        """The loss of answers alone, at half the batch, beside another objective."""
        draw = random.Random(f"replay {self._learner.recipe.seed} {step}")
        return self._learn_images(draw) if draw.random() < 0.3 else self._learn_evidence(draw, share=0.5)

    def _learn_evidence(self, draw: random.Random, share: float = 1.0, reach: float = 1.0) -> Tensor:
        """A share of a batch, from the shortest part `reach` of the examples."""
        count = max(1, int(self._batch * share))
        reached = self._data.evidence[: max(count, int(reach * len(self._data.evidence)))]
        examples = draw_slice(draw, reached, count)
        batch = make_text_batch(examples, None, 0, self._learner.model.device)
        is_decisive_S = self._is_citation_V[batch.targets_S]
        starts = [0, *itertools.accumulate(len(example.answer) for example in examples[:-1])]
        is_decisive_S[torch.tensor(starts).to(is_decisive_S.device)] = True  # to refuse or not
        weights_S = torch.where(is_decisive_S, self._learner.recipe.citation_weight, 1.0)
        return self._learner.learn(batch, "evidence", weights_S)

    def _learn_images(self, draw: random.Random) -> Tensor:
        """Questions of all kinds in equal shares."""
        kinds = sorted(self._data.questions.by_kind)
        drawn = [draw.choice(self._data.questions.by_kind[kinds[number % len(kinds)]]) for number in range(self._batch)]
        features, device = self._data.captions.features, self._learner.model.device
        if features is None:
            raise ValueError("Questions about images need their features.")
        media = features.draw_media(torch.tensor([row for row, _ in drawn], device=device))
        num_media_tokens = self._learner.model.prefix.config.num_image_tokens
        batch = make_text_batch([example for _, example in drawn], media, num_media_tokens, device)
        return self._learner.learn(batch, "images")


def find_citation_tokens(tokenizer: LanguageTokenizer) -> Tensor:
    """Whether each token of the vocabulary is of brackets and digits, as those of '[12].'."""
    texts = (tokenizer.decode([token]).strip() for token in range(tokenizer.vocab_size))
    return torch.tensor([bool(text.strip(".")) and set(text) <= set("[]0123456789.") for text in texts])


def draw_rows(num_rows: int, batch: int, step: int, seed: int) -> Tensor:
    """Rows of a step, in an order that is drawn for each epoch."""
    steps_per_epoch = num_rows // batch
    epoch, number = divmod(step, steps_per_epoch)
    order = torch.randperm(num_rows, generator=torch.Generator().manual_seed(seed * 1_009 + epoch))
    return order[number * batch : (number + 1) * batch]
