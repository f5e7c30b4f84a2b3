"""`mm doctor`: what is wrong on this machine, in words; which runtime is the fastest on it; and how
to mend a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.embedded.recover import Action


@click.command()
@click.option(
    "--tune", "tunes", is_flag=True, help="Measure which runtime encodes pictures fastest here, and use it from now on."
)
@click.option("--adopt", "action", flag_value="adopt", help="Declare that the catalog and the folder MM_HOME belong together.")
@click.option(
    "--rebuild",
    "action",
    flag_value="rebuild",
    help="Add the items whose files are in MM_HOME to the catalog; make it if needed.",
)
@click.option("--empty", "action", flag_value="empty", help="Move all files to the trash and begin with an empty library.")
@click.option(
    "--collect", "action", flag_value="collect", help="Move every old file that belongs to no item of the catalog to the trash."
)
@click.option("--yes", "confirmed", is_flag=True, help="Do not ask before --empty.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, tunes: bool, action: Action | None, confirmed: bool, as_json: bool) -> None:
    """Look at everything that the service needs here, without starting it. Exit code 1 when
    something must be mended.

    --adopt, --rebuild and --empty are the ways on when the catalog and the folder MM_HOME do not
    match; the service must not run meanwhile. None of them deletes anything: a catalog that is
    replaced is renamed, files go to the trash.
    """
    if action is not None:
        _recover(action, confirmed=confirmed, as_json=as_json)
        return
    if tunes:
        _tune(as_json)
        return
    from mm.cli.diagnosis.checks import examine
    from mm.cli.render import print_checks
    from mm.schemas import Readiness

    checks = examine()
    healthy = all(check.ok for check in checks if check.required)
    if as_json:
        click.echo(Readiness(ready=healthy, checks=checks).model_dump_json(indent=2))
    else:
        print_checks(checks)
    if not healthy:
        ctx.exit(1)


def _recover(action: Action, *, confirmed: bool, as_json: bool) -> None:
    from mm.cli.diagnosis.recover import show
    from mm.embedded.recover import recover
    from mm.settings import load_settings

    settings = load_settings()
    if action == "empty" and not confirmed:
        click.confirm(f"Move every file of the library in {settings.root} to the trash?", abort=True, err=True)
    result = recover(settings, action)
    if as_json:
        click.echo(result.model_dump_json(indent=2))
    else:
        show(result)


def _tune(as_json: bool) -> None:
    from mm.cli.render import print_trials
    from mm.settings import load_settings
    from mm.spaces.registry import tune_runtime

    settings = load_settings()
    choice = tune_runtime(settings, lambda name: click.echo(f"measuring {name}", err=True))
    if as_json:
        click.echo(choice.model_dump_json(indent=2))
        return
    print_trials(choice)
    click.echo(f"{choice.runtime} is used by services and workers that start from now on.", err=True)
    if settings.runtime not in ("auto", choice.runtime):
        click.echo(f"MM_RUNTIME is {settings.runtime} and goes before it.", err=True)
