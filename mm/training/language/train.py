"""Train experts, norms and media prefix on the frozen language model.

Stages run one after the other; a stage that is complete is not run again, and one that was
interrupted continues from its last saved step. Writes `additions.safetensors`, `metrics.json` and
`losses.json` into the output folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from mm.data.captioned_images import read_captioned_images
from mm.data.language.evidence.evidence_set import draw_evidence_set
from mm.data.language.sources import read_source_pool
from mm.errors import InvalidInput
from mm.files import write_atomic
from mm.models.image.efficientnet_lite_torch import load_encoder
from mm.models.language.base_weights import read_base_weights
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.training.checkpoint import read_state, write_state
from mm.training.language.data import TrainingData, read_data, read_text_captions
from mm.training.language.evaluation import DevSet, Evaluator
from mm.training.language.image_features import ImageFeatures, compute_features
from mm.training.language.model import Base, TrainedModel
from mm.training.language.objectives import AnswerObjective, CaptionObjective, Learner, Objective
from mm.training.language.recipe import STAGES, LanguageRecipe, StageName, fingerprint
from mm.training.language.rewards import CaptionRewards, CaptionScorer
from mm.training.language.run import StageRun
from mm.training.language.scst import SelfCriticalObjective
from mm.training.loop import TrainingLoop
