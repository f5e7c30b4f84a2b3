"""Self-critical training on a reward of whole captions (Rennie et al. 2017, arXiv:1612.00563).

The baseline of a sample is the mean reward of the other samples of its image (Luo 2020,
arXiv:2003.09971). Some steps also learn a batch of answers, so that these are not forgotten. Names
of tensors end in their axes: N images, J samples of an image, U tokens, S predicted tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mm.models.language.media_prefix.network_torch import MediaPrefixNetwork
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.data_sets.examples import encode_caption_request
from mm.training.language.data_sets.sets import CaptionSet
from mm.training.language.objectives import AnswerObjective, Learner, draw_rows
from mm.training.language.rewards import CaptionRewards
from mm.training.language.sequences.batches import CaptionLayout, compute_losses
from mm.training.language.sequences.decoding import Generator
from mm.training.language.sequences.prompts import make_prompts

MAX_SAMPLE_TOKENS = 24
"""Of a sampled caption."""


class SelfCriticalObjective:
    """The rewards of sampled captions."""

    def __init__(
        self,
        learner: Learner,
        tokenizer: LanguageTokenizer,
        captions: CaptionSet,
        rewards: CaptionRewards,
        replay: AnswerObjective | None,
        batch: int,
    ) -> None:
        self._learner, self._tokenizer, self._captions, self._rewards = learner, tokenizer, captions, rewards
        self._replay, self._batch = replay, min(batch, len(captions))
        self._generator = Generator(learner.model)
        self._request = encode_caption_request(tokenizer)
        num_media_tokens = learner.model.prefix.config.num_image_tokens
        num_samples = learner.recipe.num_samples
        self._layout = CaptionLayout(self._request, num_media_tokens, num_samples, MAX_SAMPLE_TOKENS, learner.model.device)
        self.mean_reward = 0.0
        """Of the samples of the last step."""

    def compute_loss(self, step: int) -> Tensor:
        """See `Objective.compute_loss`."""
        recipe, model = self._learner.recipe, self._learner.model
        if self._captions.features is None:
            raise ValueError("Self-critical training needs the features of images.")
        rows_N = draw_rows(len(self._captions), self._batch, step, recipe.seed).to(model.device)
        media = self._captions.features.draw_media(rows_N)
        prompts = make_prompts(model, [self._request] * len(rows_N), media)
        ids = self._generator.generate(prompts, self._tokenizer.eos_id, MAX_SAMPLE_TOKENS, "sample", num_rows=recipe.num_samples)
        ids_NJU = ids.view(len(rows_N), recipe.num_samples, MAX_SAMPLE_TOKENS)
        lengths_NJ = count_tokens(ids_NJU, self._tokenizer.eos_id)
        rewards_NJ = self._score(rows_N, ids_NJU, lengths_NJ)
        self.mean_reward = float(rewards_NJ.mean())
        others_NJ = (rewards_NJ.sum(1, keepdim=True) - rewards_NJ) / (recipe.num_samples - 1)
        advantages_NJ = (rewards_NJ - others_NJ).to(model.device)
        batch = self._layout.make_batch(media, ids_NJU, lengths_NJ)
        with _undisturbed(model.prefix):
            losses_S, routings = compute_losses(model, batch)
        of_token_S = advantages_NJ.flatten().repeat_interleave(lengths_NJ.flatten())
        loss = (losses_S * of_token_S).mean() + self._learner.add_routing(routings, batch.kinds_BL, "captions")
        if self._replay is not None and int((step + 1) * recipe.replay) > int(step * recipe.replay):
            loss = loss + self._replay.compute_replay(step)
        return loss

    def close(self) -> None:
        """Free what the samples were drawn and scored with."""
        self._generator.discard_decoders()
        self._rewards.close()

    def _score(self, rows_N: Tensor, ids_NJU: Tensor, lengths_NJ: Tensor) -> Tensor:
        num_samples = ids_NJU.shape[1]
        rows = [row for row in rows_N.tolist() for _ in range(num_samples)]
        lengths = lengths_NJ.flatten().tolist()
        texts = [
            self._tokenizer.decode(tokens[:length])  # the end has no text
            for tokens, length in zip(ids_NJU.flatten(0, 1).tolist(), lengths, strict=True)
        ]
        return torch.tensor(self._rewards.score(rows, texts)).view(-1, num_samples)


def count_tokens(ids_NJU: Tensor, end_id: int) -> Tensor:
    """Tokens (N, J) of samples, the end included; all of a sample without an end."""
    before_NJ = ((ids_NJU == end_id).cumsum(2) == 0).sum(2)
    return (before_NJ + 1).clamp(max=ids_NJU.shape[2])


@contextmanager
def _undisturbed(prefix: MediaPrefixNetwork) -> Iterator[None]:
    """Compute without noise and dropout, as the samples were drawn."""
    prefix.eval()
    yield
    prefix.train()
