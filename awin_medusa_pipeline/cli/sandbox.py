"""Runs `awin-medusa sandbox`: starts, stops and empties the trial shop."""

import shlex
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.cli.terminal import Steps, commands, say, show_table
from awin_medusa_pipeline.sandbox import DEFAULT_PORT, Sandbox, SandboxError
from awin_medusa_pipeline.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich")

Port = Annotated[
    int | None,
    typer.Option(
        min=1024,
        max=65533,
        help=f"Port of Medusa; PostgreSQL and the feed take the next two. Default: the last one used, else "
        f"{DEFAULT_PORT}.",
    ),
]


@app.callback()
def sandbox() -> None:
    """Run a real Medusa shop for trials: its own PostgreSQL, a feed server, a Slack sink and a stand-in for Etsy.

    It runs on this machine only, in AWIN_MEDUSA_HOME, needs neither root nor Docker, and can be thrown away at any
    time.
    """


@app.command()
def up(port: Port = None) -> None:
    """Start the sandbox; the first time, also install and seed it (about a minute)."""
    with Steps() as steps:
        shop = sandbox_here(Settings(), port).up(steps)
    say("\nThe sandbox runs. Shop: ", (shop.base_url, "bold"), f" (admin {shop.admin_email})")
    commands(
        [
            ("awin-medusa demo", "fill it, and see a whole sync"),
            ('eval "$(awin-medusa sandbox env)"', "let this shell's commands work on it"),
            ("awin-medusa sandbox reset", "empty the shop again"),
            ("awin-medusa sandbox down", "stop it; --purge removes it"),
        ]
    )


@app.command()
def down(
    port: Port = None,
    purge: Annotated[bool, typer.Option("--purge", help="Also remove all its files, including the shop.")] = False,
) -> None:
    """Stop the sandbox; the shop's contents stay."""
    with Steps() as steps:
        stopped = sandbox_here(Settings(), port).down(purge=purge, progress=steps)
    state = "The sandbox is stopped" if stopped else "The sandbox was not running"
    say(f"{state}{' and removed' if purge else ''}.")


@app.command()
def status(port: Port = None) -> None:
    """Show the state of each service. Exit code 1 unless all are running."""
    found = sandbox_here(Settings(), port).status()
    table = Table("part", "state", "address", "log")
    for service in found.services:
        state = Text(service.state, style="green" if service.state == "running" else "yellow")
        table.add_row(service.name, state, service.address, str(service.log))
    show_table(table)
    if not found.running:
        say("Not running." if found.seeded else "Not set up.")
        commands([("awin-medusa sandbox up", "start it")])
        raise typer.Exit(1)


@app.command()
def reset(port: Port = None) -> None:
    """Empty the shop, as it was after seeding. Its keys stay the same."""
    sandbox_here(Settings(), port).reset()
    say("The sandbox's shop is empty again.")


@app.command()
def env(port: Port = None) -> None:
    """Print settings that point to the sandbox, with its keys, for a shell: eval "$(awin-medusa sandbox env)"."""
    for name, value in sandbox_here(Settings(), port).environment().items():
        say(f"export {name}={shlex.quote(value)}")


def sandbox_here(settings: Settings, port: int | None = None) -> Sandbox:
    """The sandbox in AWIN_MEDUSA_HOME."""
    return Sandbox(settings.local_home, port)


def points_to(settings: Settings, sandbox: Sandbox) -> bool:
    """Whether the settings name the shop of this sandbox."""
    try:
        return settings.medusa_backend_url == sandbox.shop.base_url
    except SandboxError:
        return False  # never set up
