"""Starting the Dagster UI with its daemon, which runs schedules and sensors.

What belongs here: the process and its surroundings. What does not: what the UI shows (definitions.py).
"""

import os
import signal
import sys
from typing import NoReturn

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.sandbox.processes import HOST, port_is_free
from awin_medusa_pipeline.settings import PROJECT_ROOT, Settings

ADDRESS = "DAGSTER_WEBSERVER_URL"
# `dagster dev` has one code server for both; its successor `dg dev` leaves it alive for up to 45 s (measured).
SUPERSEDED = "ignore:Function `dev_command` is superseded"


def serve(port: int) -> NoReturn:
    """Become `dagster dev`, so that signals reach it; Ctrl-C ends it. Raises PermanentError when the port is taken."""
    if not port_is_free(port):
        raise PermanentError(
            f"Starting the Dagster UI on port {port}",
            "another program uses that port, perhaps a Dagster UI that runs already",
            f"Look at http://localhost:{port}, or choose another port: awin-medusa ui --port {port + 1}.",
        )
    home = dagster_home()
    if ADDRESS.lower() not in Settings().model_fields_set:
        os.environ[ADDRESS] = f"http://localhost:{port}"
    warnings = [SUPERSEDED, os.environ.get("PYTHONWARNINGS")]
    os.environ["PYTHONWARNINGS"] = ",".join(rule for rule in warnings if rule)
    # Dagster treats SIGTERM as SIGINT, and a shell's background jobs ignore that one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Dagster lets a .env in its folder go before the environment, and so before AWIN_MEDUSA_ENV_FILE.
    os.chdir(home)
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    command = ["dagster", "dev", "--workspace", workspace, "--host", HOST, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *command, "--log-level", "warning"])
