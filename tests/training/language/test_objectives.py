"""What the stage `answers` draws, and how much its tokens weigh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mm.training.language.data_sets.sets import QuestionSet, TrainingData, make_caption_set
from mm.training.language.experts.balance import Task
from mm.training.language.model import TrainedModel
from mm.training.language.objectives import ANSWER_SHARES, AnswerObjective, Learner, find_citation_tokens
from mm.training.language.recipe import StageRecipe
from mm.training.language.sequences.batches import Request, TextExample, TokenBatch
from tests.training.language.tiny_training import CPU, load_tokenizer, make_base, make_recipe

pytestmark = [pytest.mark.xdist_group("language_training"), pytest.mark.usefixtures("one_thread")]


def test_citation_tokens_are_those_of_brackets_and_digits() -> None:
    tokenizer = load_tokenizer()
    is_citation_V = find_citation_tokens(tokenizer)
    ids = tokenizer.encode("A dog runs in 2 places [1][12].")
    assert "".join(tokenizer.decode([token]) for token in ids if is_citation_V[token]).replace(" ", "") == "2[1][12]."
    assert not is_citation_V[tokenizer.eos_id]


def test_answers_begin_with_short_prompts_and_weigh_citations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer()
    answer = (*tokenizer.encode("A dog runs [3]."), tokenizer.eos_id)
    evidence = [TextExample(Request((1,) * length), answer) for length in range(10, 50)]
    captions = make_caption_set(tokenizer, [("A dog.",)] * 4, CPU, None, torch.randn(4, 384))
    data = TrainingData(captions, QuestionSet({}, {}), evidence)
    recipe = make_recipe(tmp_path, tmp_path, stages={"answers": StageRecipe(steps=100, batch=4, rate=1.0)})
    learner = Learner(recipe, TrainedModel(recipe, make_base(), CPU))
    drawn: list[tuple[TokenBatch, Tensor]] = []

    def learn(batch: TokenBatch, task: Task, weights_S: Tensor) -> Tensor:
        assert task == "evidence"
        drawn.append((batch, weights_S))
        return torch.zeros(())

    monkeypatch.setattr(learner, "learn", learn)
    for kind in list(ANSWER_SHARES):
        monkeypatch.setitem(ANSWER_SHARES, kind, float(kind == "evidence"))  # type: ignore[misc]
    objective = AnswerObjective(learner, tokenizer, data, 4)
    for step in range(30):
        objective.compute_loss(step)
    longest = [int((batch.kinds_BL == 0).sum(1).max()) for batch, _ in drawn]
    assert longest[0] <= 10 + 12
    assert max(longest) > 30
    batch, weights_S = drawn[0]
    texts = [tokenizer.decode([int(token)]).strip() for token in batch.targets_S]
    for number, (text, weight) in enumerate(zip(texts, weights_S.tolist(), strict=True)):
        is_decisive = number % len(answer) == 0 or set(text) & set("[]3")  # "]." is one token
        assert weight == (recipe.citation_weight if is_decisive else 1.0)


def test_learner_averages_losses_by_weight(tmp_path: Path) -> None:
    recipe = replace(make_recipe(tmp_path, tmp_path), balance=None)
    learner = Learner(recipe, TrainedModel(recipe, make_base(), CPU).eval())
    batch = TokenBatch(torch.tensor([[5, 6, 7]]), torch.zeros(1, 3, dtype=torch.long), torch.tensor([0, 1]), torch.tensor([6, 7]))
    with torch.no_grad():
        first, second = (float(learner.learn(batch, "evidence", torch.tensor(weights))) for weights in ([1.0, 0.0], [0.0, 1.0]))
        both = float(learner.learn(batch, "evidence", torch.tensor([3.0, 1.0])))
        even = float(learner.learn(batch, "evidence"))
    assert both == pytest.approx((3 * first + second) / 4, rel=1e-5)
    assert even == pytest.approx((first + second) / 2, rel=1e-5)
