"""`mm doctor`: what is wrong on this machine, in words; and which runtime is the fastest on it."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.option(
    "--tune", "tunes", is_flag=True, help="Measure which runtime encodes pictures fastest here, and use it from now on."
)
@options.as_json
@click.pass_context
def command(ctx: click.Context, tunes: bool, as_json: bool) -> None:
    """Look at everything that the service needs here, without starting it. Exit code 1 when something must be mended."""
    if tunes:
        _tune(as_json)
        return
    from mm.cli.checks import examine
    from mm.cli.show import show_checks
    from mm.schemas import Readiness

    checks = examine()
    healthy = all(check.ok for check in checks if check.required)
    if as_json:
        click.echo(Readiness(ready=healthy, checks=checks).model_dump_json(indent=2))
    else:
        show_checks(checks)
    if not healthy:
        ctx.exit(1)


def _tune(as_json: bool) -> None:
    from mm.cli.show import show_trials
    from mm.settings import load_settings
    from mm.spaces.registry import tune

    settings = load_settings()
    choice = tune(settings, lambda name: click.echo(f"measuring {name}", err=True))
    if as_json:
        click.echo(choice.model_dump_json(indent=2))
        return
    show_trials(choice)
    click.echo(f"{choice.runtime} is used by services and workers that start from now on.", err=True)
    if settings.runtime not in ("auto", choice.runtime):
        click.echo(f"MM_RUNTIME is {settings.runtime} and goes before it.", err=True)
