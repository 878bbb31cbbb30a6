"""Says which runs Dagster starts again when their process has died, and lets such a run wait for the shop.

Only with `run_retries` in dagster.yaml, as in deploy/: on one machine the next run goes on from there.
"""

import time
from collections.abc import Callable

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.leases import HELD_FOR, Leases

ANEW = {"dagster/retry_strategy": "ALL_STEPS"}
"""On jobs that read feed and shop first: they go on from what the shop shows, and their reports are whole."""
ONCE = {"dagster/max_retries": "0"}
"""On jobs that a person decides on, that do more the second time, or whose own sensor starts them again."""
LOOK = 2.0  # seconds


def wait_for_shop(app: App, instance: dg.DagsterInstance, run: dg.DagsterRun, sleep: Callable[[float], None]) -> None:
    """Wait while the run that this one takes up seems to hold the shop: on another machine its death shows late.

    Taking the shop from it at once could meet a request that is still under way.
    """
    before = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if before is None or not before.is_finished:
        return
    leases, until = Leases(app.database), time.monotonic() + HELD_FOR.total_seconds() + LOOK
    while leases.is_held_by(app.shop_address, before.run_id) and time.monotonic() < until:
        sleep(LOOK)
