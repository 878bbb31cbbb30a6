"""Runs `awin-medusa console`: serves the console alone, and makes links, users and tokens that open it."""

from typing import Annotated

import typer
from rich.table import Table

from awin_medusa_pipeline.cli.application import open_common, who
from awin_medusa_pipeline.cli.terminal import age, commands, say, show_table
from awin_medusa_pipeline.cli.ui import Host, Port, serve
from awin_medusa_pipeline.console.store.access import Access, Scope
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.core.store.database import Database

app = typer.Typer(add_completion=False, rich_markup_mode="rich", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name to log in with.")]


@app.callback()
def console(context: typer.Context, port: Port = 3000, host: Host = HOST) -> None:
    """Serve the console alone, where Dagster runs elsewhere; `awin-medusa ui` serves both."""
    if context.invoked_subcommand is None:
        serve(port, host, with_dagster=False)


@app.command()
def link(
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Log this user in. Default: the only one.")] = None,
) -> None:
    """Make a link that opens the console once, within an hour: for a lost password, or for the first user."""
    with open_common() as opened:
        access, public = Access(opened.database), opened.settings.dagster_webserver_url.rstrip("/")
        names = [one.name for one in access.users()]
        if user is not None and user not in names:
            raise PermanentError(f"Making a link for {user}", "there is no such user", f"There is: {', '.join(names)}.")
        if user is None and len(names) > 1:
            raise PermanentError(
                "Making a link", f"there are several users: {', '.join(names)}", "Name one: --user NAME."
            )
        chosen = user or next(iter(names), None)
        _record(opened.database, "make_link", chosen or "first user")
        say((f"{public}/link/{access.make_link(chosen)}", "bold"))
    say(("It works once, within an hour.", "dim"))


@app.command()
def users() -> None:
    """List who may log in."""
    with open_common() as opened:
        found = Access(opened.database).users()
    if not found:
        say("There is no user yet.")
        commands([("awin-medusa console link", "a link that makes the first one")])
        return
    table = Table("name", "since", "password")
    for user in found:
        table.add_row(user.name, age(user.created_at), "set" if user.password_hash else "none, comes by link")
    show_table(table)


@app.command()
def password(name: Name) -> None:
    """Make a user, or change a password; that user is logged out everywhere."""
    chosen = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    with open_common() as opened:
        Access(opened.database).set_user(name, chosen)
        _record(opened.database, "set_password", name)
    say(f"Set: {name} can log in with it.")


@app.command()
def remove(name: Name) -> None:
    """Remove a user, who is logged out at once."""
    with open_common() as opened:
        if not Access(opened.database).remove_user(name):
            raise PermanentError(f"Removing {name}", "there is no such user", "Look at `awin-medusa console users`.")
        _record(opened.database, "remove_user", name)
    say(f"Removed: {name}.")


@app.command()
def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as the program's name.")],
    decide: Annotated[bool, typer.Option("--decide", help="It may also request, confirm, approve and undo.")] = False,
) -> None:
    """Make an API token; it is shown once. Revoke it in the console under Settings."""
    with open_common() as opened:
        text = Access(opened.database).make_token(name, Scope.DECIDE if decide else Scope.READ, who().name)
        _record(opened.database, "make_token", name)
    say((text, "bold"))


def _record(database: Database, action: str, target: str) -> None:
    Audit(database).record(who(), action, target)
