"""A command for each data set of `datasets/`: `mm eval NAME`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.lazy import Failure
from mm.errors import InvalidInput

if TYPE_CHECKING:
    from mm.data.sets.catalog import Described
    from mm.evaluation.evaluate_set import SetRequest
    from mm.evaluation.features.slices import Progress
    from mm.evaluation.runs.types import Run

REQUIREMENT_FAILED = 3
"""Exit code when a measure is below a requirement."""


def make_set_command(described: Described) -> click.Command:
    """The command that evaluates a data set."""

    @click.command(described.name, help=f"Evaluate {described.title}. Tasks: {', '.join(described.tasks)}.")
    @click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of the data set; see `mm data show`.")
    @click.option("--split", default=default_split(described), show_default=True, help="Split; test only for final results.")
    @click.option(
        "--task", default=described.tasks[0], type=click.Choice(described.tasks), show_default=True, help="What to measure."
    )
    @click.option("--space", help="Space to evaluate, lite or openclip:MODEL/PRETRAINED; default: MM_SPACE.")
    @click.option("--weights", type=options.FILE, help="Weights of the image tower of `lite`; default: the shipped ones.")
    @click.option("--option", "pairs", multiple=True, metavar="KEY=VALUE", help="Option of the task; repeatable.")
    @click.option(
        "--speech", is_flag=True, help="Encode speech and text in images too; both are slow, and few measures use them."
    )
    @click.option("--check", "check_only", is_flag=True, help="Say what is missing or wrong in the folder, and evaluate nothing.")
    @click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read, instead of leaving it out.")
    @click.option("--keep/--no-keep", default=True, show_default=True, help="Keep the run for `mm eval compare` and `report`.")
    @click.option("--name", "run_id", help="Id of the run; default: set, task and time.")
    @click.option(
        "--fail-below",
        "requirements",
        multiple=True,
        metavar="MEASURE=VALUE",
        help="Exit with 3 if the measure is worse, in percent where it is a share; repeatable.",
    )
    @click.option(
        "--fail-worse-than", "baseline", metavar="RUN", help="Exit with 3 if a measure is significantly worse than in RUN."
    )
    @click.option(
        "--record",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write measures and signature, without items, into a JSON file that a card can quote.",
    )
    @options.service
    def command(
        root: Path, split: str, task: str, space: str | None, weights: Path | None, pairs: tuple[str, ...], speech: bool,
        check_only: bool, strict: bool, keep: bool, run_id: str | None, requirements: tuple[str, ...], baseline: str | None,
        record: Path | None, url: str | None, as_json: bool,
    ) -> None:  # fmt: skip
        from mm.evaluation.evaluate_set import SetRequest

        if check_only:
            print_check(described, root, split, url)
            return
        kinds = ("picture", "sound", "speech", "text") if speech else ("picture", "sound")
        request = SetRequest(described, root, split, task, parse_options(pairs), kinds, strict)
        run_and_report(request, Choices(space, weights, run_id, keep, requirements, baseline, url, as_json, record))

    return command


def make_check_command(described: Described) -> click.Command:
    """The command with `--check` of a set whose tasks have a command of their own."""

    @click.command(described.name, help=f"Check the folder of {described.title}.")
    @click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of the data set; see `mm data show`.")
    @click.option("--split", default=default_split(described), show_default=True)
    @click.option("--check", is_flag=True, required=True, expose_value=False)
    def command(root: Path, split: str) -> None:
        print_check(described, root, split, None)

    return command


@dataclass(frozen=True, slots=True)
class Choices:
    """What a run is made with, and what happens to it."""

    space: str | None
    weights: Path | None
    """Of the image tower of a shipped space."""
    run_id: str | None
    keep: bool
    requirements: tuple[str, ...]
    baseline: str | None
    """Run that must not be significantly better."""
    url: str | None
    """Service that evaluates a folder below its MM_IMPORT_ROOT; None evaluates in this process."""
    as_json: bool
    record: Path | None = None
    """File for what a card quotes of the run."""


def run_and_report(request: SetRequest, choices: Choices) -> None:
    """Evaluate, keep and print a run; exit with 3 if it misses a requirement."""
    from mm.cli.evaluation.printing import print_run
    from mm.evaluation.runs.gate import check_requirements, parse_requirement
    from mm.evaluation.runs.record import write_record

    for text in choices.requirements:
        parse_requirement(text)  # before the work
    run, worse = _run_here(request, choices) if choices.url is None else _run_there(request, choices, choices.url)
    print_run(run, as_json=choices.as_json, is_kept=choices.keep)
    if choices.record is not None:
        try:
            write_record(run, choices.record)
        except OSError as error:
            raise InvalidInput(f"{choices.record} cannot be written: {error.strerror}.") from error
    misses = [*check_requirements(run, choices.requirements), *worse]
    for miss in misses:
        click.echo(miss, err=True)
    if misses:
        sys.exit(REQUIREMENT_FAILED)


def _run_here(request: SetRequest, choices: Choices) -> tuple[Run, list[str]]:
    """The run, and sentences about measures that are worse than in the baseline."""
    from mm.cli.evaluation.spaces import open_space
    from mm.evaluation.evaluate_set import evaluate_set
    from mm.evaluation.runs.compare import compare_runs
    from mm.evaluation.runs.comparison_record import describe_comparison
    from mm.evaluation.runs.gate import list_worse
    from mm.evaluation.runs.store import RunStore

    with open_space(choices.space, choices.weights) as opened:
        store = RunStore(opened.settings.root)
        earlier = store.get(choices.baseline) if choices.baseline else None
        run_id = choices.run_id or store.new_id(request.described.name, request.task)
        store.require_free(run_id)
        run = evaluate_set(
            request, opened.space, opened.weights, opened.reader, opened.settings, run_id, _command_line(), show_progress
        )
    if choices.keep:
        store.add(run)
    return run, list_worse(describe_comparison(compare_runs(earlier, run))) if earlier else []


def _run_there(request: SetRequest, choices: Choices, url: str) -> tuple[Run, list[str]]:
    from mm.cli.evaluation.remote import evaluate_remotely
    from mm.embedded.connect import connect
    from mm.evaluation.runs.gate import list_worse

    if choices.weights or not choices.keep:
        raise click.UsageError("A service keeps each run and has its own weights: leave out --weights and --no-keep.")
    with connect(url) as client:
        run = evaluate_remotely(client, request, choices.space, choices.run_id)
        if not choices.baseline:
            return run, []
        return run, list_worse(client.evaluations.compare(choices.baseline, run.id))


def print_check(described: Described, root: Path, split: str, url: str | None) -> None:
    """Print what is wrong with the folder of a set. Raises `Failure` if something is an error."""
    if url is not None:
        from mm.cli.evaluation.remote import print_remote_check
        from mm.embedded.connect import connect

        with connect(url) as client:
            if not print_remote_check(client, described.name, str(root), split):
                raise Failure(f"{root} cannot be evaluated as {described.name}.")
        return
    from mm.data.sets.catalog import check_set, read_set
    from mm.data.sets.problems import count_noun
    from mm.data.sets.types import list_errors

    problems = check_set(described, root, split)
    for problem in problems:
        click.echo(f"{problem.severity}\t{problem}")
    if errors := list_errors(problems):
        raise Failure(f"{root} cannot be evaluated as {described.name}: {count_noun(len(errors), 'error')}.")
    data = read_set(described, root, split)
    missing = f", {len(data.missing)} missing" if data.missing else ""
    click.echo(f"{root} can be evaluated as {described.name}, split {split}: {count_noun(len(data.present), 'file')}{missing}.")


def parse_options(pairs: Sequence[str]) -> dict[str, str]:
    """Parse KEY=VALUE pairs. Raises `click.UsageError`."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--option {pair!r} is not KEY=VALUE.")
        if key in parsed:
            raise click.UsageError(f"--option {key} is given twice.")
        parsed[key] = value
    return parsed


def show_progress(progress: Progress) -> None:
    """One line on standard error, rewritten on a terminal; elsewhere a line for every tenth."""
    failed = f", {progress.failed} cannot be read" if progress.failed else ""
    reused = f", {progress.reused} from the cache" if progress.reused else ""
    line = f"{progress.verb} {progress.done} of {progress.total}{reused}{failed}"
    if sys.stderr.isatty():
        click.echo(f"\r{line}\033[K", err=True, nl=progress.done == progress.total)
    elif progress.done == progress.total or progress.done * 10 // progress.total > (progress.done - 1) * 10 // progress.total:
        click.echo(line, err=True)


def default_split(described: Described) -> str:
    """A set without splits of its own has those of the user's table, and `all`."""
    usual = [split for split in ("dev", "val", "validation") if split in described.splits]
    return [*usual, *described.splits, "all"][0]


def _command_line() -> str:
    return shlex.join(["mm", *sys.argv[1:]])
