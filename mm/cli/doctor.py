"""`mm doctor`: what is wrong on this machine, in words."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@options.as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at everything that the service needs here, without starting it. Exit code 1 when something must be mended."""
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
