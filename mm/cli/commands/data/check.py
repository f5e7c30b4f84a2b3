"""`mm data check`: what is missing or wrong in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mm.data.sets.catalog import Described


@click.command()
@click.argument("arguments", nargs=-1, required=True, metavar="[NAME] FOLDER")
@click.option("--split", help="Split; default: dev of a set that has it, `all` of a folder of your own.")
def command(arguments: tuple[str, ...], split: str | None) -> None:
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
        print_understood(root, described)
    print_check(described, root, split or default_split(described), None)


def print_understood(root: Path, described: Described) -> None:
    """Print the layout of a folder, its items, and the tasks that it can be evaluated for."""
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
    runnable = [task for task in folder.tasks if task in described.tasks]
    click.echo(f"tasks\t{', '.join(runnable) or 'none'}")
    if any(item.moments for item in items):
        with MediaReader() as reader:
            for problem in check_ends(folder.items, reader):
                click.echo(f"{problem.severity}\t{problem}")
