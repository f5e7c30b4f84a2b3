"""`mm train language`: train what the language model adds to SmolLM2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from mm.cli import options
from mm.cli.commands.train.common import (
    captioned_images,
    image_weights,
    options_set,
    output_folder,
    print_output,
    print_progress,
    require_torch,
)

if TYPE_CHECKING:
    from mm.training.language.recipe import LanguageRecipe

_STAGES = ("text", "captions", "answers", "scst")
BALANCE = "balance"
"""The stage that fits the selection biases of trained weights, and nothing else."""
_VARIANTS = ("experts", "dense", "lora", "early_router")


@click.command()
@captioned_images
@output_folder
@image_weights
@click.option(
    "--folds", type=options.FOLDER, help="Towers of `mm train align --folds`: of each image of train, the one that never saw it."
)
@click.option("--seen", "is_seen", is_flag=True, help="Control of --folds: of each image, a tower that was trained on it.")
@click.option(
    "--dev-weights",
    type=(str, options.FILE),
    multiple=True,
    help="A name and weights of an image tower, with whose features of dev captions are measured, too.",
)
@click.option("--start", type=options.FILE, help="Trained additions to continue from; default: the base model alone.")
@click.option("--texts", type=options.FILE, help="Captions without images: the file of `mm train language-texts`.")
@click.option("--cache", type=options.NEW_FOLDER, help="Folder of features and questions; default: OUT/cache.")
@click.option("--prepare", "prepares_only", is_flag=True, help="Compute features and questions only.")
@click.option("--runs", type=options.FILE, help="JSON of options by name of a run; all run at once, in folders of OUT.")
@click.option("--limit", type=click.FloatRange(0), default=0.0, help="Minutes after which --runs are stopped; 0: never.")
@click.option(
    "--stage",
    "stages",
    type=click.Choice((*_STAGES, BALANCE)),
    multiple=True,
    help="Stage to run; default: all but `balance`, which fits only the selection biases, after the others.",
)
@click.option(
    "--balance-images", type=click.IntRange(1), default=200, show_default=True, help="Captioned images in the mix of `balance`."
)
@click.option(
    "--router-steps",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Steps of `balance` that fit the routers, before the selection biases.",
)
@click.option("--minutes", type=(click.Choice(_STAGES), float), multiple=True, help="Time limit of a stage, in minutes.")
@click.option("--steps", type=(click.Choice(_STAGES), int), multiple=True, help="Steps of a stage.")
@click.option("--batch", type=(click.Choice(_STAGES), int), multiple=True, help="Images or questions a step of a stage.")
@click.option("--rate", type=(click.Choice(_STAGES), float), multiple=True, help="Factor of the learning rates of a stage.")
@click.option("--variant", type=click.Choice(_VARIANTS), help="What is trained; all but `experts` are controls.")
@click.option("--width", type=click.IntRange(1), help="moe_intermediate_size: width of a routed expert.")
@click.option("--first", type=click.IntRange(0), help="first_k_dense_replace: first layer with experts, from 0.")
@click.option("--top", type=click.IntRange(1), help="Experts of every token, without null experts and without balance.")
@click.option("--seed", type=int)
@click.option("--views", "num_views", type=click.IntRange(1), help="Views of each training image.")
@click.option("--questions", "num_evidence", type=click.IntRange(0), help="Questions over moments to draw.")
@click.option("--citation-weight", type=click.FloatRange(0), help="Weight of the loss of citations in answers.")
@click.option("--unevenness", type=click.FloatRange(0), help="Weight of the term that evens the use of experts.")
@click.option("--attention-rank", type=click.IntRange(0), help="Rank of the updates of the attention; 0: none.")
@click.option("--attention-rate", type=click.FloatRange(0), help="Highest learning rate of these updates.")
@click.option("--object-penalty", type=click.FloatRange(0), help="Taken from the reward for an unsupported object word.")
@click.option("--bleu-weight", type=click.FloatRange(0), help="Weight of BLEU-4 in the reward.")
@click.option("--replay", type=click.FloatRange(0, 1), help="Share of steps of `scst` that learn answers, too.")
@click.option("--norm-rate", type=click.FloatRange(0), help="Highest learning rate of the norms.")
@click.option(
    "--max-shard-mb",
    type=click.IntRange(1),
    help="Write the trained weights as several files of at most so many MB, with an index, too.",
)
@options.as_json
def command(
    data: Path,
    out: Path,
    weights: Path | None,
    folds: Path | None,
    is_seen: bool,
    dev_weights: tuple[tuple[str, Path], ...],
    cache: Path | None,
    prepares_only: bool,
    runs: Path | None,
    start: Path | None,
    limit: float,
    max_shard_mb: int | None,
    balance_images: int,
    router_steps: int,
    as_json: bool,
    **values: object,
) -> None:
    """Train experts, norms and media prefix of the language model. An interrupted run continues."""
    stages = tuple(cast("tuple[str, ...]", values["stages"]))
    values["stages"] = tuple(stage for stage in stages if stage != BALANCE)
    balances, trains = BALANCE in stages, stages != (BALANCE,)
    if balances and (runs is not None or prepares_only or weights is not None):
        raise click.UsageError("--stage balance cannot be combined with --runs, --prepare or --weights.")
    if balances and start is not None and out.resolve() == start.parent.resolve():
        raise click.UsageError("--out must be another folder than that of --start, whose files stay as they are.")
    if balances and not trains and start is None:
        raise click.UsageError("--stage balance alone needs --start, the trained weights whose biases are fitted.")
    if max_shard_mb is not None and (runs is not None or prepares_only or values["variant"] not in (None, "experts")):
        raise click.UsageError("--max-shard-mb cannot be combined with --runs, --prepare or a control: they write no weights.")
    if is_seen and folds is None:
        raise click.UsageError("--seen needs --folds.")
    require_torch()
    if balances and not trains:
        assert start is not None
        balance_weights(data, start, out, balance_images, router_steps, values["seed"])
        print_output("output", out, as_json, others="use of experts")
        return
    import torch

    from mm.models.language.checkpoint.file import load_additions, split_additions
    from mm.runtimes import count_usable_cores
    from mm.training.language.data_sets.feature_report import describe_features
    from mm.training.language.data_sets.prepare import prepare
    from mm.training.language.data_sets.towers import read_fold_towers
    from mm.training.language.inputs import read_base, read_sources
    from mm.training.language.launch import list_gpus, read_runs, run_all
    from mm.training.language.train import ADDITIONS, train_language

    folder = cache or out / "cache"
    if runs is not None:
        common = ["--data", str(data), "--cache", str(folder)]
        common += ["--texts", str(values["texts"])] if values["texts"] else []
        common += ["--weights", str(weights)] if weights else []
        common += ["--folds", str(folds)] if folds else []
        common += ["--seen"] if is_seen else []
        common += [text for name, path in dev_weights for text in ("--dev-weights", name, str(path))]
        common += ["--start", str(start)] if start else []
        for result in run_all(read_runs(runs), common, out, list_gpus(torch.cuda.device_count()), limit):
            print_progress(f"{result.name}: {'stopped' if result.exit_code is None else f'exit code {result.exit_code}'}")
        return
    additions = load_additions(start) if start else None
    values["start_sha256"] = additions.metadata.sha256 if additions else None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    base = read_base()
    fold_towers = read_fold_towers(folds, is_seen=is_seen) if folds else None
    tower = weights or _find_shipped_weights()
    sources = read_sources(base, tower, device, count_usable_cores(), fold_towers, dict(dev_weights))
    values["features_id"] = sources.towers.id
    recipe = _make_recipe(data, out, values)
    prepared = prepare(recipe, folder, sources)
    if prepares_only and (folds or dev_weights):
        for name, numbers in describe_features(prepared, data, folder).items():
            print_progress(f"{name}: {json.dumps(numbers)}")
    if not prepares_only:
        train_language(recipe, base, prepared, count_usable_cores() // 2, device, print_progress, additions)
        if max_shard_mb is not None:
            split_additions(out / ADDITIONS, out, max_shard_mb * 1_000_000)
        if balances:
            balance_weights(data, out / ADDITIONS, out / BALANCE, balance_images, router_steps, values["seed"])
    print_output("output", folder if prepares_only else out, as_json, others="metrics")


def balance_weights(data: Path, start: Path, out: Path, num_images: int, router_steps: int, seed: object) -> None:
    """Fit selection biases, and routers where wanted, on a mix of the split train."""
    import numpy as np
    import torch

    from mm.cli.commands.eval_language import routing_model
    from mm.evaluation.language.routing import draw_documents
    from mm.training.language.bias_training import TokenMix, train_biases
    from mm.training.language.experts.bias_fit import BiasFitConfig
    from mm.training.language.experts.router_fit import RouterFitConfig

    with routing_model(start) as (model, _):
        embedded = [model.embed(document) for document in draw_documents(model.tokenizer, data, "train", num_images)]
    texts = [np.isin(kinds, ("caption", "answer")) for _, kinds in embedded]
    mix = TokenMix(
        [rows for rows, _ in embedded],
        [kinds == "caption" for _, kinds in embedded],
        [np.append(is_text[1:], False) for is_text in texts],
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = BiasFitConfig() if seed is None else BiasFitConfig(seed=int(str(seed)))
    routers = None if router_steps == 0 else RouterFitConfig(steps=router_steps, seed=config.seed)
    train_biases(start, model.weights, model.config, mix, out, config, device, print_progress, routers)


def _find_shipped_weights() -> Path:
    from mm.spaces.registry import WEIGHTS

    return WEIGHTS / "lite" / "image.safetensors"


def _make_recipe(data: Path, out: Path, values: dict[str, object]) -> LanguageRecipe:
    from mm.training.language.recipe import LanguageRecipe, choose_config, choose_stages

    overrides = options_set(values)
    sizes = {name: overrides.pop(name) for name in ("width", "first", "top") if name in overrides}
    names = overrides.pop("stages", None)
    limits = {name: dict(overrides.pop(name, ())) for name in ("minutes", "steps", "batch", "rate")}  # type: ignore[call-overload]
    config = choose_config(str(overrides.get("variant", "experts")), **sizes)  # type: ignore[arg-type]
    stages = choose_stages(names, limits, has_texts="texts" in overrides)  # type: ignore[arg-type]
    if "top" in sizes:
        overrides["balance"] = None
    return LanguageRecipe(data, out, config=config, stages=stages, **overrides)  # type: ignore[arg-type]
