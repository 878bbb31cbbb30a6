"""Makes Dagster's UI as an ASGI application behind the console's door, and answers what the console asks Dagster."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp

from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.defs.health import daemon_is_alive

POLLED = 2000  # milliseconds between two looks of a page at runs and assets, as in `dagster dev`
LOOK = 5.0  # seconds
STARTING = 60.0  # seconds until the first heartbeat of a daemon, on a busy machine
CONSOLE_LINK = b"""<a href="/" style="position:fixed;right:14px;bottom:14px;z-index:20;padding:6px 12px;\
border-radius:8px;background:#1f4f8f;color:#fff;font:600 13px system-ui;text-decoration:none">Console</a>"""


@contextmanager
def dagster_ui(workspace: Path, prefix: str) -> Iterator[ASGIApp]:
    """Serve the code locations of a workspace file below the path `prefix`, from the instance of DAGSTER_HOME."""
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3_600, max_overflow=20)
        target = WorkspaceFileTarget(paths=[str(workspace)])
        with WorkspaceProcessContext(
            instance, workspace_load_target=target, code_server_log_level="warning"
        ) as context:
            yield LinkedWebserver(context, prefix, POLLED).create_asgi_app()


class LinkedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's web server, with a link to the console on each of its pages."""

    def index_html_endpoint(self, request: Request) -> HTMLResponse:
        """Serve Dagster's page with the link."""
        page = super().index_html_endpoint(request)
        headers = {name: value for name, value in page.headers.items() if name != "content-length"}
        return HTMLResponse(bytes(page.body).replace(b"</body>", CONSOLE_LINK + b"</body>"), headers=headers)


class ThisDagster:
    """What the console asks Dagster: read from the instance of DAGSTER_HOME, so it needs no running process.

    `start_anew`: starts the processes again that have read the settings, where they are ours.
    """

    def __init__(self, start_anew: Callable[[], None] | None = None) -> None:
        self._start_anew = start_anew
        self._alive, self._looked_at = False, float("-inf")
        self._starts_until = time.monotonic() + STARTING if start_anew else float("-inf")

    def alive(self) -> bool:
        """Whether a daemon runs, as its heartbeats say; looked up every few seconds, since every page asks.

        One that was just started with us counts as running until its first heartbeat is due.
        """
        if time.monotonic() < self._starts_until:
            return True
        if time.monotonic() > self._looked_at + LOOK:
            with dg.DagsterInstance.get() as instance:
                self._alive, self._looked_at = daemon_is_alive(instance), time.monotonic()
        return self._alive

    def how_run_ended(self, run_id: str) -> str | None:
        """How a run ended, without a full stop; None while it may go on."""
        with dg.DagsterInstance.get() as instance:
            return how_it_ended(instance, run_id)

    def read_settings_anew(self) -> bool:
        """Restart the code server, which reads the settings when it starts; False where it is not ours."""
        if self._start_anew:
            self._start_anew()
        return self._start_anew is not None
