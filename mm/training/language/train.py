"""Train experts, norms and media prefix on the frozen language model.

Stages run one after the other; a stage that is complete is not run again, and one that was
interrupted continues from its last saved step. After each stage, writes `additions.safetensors`,
`metrics.json` and `losses.json` into the output folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import torch

from mm.errors import InvalidInput
from mm.files import write_atomic
from mm.models.language.checkpoint.additions import Additions
from mm.models.language.checkpoint.file import write_additions
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.checkpoint import read_state, write_state
from mm.training.language.data_sets.prepare import Prepared
from mm.training.language.evaluation import Evaluator, Numbers
from mm.training.language.experts.low_rank import collect_updates
from mm.training.language.model import Base, TrainedModel
from mm.training.language.objectives import AnswerObjective, CaptionObjective, Learner, Objective
from mm.training.language.recipe import STAGES, LanguageRecipe, StageName, fingerprint
from mm.training.language.rewards import CaptionRewards, CaptionScorer
from mm.training.language.run import StageRun
from mm.training.language.scst import SelfCriticalObjective
from mm.training.loop import TrainingLoop

ADDITIONS, METRICS, LOSSES = "additions.safetensors", "metrics.json", "losses.json"
_REPORT_EVERY = 20
"""Steps between reported losses."""

OnProgress = Callable[[str], None]
Metrics = dict[str, dict[str, Numbers]]


def train_language(
    recipe: LanguageRecipe,
    base: Base,
    prepared: Prepared,
    num_processes: int,
    device: torch.device,
    on_progress: OnProgress,
    start: Additions | None = None,
) -> Metrics:
    """Train by the recipe, from `start` where given; return the measures on dev after each stage.

    The last stage is measured in full, the others by loss and greedy captions. Raises
    `InvalidInput` when the output folder has the state of another recipe, or when `start` is not of
    the recipe's sizes and base model.
    """
    torch.backends.cuda.matmul.allow_tf32 = True  # of logits; they need more bits than bfloat16 has
    torch.backends.cuda.enable_cudnn_sdp(False)  # it compiles a plan for every new shape
    recipe.out.mkdir(parents=True, exist_ok=True)
    model = TrainedModel(recipe, base, device)
    features = prepared.train.captions.features
    if features is None:
        raise InvalidInput("Training needs the features of images.")
    model.prefix.set_statistics(features.maps_VNPC[0])
    if start is not None:
        if start.metadata.base_sha256 != base.sha256:
            raise InvalidInput("The weights to start from were trained on another base model.")
        model.load_additions(start)
    trainer = _Trainer(recipe, base.tokenizer, prepared, model, num_processes, on_progress)
    stages = [stage for stage in STAGES if stage in recipe.stages]
    metrics: Metrics = {}
    for stage in stages:
        metrics[stage] = trainer.run(stage, is_last=stage == stages[-1])
        write_atomic(recipe.out / METRICS, json.dumps(metrics, indent=1).encode())
        _write_result(recipe, base, model, metrics)
    return metrics


class _Trainer:
    def __init__(
        self,
        recipe: LanguageRecipe,
        tokenizer: LanguageTokenizer,
        prepared: Prepared,
        model: TrainedModel,
        num_processes: int,
        on_progress: OnProgress,
    ) -> None:
        self._recipe, self._tokenizer, self._prepared, self._model = recipe, tokenizer, prepared, model
        self._num_processes, self._on_progress = num_processes, on_progress
        self._learner = Learner(recipe, model)

    def run(self, stage: StageName, *, is_last: bool) -> dict[str, Numbers]:
        """Run a stage, or read its result; return its measures."""
        recipe, model = self._recipe, self._model
        done_path, recipe_id = recipe.out / f"{stage}.pt", f"{stage} {fingerprint(recipe)}"
        done = read_state(done_path, model.device)
        if done is not None:
            if done["recipe"] != recipe_id:
                raise InvalidInput(f"{done_path} belongs to another recipe; choose another output folder or remove it.")
            model.load_trained(done["model"])
            measures: dict[str, Numbers] = done["measures"]
            return measures
        objective = self._make_objective(stage)
        run = StageRun(recipe, stage, model, objective, self._learner.balance)
        loop = TrainingLoop(recipe.out / f"{stage}.state.pt", recipe_id, recipe.stages[stage].steps, recipe.save_every)
        losses: list[tuple[int, float]] = []
        for num_done, loss in loop.train(run):
            if num_done % _REPORT_EVERY == 0 or num_done == loop.num_units:
                losses.append((num_done, round(float(loss), 4)))
                self._on_progress(f"{stage}: step {num_done}, loss {losses[-1][1]:.4f}, {run.seconds:.0f} s")
            if run.is_out_of_time:
                break
        if isinstance(objective, SelfCriticalObjective):
            objective.close()
        self._write_losses(stage, losses)
        model.set_quantized(True)
        evaluator = Evaluator(model, self._tokenizer, self._prepared.dev)
        measures = evaluator.measure() if is_last or stage == "answers" else evaluator.measure_briefly()
        if is_last:
            for name, features in self._prepared.other_dev.items():
                of_tower = evaluator.measure_captioning(features)
                measures |= {f"{group}, image tower {name}": numbers for group, numbers in of_tower.items()}
        self._on_progress(f"{stage}: {json.dumps(measures)}")
        measures["run"] = {"steps": run.num_done}
        state = {"recipe": recipe_id, "model": model.trained_state(), "measures": measures}
        write_state(done_path, state)
        loop.path.unlink(missing_ok=True)
        return measures

    def _make_objective(self, stage: StageName) -> Objective:
        batch, train = self._recipe.stages[stage].batch, self._prepared.train
        if stage == "text":
            if train.texts is None:
                raise InvalidInput("The stage 'text' needs captions without images.")
            return CaptionObjective(self._learner, self._tokenizer, train.texts, batch)
        if stage == "captions":
            return CaptionObjective(self._learner, self._tokenizer, train.captions, batch)
        if stage == "answers":
            return AnswerObjective(self._learner, self._tokenizer, train, batch)
        scorer = CaptionScorer(train.captions.references, self._recipe.object_penalty, self._recipe.bleu_weight)
        rewards = CaptionRewards(scorer, self._num_processes)
        replay = AnswerObjective(self._learner, self._tokenizer, train, batch) if train.evidence else None
        return SelfCriticalObjective(self._learner, self._tokenizer, train.captions, rewards, replay, batch)

    def _write_losses(self, stage: StageName, losses: list[tuple[int, float]]) -> None:
        path = self._recipe.out / LOSSES
        stored = json.loads(path.read_text()) if path.exists() else {}
        write_atomic(path, json.dumps(stored | {stage: losses}).encode())


def _write_result(recipe: LanguageRecipe, base: Base, model: TrainedModel, metrics: Metrics) -> None:
    """Write the additions; a model without experts has none, and its state stays."""
    if recipe.variant != "experts":
        return
    weights = {name: value.float().cpu().numpy() for name, value in model.language.state_dict().items()}
    prefix = {name: value.float().cpu().numpy() for name, value in model.prefix.state_dict().items()}
    updates = collect_updates(model.language)
    values = {name: value for name, value in asdict(recipe).items() if name not in ("data", "out", "texts")}
    training = {"recipe": json.loads(json.dumps(values)), "metrics": metrics}  # without folders of the machine
    write_additions(
        recipe.out / ADDITIONS,
        recipe.config,
        weights,
        recipe.prefix,
        prefix,
        base_sha256=base.sha256,
        training=training,
        updates=updates,
    )
