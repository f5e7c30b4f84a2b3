"""`mm eval answers`, `conversations` and `words`: questions over moments, states, spoken lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from mm.cli import options
from mm.cli.commands.eval_language import root, split

if TYPE_CHECKING:
    from mm.metrics.report import Report

Mode = Literal["code", "model", "rest", "all"]


@click.command("answers")
@root
@split
@click.option("--count", type=click.IntRange(1), default=600, show_default=True, help="Number of questions.")
@click.option("--seed", default=0, show_default=True, help="Seed of the questions.")
@click.option(
    "--wordings", metavar="SPLIT|FILE",
    help="Wordings of the questions: of a split, or a TOML file as mm/data/language/wording.toml has them for each split; "
    "default: those of the split of images.",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(get_args(Mode)), default="code", show_default=True,
    help="What answers: code and quotations; the language model of the settings where code does not decide exactly (model) or "
    "where it refuses (rest); or all of these.",
)  # fmt: skip
@options.as_json
def answers(root: Path, split: str, count: int, seed: int, wordings: str | None, by: Mode, as_json: bool) -> None:
    """Answer questions over retrieved moments: right moment cited, refusals, support."""
    from mm.data.language.evidence.evidence_set import draw_evidence_set
    from mm.data.language.sources import read_source_pool
    from mm.evaluation.language.answers import answer_rest_with, answer_with, answer_without_model, evaluate
    from mm.generation.chat.models import ChatModels
    from mm.settings import load_settings

    examples = draw_evidence_set(read_source_pool(root, split), split, count, seed, wordings=wordings)
    of = split if wordings in (None, split) else f"{split}, wordings {wordings}"
    reports: list[Report] = []
    if by in ("code", "all"):
        reports.append(evaluate(examples, answer_without_model, f"{of}, code and quotations"))
    if by != "code":
        with ChatModels(load_settings()) as models:
            model = models.default
            write = answer_with(model)
            if by in ("model", "all"):
                reports.append(evaluate(examples, write, f"{of}, {model.name}"))
            if by in ("rest", "all"):
                reports.append(evaluate(examples, answer_rest_with(write), f"{of}, code, then {model.name}"))
    _print(reports, as_json)


@click.command("words")
@root
@split
@click.option("--count", type=click.IntRange(6), default=200, show_default=True, help="Number of lines.")
@click.option("--fit", "is_fit", is_flag=True, help="Print the coefficients that fit the split instead.")
@options.as_json
def words(root: Path, split: str, count: int, is_fit: bool, as_json: bool) -> None:
    """Find spoken lines by their words, typing errors and paraphrases, and not by near misses."""
    from mm.cli.commands.eval import shipped_space
    from mm.evaluation.words import evaluate

    with shipped_space() as (space, _):
        report = evaluate(space, root, split, count, is_fit=is_fit)
    _print([report], as_json)


@click.command("conversations")
@root
@split
@click.option("--count", type=click.IntRange(1), default=200, show_default=True, help="Number of conversations of 15 rounds.")
@click.option("--seed", default=0, show_default=True, help="Seed of the conversations.")
@click.option(
    "--wordings", help="Wordings of the messages: of a split, or dev2, dev3, dev4; default: those of the split of images."
)
@options.as_json
def conversations(root: Path, split: str, count: int, seed: int, wordings: str | None, as_json: bool) -> None:
    """Follow conversations of 15 rounds: whether the search state is right after each."""
    from mm.answers.conversation.intents import IntentClassifier
    from mm.cli.commands.eval import shipped_space
    from mm.data.language.search_scripts import draw_search_scripts
    from mm.data.language.sources import read_source_pool
    from mm.evaluation.language.search_scripts import evaluate_scripts

    scripts = draw_search_scripts(read_source_pool(root, split), split, count, seed, wordings=wordings)
    of = split if wordings in (None, split) else f"{split}, wordings {wordings}"
    with shipped_space() as (space, _):
        rules = evaluate_scripts(scripts, f"{of}, rules only")
        _print([evaluate_scripts(scripts, of, IntentClassifier(space.sentences.embed).classify), rules], as_json)


def _print(reports: list[Report], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([report.record() for report in reports]))
    else:
        click.echo("\n\n".join(report.table() for report in reports))
