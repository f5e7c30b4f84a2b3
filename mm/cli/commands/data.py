"""`mm data`: the data sets of `datasets/`, their cards, and what is wrong with a folder."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli.lazy import Failure

KINDS = ("captions", "labels", "moments", "masks")
"""Of tables; a test compares them with those of `mm.data.folder.examples`."""


@click.group()
def command() -> None:
    """List data sets, show their cards, and check folders of data."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the data sets that `mm eval NAME` reads, with tasks, splits and licence."""
    import json

    from mm.data.sets.catalog import list_sets

    sets = list_sets()
    if as_json:
        rows = [
            {"name": found.name, "title": found.title, "tasks": found.tasks, "splits": found.splits, "licence": found.licence}
            for found in sets
        ]
        click.echo(json.dumps(rows))
        return
    click.echo("| set | tasks | splits | licence |\n| --- | --- | --- | --- |")
    for found in sets:
        splits = ", ".join(found.splits) or "those of its table"
        click.echo(f"| {found.name} | {', '.join(found.tasks)} | {splits} | {found.licence} |")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the card of a data set, and how to get it."""
    from mm.data.sets.catalog import describe_set

    found = describe_set(name)
    card = found.folder / "CARD.md"
    click.echo(card.read_text(encoding="utf-8").rstrip() if card.is_file() else f"# {found.title}")
    click.echo(f"\nTasks: {', '.join(found.tasks) or 'none'}. Splits: {', '.join(found.splits) or 'those of its table'}.")
    click.echo(f"Licence: {found.licence}.\nSource: {found.source}.")
    if found.get:
        click.echo(f"How to get it: {found.get}")


@command.command()
@click.argument("arguments", nargs=-1, required=True, metavar="[NAME] FOLDER")
@click.option("--split", help="Split; default: dev of a set that has it, `all` of a folder of your own.")
def check(arguments: tuple[str, ...], split: str | None) -> None:
    """Say what is missing or wrong in the FOLDER of the data set NAME, and how to mend it.

    Without NAME the folder is one of your own: a table with the files beside it, or folders of
    classes. Exits with 1 if something prevents an evaluation.
    """
    from mm.cli.evaluation.set_command import default_split, print_check
    from mm.data.sets.catalog import describe_set

    if len(arguments) > 2:
        raise click.UsageError("Give the name of a set and its folder, or only a folder.")
    root = Path(arguments[-1])
    described = describe_set(arguments[0] if len(arguments) == 2 else "folder")
    if described.name == "folder" and root.is_dir():
        print_understood(root)
    print_check(described, root, split or default_split(described))


def print_understood(root: Path) -> None:
    """Print the layout of a user's folder, its items, and the tasks that are possible."""
    from collections import Counter

    from mm.data.folder.durations import check_ends
    from mm.data.folder.layout import read_folder
    from mm.data.sets.problems import count_noun
    from mm.media import MediaReader

    folder = read_folder(root)
    items = [found.item for found in folder.items]
    click.echo(f"layout\t{folder.form}")
    counts = {
        "file": len({item.id for item in items}),
        "caption": sum(len(item.texts) for item in items),
        "label": len({label for item in items for label in item.labels}),
        "moment": sum(len(item.moments) for item in items),
        "mask": sum(len(item.masks) for item in items),
        "group": len({item.group for item in items}),
    }
    click.echo("items\t" + ", ".join(count_noun(count, name) for name, count in counts.items() if count))
    splits = Counter(found.split for found in folder.items if found.split)
    click.echo("splits\t" + ", ".join(f"{name} {count}" for name, count in {"all": len(items), **splits}.items()))
    click.echo(f"tasks\t{', '.join(folder.tasks) or 'none'}")
    if any(item.moments for item in items):
        with MediaReader() as reader:
            for problem in check_ends(folder.items, reader):
                click.echo(f"{problem.severity}\t{problem}")


@command.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="New file; default: standard output.")
def example(kind: str, out: Path | None) -> None:
    """Print a table of a folder of your own that can be copied and filled in."""
    from mm.data.folder.examples import EXAMPLES
    from mm.files import open_new

    name, text = EXAMPLES[kind]
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with open_new(out) as file:
            file.write(text.encode())
    except FileExistsError:
        raise Failure(f"{out} exists already, and is not overwritten.") from None
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.") from error
    click.echo(f"{out} written; in a folder of your own it is usually named {name}.")
