"""Rewards of sampled captions, and that self-critical training raises them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import mm.training.language.scst
from mm.training.language.data_sets.image_features import ImageFeatures
from mm.training.language.data_sets.sets import make_caption_set
from mm.training.language.model import TrainedModel
from mm.training.language.objectives import Learner
from mm.training.language.recipe import StageRecipe
from mm.training.language.rewards import CaptionRewards, CaptionScorer, SentenceBleu
from mm.training.language.run import StageRun
from mm.training.language.scst import SelfCriticalObjective, count_tokens
from tests.training.language.tiny_training import CPU, load_tokenizer, make_base, make_recipe

REFERENCES = [("A dog runs.", "A brown dog is running."), ("Two men ride horses.", "Men on horses.")]


def test_caption_scorer_prefers_a_reference_and_takes_off_unsupported_objects() -> None:
    plain, penal = CaptionScorer(REFERENCES, 0.0), CaptionScorer(REFERENCES, 0.5)
    assert plain.score(0, "A dog runs.") > plain.score(0, "A dog runs") - 1e-9 > plain.score(0, "Two men ride horses.")
    assert plain.score(0, "A dog runs.") > plain.score(0, "A dog")
    assert penal.score(0, "A dog runs.") == plain.score(0, "A dog runs.")
    assert penal.score(0, "A dog and a horse and a boat.") == pytest.approx(plain.score(0, "A dog and a horse and a boat.") - 1.0)


def test_sentence_bleu_prefers_whole_captions() -> None:
    bleu = SentenceBleu([("a", "brown", "dog", "runs", "on", "grass"), ("a", "dog", "runs")])
    assert bleu.score(("a", "dog", "runs")) == pytest.approx(1.0)
    assert bleu.score(("a", "brown", "dog", "runs", "on", "grass")) == pytest.approx(1.0)
    assert bleu.score(("a", "dog")) == pytest.approx(math.exp(1 - 3 / 2))
    # 4 of 4 words, 3 of 4 pairs with one added, 2 of 3, 1 of 2; no brevity penalty beside 3 words
    assert bleu.score(("a", "dog", "on", "grass")) == pytest.approx((3 / 4 * 1 / 3 * 1 / 2) ** 0.25)
    assert bleu.score(("horse",)) == 0.0
    assert bleu.score(()) == 0.0


def test_caption_scorer_with_bleu_adds_its_weight() -> None:
    plain, more = CaptionScorer(REFERENCES, 0.0), CaptionScorer(REFERENCES, 0.0, 0.5)
    assert more.score(0, "A dog runs.") == pytest.approx(plain.score(0, "A dog runs.") + 0.5)


def test_caption_rewards_of_several_processes_equal_those_of_one() -> None:
    scorer = CaptionScorer(REFERENCES, 0.5)
    images, captions = [0, 1] * 30, ["A dog runs.", "A dog and a boat."] * 30
    several = CaptionRewards(scorer, 2)
    try:
        assert several.score(images, captions) == CaptionRewards(scorer, 1).score(images, captions)
    finally:
        several.close()


def test_count_tokens_includes_the_end() -> None:
    assert count_tokens(torch.tensor([[[4, 5, 3, 3], [3, 3, 3, 3], [4, 5, 6, 7]]]), 3).tolist() == [[3, 1, 4]]


class _FirstLetters(CaptionRewards):
    """Rewards captions whose first character is before 'M', about half at first."""

    def __init__(self) -> None:
        pass

    def score(self, images: Sequence[int], captions: Sequence[str]) -> list[float]:
        return [float("" < caption[:1] < "M") for caption in captions]


@pytest.mark.usefixtures("one_thread")
def test_self_critical_training_raises_the_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mm.training.language.scst, "MAX_SAMPLE_TOKENS", 2)
    recipe = make_recipe(
        tmp_path, tmp_path, stages={"scst": StageRecipe(steps=16, batch=8, rate=80.0)}, num_samples=4, replay=0.0, unevenness=0.0
    )
    tokenizer = load_tokenizer()
    model = TrainedModel(recipe, make_base(), CPU)
    with torch.no_grad():  # few tokens are probable
        model.language.model.embed_tokens.weight[300:] = 0
        model.language.model.norm.weight.mul_(5)
    features = ImageFeatures(torch.randn(1, 8, 25, 1280), torch.randn(1, 8, 384))
    captions = make_caption_set(tokenizer, [REFERENCES[0]] * 8, CPU, features)
    learner = Learner(recipe, model)
    objective = SelfCriticalObjective(learner, tokenizer, captions, _FirstLetters(), None, 8)
    run = StageRun(recipe, "scst", model, objective, learner.balance)
    rewards = []
    for _ in range(16):
        run.advance()
        rewards.append(objective.mean_reward)
    assert sum(rewards[:3]) / 3 < 0.85
    assert sum(rewards[-4:]) / 4 > 0.95
