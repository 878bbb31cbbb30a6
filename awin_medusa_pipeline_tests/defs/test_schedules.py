"""Tries what the nightly schedule asks Dagster for."""

from datetime import timedelta

import dagster as dg
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.schedules import longest_gap
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.kinds import ASSETS


@pytest.mark.parametrize(
    ("kinds", "applied"),
    [
        ("", None),
        ("import, stock", {"imported_products", "stock_updates"}),
        ("price adopt", {"adopted_products", "price_updates"}),
    ],
)
def test_the_schedule_applies_the_kinds_of_the_settings(
    kinds: str, applied: set[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_KINDS", kinds)
    with App(Settings()) as app:
        repository = build_defs(Shops.of(app)).get_repository_def()
    schedule = repository.get_schedule_def("daily_sync_schedule")
    with dg.build_schedule_context(repository_def=repository) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    if applied is None:
        assert not request.asset_selection
        return
    keys = {key.to_user_string() for key in request.asset_selection or ()}
    assert keys & set(ASSETS) == applied == set(request.run_config["ops"]) - {"awin_feeds"}
    assert {"awin_feed", "medusa_catalog", "sync_summary"} <= keys


@pytest.mark.parametrize(
    ("cron", "apart"),
    [
        ("0 2 * * *", timedelta(days=1)),
        ("0 2 * * 1-5", timedelta(days=3)),
        ("*/20 * * * *", timedelta(minutes=20)),
        ("*/3 * * * *", timedelta(minutes=3)),
        ("0 2 29 2 *", timedelta(days=62)),
        ("@daily", timedelta(days=1)),
    ],
)
def test_how_far_apart_the_runs_are(cron: str, apart: timedelta) -> None:
    """Seen: a schedule of each minute kept every process from starting, for minutes."""
    assert longest_gap(cron) == apart


@pytest.mark.parametrize("cron", ["99 * * * *", "0 2 * *", "0 2 30 2 *", "@reboot", "every night"])
def test_what_is_no_time_is_told_in_a_sentence(cron: str) -> None:
    with pytest.raises(PermanentError, match=r"Reading SYNC_CRON: .* is no time that comes again"):
        longest_gap(cron)
