"""Runs `awin-medusa ui`: the Dagster UI with its daemon, which runs schedules and sensors."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.terminal import Steps, say
from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.ports import HOST, port_is_free
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, env_file

WORKSPACE = """\
load_from:
  - python_module:
      module_name: awin_medusa_pipeline.definitions
      location_name: awin_medusa_pipeline
"""
ADDRESS = "DAGSTER_WEBSERVER_URL"
# The successor `dg dev` leaves its code server alive for up to 45 s (measured); `dagster dev` has one for both parts.
SUPERSEDED = "ignore:Function `dev_command` is superseded"


def ui(port: Annotated[int, typer.Option(min=1024, max=65535, help="Port of the UI.")] = 3000) -> None:
    """Start the Dagster UI, with schedules and sensors; Ctrl-C stops it.

    The nightly sync runs while the UI does. A sandbox that .env points to is started as well.
    """
    with open_app() as app:
        _start_sandbox(app)
        say("The Dagster UI comes up at ", (f"http://localhost:{port}", "bold"), " in some seconds. Ctrl-C stops it.")
        serve(app, port)


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


def serve(app: App, port: int) -> NoReturn:
    """Replace this process by `dagster dev`, so that signals reach it. Raises PermanentError when the port is taken."""
    if not port_is_free(port):
        raise PermanentError(
            f"Starting the Dagster UI on port {port}",
            "another program uses that port, perhaps a Dagster UI that runs already",
            f"Look at http://localhost:{port}, or choose another port.",
            action=Action.TAKE_ANOTHER_PORT,
            target=str(port + 1),
        )
    home = dagster_home(app)
    workspace = home / "workspace.yaml"
    workspace.write_text(WORKSPACE)
    if ADDRESS.lower() not in app.settings.model_fields_set:
        os.environ[ADDRESS] = f"http://localhost:{port}"
    # Absolute, since Dagster starts in another folder.
    os.environ["AWIN_MEDUSA_HOME"] = app.home
    os.environ[ENV_FILE_VARIABLE] = str(env_file())
    app.close()
    warnings = [SUPERSEDED, os.environ.get("PYTHONWARNINGS")]
    os.environ["PYTHONWARNINGS"] = ",".join(rule for rule in warnings if rule)
    # Dagster treats SIGTERM as SIGINT, which a shell's background jobs ignore.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Dagster prefers a .env in its folder to the environment, and so to AWIN_MEDUSA_ENV_FILE.
    os.chdir(home)
    command = ["dagster", "dev", "--workspace", str(workspace), "--host", HOST, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *command, "--log-level", "warning"])
