"""`mm models show`: the spaces and language models, and their cards."""

from __future__ import annotations

import sys

import click

from mm.cli import options


@click.command()
@click.argument("name", required=False)
@options.service
def command(name: str | None, url: str | None, as_json: bool) -> None:
    """List the space and the language model. With NAME, for example lite@1, print its card."""
    from mm.cli.render import print_models
    from mm.embedded.connect import connect
    from mm.errors import NotFound

    with connect(url) as client:
        models = client.models()
    if name is not None:
        models = [model for model in models if name in {model.id, model.id.partition("@")[0]}]
        if not models:
            raise NotFound(f"There is no space or language model {name!r} here.")
    if as_json:
        click.echo(f"[{','.join(model.model_dump_json() for model in models)}]")
    elif name is None:
        print_models(models)
    elif models[0].card:
        _show_card(models[0].card)
    else:
        raise NotFound(f"The model {name!r} has no card.")


def _show_card(card: str) -> None:
    if not sys.stdout.isatty():
        click.echo(card)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(card))
