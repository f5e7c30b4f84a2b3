"""`mm doctor`: check the machine and the library, tune the runtime, recover a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.embedded.recover import Action


@click.command()
@click.option("--tune", "tunes", is_flag=True, help="Measure the runtimes of the image tower, and use the fastest from now on.")
@click.option("--adopt", "action", flag_value="adopt", help="Record that the catalog and the folder MM_HOME belong together.")
@click.option(
    "--rebuild",
    "action",
    flag_value="rebuild",
    help="Add the items whose files are in MM_HOME to the catalog; create it if it is missing.",
)
@click.option("--empty", "action", flag_value="empty", help="Move all files to the trash and start an empty library.")
@click.option(
    "--collect", "action", flag_value="collect", help="Move every old file without an item in the catalog to the trash."
)
@click.option(
    "--read-metadata",
    "action",
    flag_value="metadata",
    help="Read time, camera and place of files that an earlier version added; the service may run meanwhile.",
)
@click.option(
    "--read-text",
    "action",
    flag_value="text",
    help="Recognize text again in the images in which that failed; the service does it when no job is waiting.",
)
@click.option("--yes", "confirmed", is_flag=True, help="Confirm --empty without a prompt.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, tunes: bool, action: Action | None, confirmed: bool, as_json: bool) -> None:
    """Check everything that the service needs, without starting it.

    The exit code is 1 when something must be fixed.

    --adopt, --rebuild and --empty recover a library whose catalog and folder MM_HOME do not match.
    The service must not run meanwhile. They delete nothing: a replaced catalog is renamed, and
    files are moved to the trash.
    """
    if action is not None:
        _recover(action, confirmed=confirmed, as_json=as_json)
        return
    if tunes:
        _tune(as_json)
        return
    from mm.cli.diagnosis.checks import run_checks
    from mm.cli.render import print_checks
    from mm.schemas import Readiness

    checks = run_checks()
    is_ready = all(check.ok for check in checks if check.required)
    if as_json:
        click.echo(Readiness(ready=is_ready, checks=checks).model_dump_json(indent=2))
    else:
        print_checks(checks)
    if not is_ready:
        ctx.exit(1)


def _recover(action: Action, *, confirmed: bool, as_json: bool) -> None:
    from mm.cli.diagnosis.recovery import print_recovery
    from mm.embedded.recover import recover
    from mm.settings import load_settings

    settings = load_settings()
    if action == "empty" and not confirmed:
        click.confirm(f"Move every file of the library in {settings.root} to the trash?", abort=True, err=True)
    result = recover(settings, action)
    if as_json:
        click.echo(result.model_dump_json(indent=2))
    else:
        print_recovery(result)


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
    click.echo(f"Services and workers use {choice.runtime} from their next start.", err=True)
    if settings.runtime not in ("auto", choice.runtime):
        click.echo(f"MM_RUNTIME is {settings.runtime} and overrides it.", err=True)
