"""`mm ask`: ask the library a question."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("question")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(options.KINDS), help="Only items of this kind; repeatable.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only items with this tag; with several, all of them.")
@click.option("--item", "items", multiple=True, metavar="ID", help="Only this item; repeatable.")
@click.option("--max-tokens", default=256, show_default=True, metavar="N", help="Longest answer of a language model, in tokens.")
@options.service
def command(
    question: str,
    kinds: tuple[str, ...],
    tags: tuple[str, ...],
    items: tuple[str, ...],
    max_tokens: int,
    url: str | None,
    as_json: bool,
) -> None:
    """Answer QUESTION from the library, in sentences that cite moments.

    The exit code is 0 also when the library does not hold the answer.
    """
    from mm.cli.answers import print_answer
    from mm.embedded.connect import connect
    from mm.schemas import Filters

    filters = Filters.model_validate({"kinds": kinds, "tags": tags, "items": items})
    with connect(url) as client:
        answer = client.ask(question, filters=filters, max_tokens=max_tokens)
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
    else:
        print_answer(answer)
