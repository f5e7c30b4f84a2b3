"""The configuration of the language model's training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from mm.errors import InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.media_prefix.config import MediaPrefixConfig
from mm.training.language.experts.balance import BalanceConfig

StageName = Literal["text", "captions", "answers", "scst"]
STAGES: tuple[StageName, ...] = get_args(StageName)
"""In the order in which they run."""
Variant = Literal["experts", "dense", "lora", "early_router"]
"""What is trained beside media prefix and norms; all but `experts` are controls."""


@dataclass(frozen=True, slots=True)
class StageRecipe:
    """One stage. It ends after `steps`, or after `minutes` when they pass earlier."""

    steps: int
    batch: int  # images, or questions, a step
    rate: float  # factor of all learning rates
    minutes: float = 0.0  # 0 for no limit
    quantize_from: float = 0.0  # share of the stage after which experts are rounded to 4 bits

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a stage without steps."""
        if self.steps < 1 or self.batch < 1:
            raise InvalidInput(f"A stage needs at least one step and one example a step, not {self.steps} and {self.batch}.")


def default_stages() -> dict[StageName, StageRecipe]:
    """The stages of the shipped weights."""
    return {
        "text": StageRecipe(steps=260, batch=128, rate=1.0, minutes=1.5, quantize_from=1.0),
        "captions": StageRecipe(steps=330, batch=64, rate=1.0, minutes=2.0, quantize_from=0.7),
        "answers": StageRecipe(steps=2300, batch=64, rate=1.0, minutes=7.5),
        "scst": StageRecipe(steps=1200, batch=64, rate=0.05, minutes=6.5),
    }


def choose_stages(
    names: Sequence[StageName] | None, changes: Mapping[str, Mapping[str, float]], *, has_texts: bool
) -> dict[StageName, StageRecipe]:
    """The default stages with changes by field and stage; by default all that there is data for."""
    chosen = names or [name for name in STAGES if has_texts or name != "text"]
    stages = default_stages()
    return {
        name: replace(stages[name], **{key: of_stage[name] for key, of_stage in changes.items() if name in of_stage})  # type: ignore[arg-type]
        for name in STAGES
        if name in chosen
    }


def choose_config(variant: str, width: int = 8, first: int = 16, top: int | None = None) -> LanguageConfig:
    """SmolLM2 with 128 experts from layer `first`, or none for controls without experts.

    With `top` every token has as many experts, none of them null.
    """
    if variant in ("dense", "lora"):
        return LanguageConfig()
    return LanguageConfig(
        num_experts=128,
        num_null_experts=0 if top else 2,
        num_experts_per_tok=top or 3,
        moe_intermediate_size=width,
        first_k_dense_replace=first,
    )


@dataclass(frozen=True, slots=True)
class LanguageRecipe:
    """The defaults made the shipped additions."""

    data: Path  # captioned images: captions.jsonl, images/
    out: Path  # folder for the additions, metrics and the states to resume from
    texts: Path | None = None  # captions without images, see `text_captions`
    config: LanguageConfig = field(default_factory=lambda: choose_config("experts"))
    prefix: MediaPrefixConfig = field(default_factory=MediaPrefixConfig)
    stages: dict[StageName, StageRecipe] = field(default_factory=default_stages)
    variant: Variant = "experts"
    balance: BalanceConfig | None = field(default_factory=BalanceConfig)  # None: the bias stays 0
    seed: int = 0
    features_id: str = ""  # of the image towers whose features are learned from, see `data_sets.towers.Towers`
    start_sha256: str = ""  # of the additions that training starts from; empty: from the base model
    expert_rate: float = 6e-4  # highest learning rate of experts
    router_rate: float = 4e-3  # of routers, whose inputs have a root mean square of about 0.16
    prefix_rate: float = 1e-3  # of the media prefix
    norm_rate: float = 3e-4  # of the RMSNorms
    attention_rank: int = 32  # of the updates of q, k, v and o in all layers; 0 for none
    attention_rate: float = 7e-4
    lora_rate: float = 5e-4  # of the control `lora`, which updates all matrices
    lora_rank: int = 117  # in 4 bits as many bytes as experts and updates of the default configuration
    decay: float = 0.02  # weight decay
    unevenness: float = 0.1  # weight of `routing_losses.compute_unevenness`
    z_loss: float = 1e-4
    noise: float = 0.2  # of the image features, in their standard deviations
    dropout: float = 0.2  # of the image features
    text_noise: float = 0.5  # length of the random vector added to a caption's unit vector
    num_views: int = 6  # of each training image: whole, mirrored, then random crops
    num_evidence: int = 56_000  # questions over moments to draw, see `examples.draw_evidence`
    citation_weight: float = 3.0  # of the loss of citations and of the first token of an answer from evidence
    num_samples: int = 5  # captions sampled for an image in `scst`
    bleu_weight: float = 0.5  # of BLEU-4 in the reward, beside CIDEr-D from 0 to 10
    object_penalty: float = 0.1  # taken from the reward for each object word that no reference has
    replay: float = 1.0  # share of steps in `scst` with a batch of answers beside the samples
    save_every: int = 400  # steps

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for unknown stages and variants."""
        if self.variant not in get_args(Variant):
            raise InvalidInput(f"The variant must be one of {', '.join(get_args(Variant))}, not {self.variant}.")
        if not self.stages or not set(self.stages) <= set(STAGES):
            raise InvalidInput(f"Stages must be some of {', '.join(STAGES)}, not {', '.join(self.stages) or 'none'}.")
        if "text" in self.stages and self.texts is None:
            raise InvalidInput("The stage 'text' needs the file of captions without images.")
        if (self.variant in ("dense", "lora")) != (self.config.num_experts == 0):
            raise InvalidInput(f"The variant {self.variant} {'has no' if self.config.num_experts else 'needs'} experts.")


def fingerprint(recipe: LanguageRecipe) -> str:
    """Identify the recipe of a saved state: all but folders and the save interval."""
    return repr(asdict(replace(recipe, data=Path(), out=Path(), texts=None if recipe.texts is None else Path(), save_every=0)))
