"""`mm models recommend`: language models that this machine can run."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date

import click

from mm.cli import options


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """List language models by the memory that they need, and whether they fit in this machine.

    Models marked `url` run in a server such as vLLM, SGLang, llama.cpp or Ollama, which
    MM_LANGUAGE_URL names. Recommendations age: each row has the date on which its source was read.
    """
    from mm.cli.render import print_rows
    from mm.generation.recommend.table import read_recommendations
    from mm.machine import read_machine

    machine, rows = read_machine(), read_recommendations()
    if as_json:
        models = [{**asdict(row), "fits": row.place(machine)} for row in rows]
        click.echo(json.dumps({"machine": asdict(machine), "models": models}, default=str))
        return
    gpus = ", ".join(f"{gpu.name} with {gpu.memory_gb:.0f} GiB" for gpu in machine.gpus) or "no GPU"
    click.echo(f"This machine has {machine.memory_gb:.1f} GiB of memory and {gpus}.", err=True)
    today = date.today()
    listed = [
        (
            row.name,
            f"{row.memory_gb:g} GiB",
            row.place(machine) or "-",
            row.runs,
            ", ".join(row.reads),
            f"{row.source}, read {row.read}{' (old)' if row.is_old(today) else ''}",
        )
        for row in rows
    ]
    print_rows(("model", "memory", "fits", "runs", "reads", "source"), listed)
