"""Runs `awin-medusa ui`: console and Dagster UI at one address, with the daemon that runs schedules and sensors."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer
import uvicorn

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.patience import PatientProtocol
from awin_medusa_pipeline.cli.terminal import Steps, say
from awin_medusa_pipeline.console.application import console
from awin_medusa_pipeline.console.door import DAGSTER
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.ports import HOST, port_is_free
from awin_medusa_pipeline.core.store.outbox import Outbox, OutboxMessage
from awin_medusa_pipeline.defs.launch import dagster_home, end_dead_runs
from awin_medusa_pipeline.defs.services import services
from awin_medusa_pipeline.defs.webserver import ThisDagster, dagster_ui
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, Settings, env_file
from awin_medusa_pipeline.shops import Shops

ADDRESS = "DAGSTER_WEBSERVER_URL"
LOOK = 5.0  # seconds between two looks for messages to show

Port = Annotated[int, typer.Option(min=1024, max=65535, help="Port of console and Dagster UI.")]
Host = Annotated[
    str,
    typer.Option(help="Address to listen on. Beyond this machine only behind TLS, with DAGSTER_WEBSERVER_URL set."),
]


def ui(port: Port = 3000, host: Host = HOST) -> None:
    """Start console and Dagster UI, with schedules and sensors; Ctrl-C stops them.

    The nightly sync runs while this does. A sandbox that .env points to is started as well.
    """
    with Shops.open() as shops:
        _start_sandbox(shops.common)
    serve(port, host, with_dagster=True)


def _start_sandbox(app: App) -> None:
    """Start the sandbox if the settings point to it."""
    if not (app.local_home / "sandbox").exists():
        return
    # Imported here: an installation for a shop owner has no sandbox.
    from awin_medusa_pipeline.cli.sandbox import points_to, sandbox_here

    sandbox = sandbox_here(app.settings)
    if points_to(app.settings, sandbox):
        with Steps() as steps:
            sandbox.up(steps)


def serve(port: int, host: str, *, with_dagster: bool) -> None:
    """Serve the console, and Dagster with it, until Ctrl-C. Raises PermanentError when the port is taken."""
    if not port_is_free(port):
        raise PermanentError(
            f"Starting the console on port {port}",
            "another program uses that port, perhaps a console that runs already",
            f"Look at http://localhost:{port}, or choose another port.",
            action=Action.TAKE_ANOTHER_PORT,
            target=str(port + 1),
        )
    settings = Settings()
    if ADDRESS.lower() not in settings.model_fields_set:
        os.environ[ADDRESS] = f"http://localhost:{port}"
    # Absolute, since the processes of Dagster work in another folder.
    os.environ["AWIN_MEDUSA_HOME"] = settings.awin_medusa_home
    os.environ[ENV_FILE_VARIABLE] = str(env_file())
    with ExitStack() as stack:
        shops = stack.enter_context(Shops.open())
        home = dagster_home(shops.common)
        end_dead_runs(shops)
        # Dagster prefers a .env in its folder to the environment, and so to AWIN_MEDUSA_ENV_FILE.
        os.chdir(home)
        dagster = stack.enter_context(services(home, say)) if with_dagster else None
        pages = stack.enter_context(dagster_ui(dagster.workspace, DAGSTER)) if dagster else None
        public = shops.common.settings.dagster_webserver_url
        served = console(shops, ThisDagster(dagster.start_anew if dagster else None), public, pages)
        say("The console: ", (public, "bold"), f", Dagster's UI: {public.rstrip('/')}{DAGSTER}/. Ctrl-C stops both.")
        _show_first_link(shops.common, public)
        stack.callback(_follow_messages(shops))
        # uvicorn raises the signal that has ended it once more: the processes of Dagster are still to be ended.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        uvicorn.run(
            served,
            host=host,
            port=port,
            http=PatientProtocol,
            log_level="warning",
            access_log=False,
            server_header=False,
        )


def _show_first_link(app: App, public: str) -> None:
    access = Access(app.database)
    if not access.users():
        say("Make the first user: ", (f"{public.rstrip('/')}/link/{access.make_link(None)}", "bold"))
        say(("This link works once, for an hour. Later: awin-medusa console link", "dim"))


def _follow_messages(shops: Shops) -> Callable[[], None]:
    """Print the title of each message to the shop owner as it comes; returns how to stop."""
    over = threading.Event()
    outboxes = [Outbox(app.database) for app in shops.values()]
    last = [outbox.last_id() for outbox in outboxes]

    def follow() -> None:
        while not over.wait(LOOK):
            for place, outbox in enumerate(outboxes):
                for message in outbox.after(last[place]):
                    last[place] = message.id
                    show(message)

    def show(message: OutboxMessage) -> None:
        title = "".join(filter(str.isprintable, str(message.payload.get("text", "")).partition("\n")[0]))
        say((f"{datetime.now(UTC):%H:%M} UTC  ", "dim"), title[:200])

    thread = threading.Thread(target=follow, name="messages", daemon=True)
    thread.start()
    return over.set
